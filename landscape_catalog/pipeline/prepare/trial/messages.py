"""What the trial of custom code says about causes, and about ways out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from landscape_catalog.errors import CodeError, described
from landscape_catalog.tasks import Samples

MOST_NAMED = 5
RANDOM = (
    "something in the network or the task is random or remembers earlier calls, for example "
    "F.dropout without training=self.training, or noise that is added in eval mode too"
)
_SPECTRAL = ("_u", "_v", "weight_u", "weight_v")


def called(name: str, what: str, function: Callable[..., Any], *args: Any) -> Any:
    """The function's result.

    Raises:
        CodeError: beginning with `name`, if it fails; its own `CodeError`s pass.
    """
    try:
        return function(*args)
    except CodeError:
        raise
    except (Exception, SystemExit) as error:  # custom code may raise anything
        raise CodeError(f"{name}: {what}failed: {described(error)}") from error


def shown_names(names: Iterable[str]) -> str:
    """Names in backticks; after the first few, how many more there are."""
    names = list(names)
    more = f" and {len(names) - MOST_NAMED} more" if names[MOST_NAMED:] else ""
    return ", ".join(f"`{name}`" for name in names[:MOST_NAMED]) + more


def derivative_hint(error: BaseException) -> str:
    """The message of a failed second derivative, with the way out where the cause is known."""
    text = described(error)
    lowered = text.lower()
    if "attention" in lowered:
        return (
            f"{text}. Fused attention has no second derivative: use math attention, with "
            "`with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):` around the "
            "attention"
        )
    if "cudnn" in lowered:
        return (
            f"{text}. cuDNN's recurrent layers have no second derivative: call them within "
            "`with torch.backends.cudnn.flags(enabled=False):`"
        )
    return text


def neighbour_hint(network: nn.Module, outputs: Tensor, samples: Samples) -> str:
    """Why a sample's answer may depend on its neighbours; "" if no cause is apparent."""
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is None:
            return (
                f". `{name}` ({type(module).__name__}) keeps no running statistics "
                "(track_running_stats=False), so it normalises over the batch in eval mode too: "
                "keep them, or use group or layer norm"
            )
    targets = samples.targets
    if outputs.ndim != targets.ndim and targets.is_floating_point():
        return (
            f". The outputs have shape {tuple(outputs.shape)} and the targets "
            f"{tuple(targets.shape)}, which broadcast against each other: give both one shape, for "
            "example with outputs.squeeze(1)"
        )
    if targets.ndim == 2 and not samples.inputs.is_floating_point():
        return ". Sentences of a batch are padded with token 0 to the longest one: mask it"
    return ""


def _counts(before: Tensor, after: Tensor) -> bool:
    """Whether a buffer counts: it holds whole numbers, or a single one that rose by one."""
    if not (before.is_floating_point() or before.is_complex()):
        return True
    return before.numel() == 1 and bool((after - before == 1).all())


def moving_state(
    network: nn.Module, before: Mapping[str, Tensor], after: Mapping[str, Tensor]
) -> str:
    """Why buffers that a train-mode pass changes cannot be measured; "" if there are none.

    Statistics of batch norm are left out, since they are recomputed.

    Args:
        network: the network.
        before: of the state dict, what the pass changed, as it was.
        after: the same after the pass.
    """
    owners = {
        f"{path}.{key}" if path else key: module
        for path, module in network.named_modules()
        for key, _ in module.named_buffers(recurse=False)
    }
    moved = [key for key in before if key in owners and not isinstance(owners[key], _BatchNorm)]
    if not moved:
        return ""
    if all(key.rpartition(".")[2] in _SPECTRAL for key in moved):
        what, way_out = "the vectors of spectral norm", "Use weight norm instead"
    elif all(isinstance(owners[key], _InstanceNorm) for key in moved):
        what, way_out = "running statistics of instance norm", "Set track_running_stats=False"
    elif all(_counts(before[key], after[key]) for key in moved):
        what = "counters"
        way_out = (
            "What a trained network computes must not depend on how many passes it has made: leave "
            "them out, or register them with persistent=False if nothing is computed from them"
        )
    else:
        what = "buffers"
        way_out = (
            "If they are running statistics, use torch's batch norm, or group or layer norm, "
            "instead"
        )
    return (
        f"{shown_names(moved)} ({what}) change with every pass in train mode. They are neither "
        "trained nor fixed, so that two seeds do not lie on one landscape and networks between "
        f"them are not defined; only the statistics of batch norm are recomputed. {way_out}, or "
        "train one seed per cell (train.seeds: 1)"
    )
