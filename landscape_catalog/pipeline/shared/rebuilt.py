"""Whether a network rebuilt from its stored weights is the network that was trained.

A run is stored as a `state_dict`, and measured in a network that is built anew. Anything else that
a network's answers depend on (plain tensors, counters, flags, buffers that are not stored) is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.errors import CodeError
from landscape_catalog.models.float64 import in_float64
from landscape_catalog.models.randomness import seeded
from landscape_catalog.models.unregistered import unregistered
from landscape_catalog.tasks import Samples, Task

TOLERANCE = 1e-5  # relative
MOST_NAMED = 3  # in a message
Answers = dict[str, Tensor]


@torch.no_grad()
def answers(network: nn.Module, task: Task, samples: Samples, *, seed: int = 0) -> Answers:
    """What a network answers in eval mode: its outputs, and the loss and the error of each unit.

    Args:
        network: its mode is restored.
        task: how it is called and scored.
        samples: a batch.
        seed: of the global random generators, on which the answers should not depend.
    """
    was_training, dtype = network.training, next(network.parameters()).dtype
    network.eval()
    with seeded(seed, samples.inputs.device):
        outputs = task.outputs(network, samples, dtype)
        losses, errors = task.losses(outputs, samples), task.errors(outputs, samples)
    network.train(was_training)
    return {"outputs": outputs, "losses": losses, "errors": errors}


def difference(one: Answers, other: Answers) -> tuple[str, float]:
    """The answer in which two networks differ most, and by how much relative to its largest value.

    Values that are not finite in both differ by nothing, and by infinity if only one is finite.
    Right and wrong are left out, since rounding may turn one into the other.
    """
    found = {
        name: relative_difference(value, other[name])
        for name, value in one.items()
        if value.dtype != torch.bool
    }
    return max(found.items(), key=lambda item: item[1])


def relative_difference(one: Tensor, other: Tensor) -> float:
    """The largest difference relative to the largest value; infinite if shapes differ."""
    if one.shape != other.shape:
        return float("inf")
    one, other = (_real(value.detach()) for value in (one, other))
    finite = torch.isfinite(one)
    if not torch.equal(finite, torch.isfinite(other)):
        return float("inf")
    apart = float((one - other)[finite].abs().max()) if finite.any() else 0.0
    return apart / float(torch.maximum(one.abs(), other.abs())[finite].max()) if apart else 0.0


def _real(value: Tensor) -> Tensor:
    return in_float64(torch.view_as_real(value) if value.is_complex() else value)


def require_same_answers(
    trained: tuple[nn.Module, Task],
    rebuilt: tuple[nn.Module, Task],
    samples: Samples,
    name: str,
) -> None:
    """Require that a network rebuilt from stored weights gives the trained network's answers.

    Args:
        trained: the network as training left it, and its task.
        rebuilt: a new network with the stored weights, and a new task.
        samples: a batch to compare them on.
        name: of the network or the task, for messages.

    Raises:
        CodeError: if they differ by more than rounding; names what differs and is not stored.
    """
    what, apart = difference(answers(*trained, samples), answers(*rebuilt, samples))
    if apart <= TOLERANCE:
        return
    plain = list(unregistered(trained[0]))
    hidden = [*hidden_differences(trained[0], rebuilt[0]), *_attributes_of_tasks(trained, rebuilt)]
    more = f" and {len(hidden) - MOST_NAMED} more" if hidden[MOST_NAMED:] else ""
    reason = (
        f"It has {', '.join(plain[:MOST_NAMED])}"
        if plain
        else f"Not stored, and different: {', '.join(hidden[:MOST_NAMED])}{more}. Make it a "
        "parameter or a buffer (persistent=True) with the same value for every seed, or give it a "
        "value that depends neither on the seed nor on training"
        if hidden
        else "Something else decides its answers: keep all of it in parameters and buffers"
    )
    raise CodeError(
        f"{name}: a new network with the stored weights gives other {what} than the trained one "
        f"(relative difference {apart:.2g}). A run is stored as its state_dict. {reason}"
    )


def hidden_differences(one: nn.Module, other: nn.Module) -> Iterator[str]:
    """What two networks hold besides their state dicts and in which they differ, in words."""
    others = dict(other.named_modules())
    for path, module in one.named_modules():
        twin = others.get(path)
        if twin is None or type(twin) is not type(module):
            continue
        prefix = f"{path}." if path else ""
        stored = module.state_dict().keys()
        for key, value in module.named_buffers(recurse=False):
            if key not in stored and not _equal(value, getattr(twin, key, None)):
                yield f"`{prefix}{key}` (a buffer with persistent=False)"
        yield from _attributes(prefix, module, twin)


def _attributes_of_tasks(
    trained: tuple[nn.Module, Task], rebuilt: tuple[nn.Module, Task]
) -> Iterator[str]:
    for words in _attributes("", trained[1], rebuilt[1]):
        yield f"{words} of the task"


def _attributes(prefix: str, one: object, other: object) -> Iterator[str]:
    """Attributes of two objects that differ, other than those that every module has."""
    others, usual = _variables(other), _variables(nn.Module()).keys()
    for key, value in _variables(one).items():
        if key not in usual and not _equal(value, others.get(key)):
            yield f"`{prefix}{key}` (a plain attribute)"


def _variables(value: object) -> dict[str, Any]:
    return dict(getattr(value, "__dict__", {}))


def _equal(one: Any, other: Any) -> bool:
    """Equality of plain values; True of anything else, of which it cannot be known."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(one.detach().cpu(), other.detach().cpu())
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    plain = (bool, int, float, complex, str, bytes, type(None), Tensor, np.ndarray, list, tuple)
    if isinstance(one, plain) and isinstance(other, plain):
        return type(one) is type(other) and bool(one == other)
    return True
