"""Networks by function, or by their name in torchvision, and weights that are put into them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape_catalog.diagnosis.checkpoints import Checkpoint
from landscape_catalog.diagnosis.own_functions import called_with, own_function
from landscape_catalog.errors import CheckpointError, CodeError, described
from landscape_catalog.models.build import build
from landscape_catalog.pipeline.prepare.trial.messages import shown_names

TORCHVISION = "torchvision"
# What wrappers put before every name: data parallelism, torch.compile, training frameworks.
WRAPPERS = ("module.", "_orig_mod.", "model.", "network.", "net.")
COUNTER = "num_batches_tracked"  # of batch norm, which old files lack
MOST_NAMED = 4
Builder = Callable[..., nn.Module]


@dataclass(frozen=True)
class NetworkSource:
    """Where fresh networks come from.

    Attributes:
        name: as the user gave it.
        function: builds a network; called by keyword.
        args: arguments that the user gives.
        is_torchvision: whether it is a model of torchvision, whose classes the checkpoint counts.
    """

    name: str
    function: Builder
    args: Mapping[str, Any] = field(default_factory=dict)
    is_torchvision: bool = False

    def build(self, seed: int, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """A network, initialised from a seed, on the CPU.

        Raises:
            CodeError: if the function fails, or returns something else.
        """

        def make(width: int, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
            if self.is_torchvision:
                return self.function(num_classes=n_outputs, **self.args)
            offered: dict[str, Any] = {"input_shape": input_shape, "n_outputs": n_outputs}
            offered |= {"num_classes": n_outputs}
            if len(input_shape) == 3:
                offered["in_channels"] = input_shape[0]
            return self.function(
                **called_with(self.name, self.function, offered, self.args, "--arg")
            )

        make.__qualname__ = self.name
        try:
            return build(make, width=0, input_shape=input_shape, n_outputs=n_outputs, seed=seed)
        except ValueError as error:
            if isinstance(error.__cause__, CodeError):
                raise error.__cause__ from None
            raise CodeError(str(error)) from error

    def n_outputs(self, checkpoint: Checkpoint, n_classes: int | None) -> int:
        """The number of outputs: of torchvision's models that of the weights, else of the data.

        Raises:
            CheckpointError: if it is not known.
        """
        if not self.is_torchvision:
            if n_classes is None:
                raise CheckpointError(f"{self.name}: the number of classes is not known")
            return n_classes
        heads = _heads(self.function, self.args)
        state = next((one for one in unwrapped(checkpoint.state) if heads & one.keys()), {})
        rows = {len(state[name]) for name in heads & state.keys() if state[name].ndim}
        if len(rows) != 1:
            raise CheckpointError(
                f"{checkpoint.name}: it has no head of {self.name} "
                f"({shown_names(sorted(heads))}), from which its number of classes would follow"
            )
        return rows.pop()


def network_source(name: str, folder: Path, args: Mapping[str, Any]) -> NetworkSource:
    """The network that `torchvision:NAME` or `module:function` names.

    Args:
        name: of the network.
        folder: in which modules are looked for.
        args: further arguments of the function.

    Raises:
        CodeError: if there is no such network.
    """
    kind, _, model = name.partition(":")
    if kind != TORCHVISION:
        return NetworkSource(name, own_function(name, folder), args)
    from torchvision import models

    known = models.list_models(module=models)
    if model not in known:
        near = ", ".join(_similar(model, known))
        raise CodeError(
            f"{name}: torchvision has no classifier of that name; "
            f"{f'similar: {near}' if near else 'see torchvision.models.list_models()'}"
        )
    return NetworkSource(name, models.get_model_builder(model), args, is_torchvision=True)


def _similar(name: str, known: Iterable[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(name, list(known), n=4, cutoff=0.4)


def _heads(function: Builder, args: Mapping[str, Any]) -> set[str]:
    """The names of the tensors whose shapes the number of classes decides."""
    with torch.device("meta"):
        try:
            shapes = [
                {k: v.shape for k, v in function(num_classes=n, **args).state_dict().items()}
                for n in (7, 11)
            ]
        except Exception as error:  # arguments that the model does not take
            words = f"building the network failed: {described(error)}"
            raise CodeError(f"{TORCHVISION}: {words}") from error
    one, other = shapes
    return {name for name in one if one[name] != other[name]}


def unwrapped(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """The state dict as it is, and without each prefix that all of its names share in turn."""
    found = [dict(state)]
    while prefix := next((w for w in WRAPPERS if all(k.startswith(w) for k in found[-1])), None):
        found.append({name.removeprefix(prefix): value for name, value in found[-1].items()})
    return found


def fitted_state(checkpoint: Checkpoint, network: nn.Module, source: str) -> dict[str, Tensor]:
    """The weights of a checkpoint under the network's names, in its types.

    Args:
        checkpoint: as read.
        network: fresh; not modified.
        source: what the network is called.

    Raises:
        CheckpointError: naming what is missing or unexpected, or has another shape.
    """
    wanted = network.state_dict()
    found = max(unwrapped(checkpoint.state), key=lambda state: len(state.keys() & wanted.keys()))
    tied = _tied(network)
    for name, value in wanted.items():
        if name.rpartition(".")[2] == COUNTER and _is_no_count(found.get(name)):
            found[name] = torch.zeros_like(value)
        elif name not in found:  # a file may hold tied weights once
            twin = next((other for other in tied.get(name, ()) if other in found), None)
            found |= {} if twin is None else {name: found[twin]}
        if name in found and not value.ndim and found[name].shape == (1,):  # as torch reads it
            found[name] = found[name][0]
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    shapes = [
        f"`{name}` has shape {tuple(found[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    problems = [f"{shown_names(missing)} missing"] if missing else []
    problems += [f"{shown_names(unexpected)} unexpected"] if unexpected else []
    problems += ["; ".join(shapes[:MOST_NAMED])] if shapes else []
    if len(shapes) > MOST_NAMED:
        problems[-1] += f"; and {len(shapes) - MOST_NAMED} more shapes differ"
    if problems:
        raise CheckpointError(f"{checkpoint.name}: it is not of {source}: " + "; ".join(problems))
    for name, value in wanted.items():
        if value.is_floating_point() != found[name].is_floating_point():
            raise CheckpointError(
                f"{checkpoint.name}: `{name}` is of type {found[name].dtype} instead of "
                f"{value.dtype}"
            )
    return {
        name: _converted(found[name], value.dtype, name, checkpoint)
        for name, value in wanted.items()
    }


def _is_no_count(counter: Tensor | None) -> bool:
    """Whether batch norm's counter is missing, or was turned into half precision with all else.

    Evaluation does not use it.
    """
    return counter is None or (counter.is_floating_point() and counter.numel() == 1)


def _converted(tensor: Tensor, dtype: torch.dtype, name: str, checkpoint: Checkpoint) -> Tensor:
    """A copy of the (finite) tensor in the network's type, if that can hold its values."""
    converted = tensor.to(dtype, copy=True)
    if converted.is_floating_point() and not torch.isfinite(converted).all():
        largest = float(tensor.abs().max())
        raise CheckpointError(
            f"{checkpoint.name}: `{name}` has values up to {largest:.3g}; allowed: those of the "
            f"network's type, {dtype}, up to {torch.finfo(dtype).max:.3g}"
        )
    return converted


def _tied(network: nn.Module) -> dict[str, list[str]]:
    """For each name of a tensor that has several, the others."""
    by_tensor: dict[int, list[str]] = {}
    for name, value in network.state_dict(keep_vars=True).items():
        by_tensor.setdefault(id(value), []).append(name)
    return {name: names for names in by_tensor.values() for name in names if len(names) > 1}
