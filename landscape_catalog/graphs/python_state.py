"""What Python holds of a network, which a CUDA graph does not change when it is replayed."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

UNCHANGED = {"_parameters", "_modules", "training"}  # by a forward pass that can be traced
NOT_OWN = {"builtins", "torch", "landscape_catalog"}  # packages whose classes hold no such state
NUMBERS = (bool, int, float, complex, str, bytes, type(None))
DEEPEST = 4  # containers within containers of a Python module


def python_state(network: nn.Module) -> list[Any]:
    """Tensors, and other values as bytes or ids, to be compared by `same_state`.

    These are what `state_of_modules` and `state_of_classes` find.
    """
    return [*state_of_modules(network), *state_of_classes(network)]


def state_of_modules(network: nn.Module) -> Iterator[Any]:
    """The attributes of the network's modules, besides parameters."""
    for module in network.modules():
        for name, value in vars(module).items():
            if name not in UNCHANGED:
                yield name
                yield from _parts(value)


def state_of_classes(network: nn.Module) -> Iterator[Any]:
    """What a user's classes of the network's modules hold.

    These are their attributes, the variables that their methods enclose, and the variables of the
    Python modules that they are defined in.
    """
    own = {
        kind
        for module in network.modules()
        for kind in type(module).__mro__
        if kind.__module__.partition(".")[0] not in NOT_OWN
    }
    for kind in sorted(own, key=lambda kind: (kind.__module__, kind.__qualname__, id(kind))):
        yield from _variables(vars(kind))
        if (defined_in := sys.modules.get(kind.__module__)) is not None:
            yield from _variables(vars(defined_in))


def same_state(one: list[Any], other: list[Any]) -> bool:
    """Tensors must be the same objects, which a graph reads; other values must be equal."""
    return len(one) == len(other) and all(map(_same, one, other))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return one is other
    return bool(one == other)


def _parts(value: Any) -> Iterator[Any]:
    """An attribute of a module."""
    if isinstance(value, Tensor):
        yield value
    elif type(value) in (dict, list, tuple):
        yield len(value)
        for part in value.items() if type(value) is dict else value:
            yield from _parts(part)
    else:
        try:
            yield pickle.dumps(value)
        except Exception:  # of a user's class or a function; what it holds cannot be known
            yield id(value)


def _variables(found: Mapping[str, Any]) -> Iterator[Any]:
    """Variables of a class or of a Python module, and those that its functions enclose."""
    for name, value in list(found.items()):
        if name.startswith("__") and name.endswith("__") and name != "__call__":
            continue
        yield name
        yield from _simple(value)
        for cell in getattr(value, "__closure__", None) or ():
            try:
                yield from _simple(cell.cell_contents)
            except ValueError:  # it is still empty
                yield name


def _simple(value: Any, depth: int = 0) -> Iterator[Any]:
    """Numbers, strings, and containers of such; of everything else, which object it is."""
    if isinstance(value, Tensor):
        yield value
    elif type(value) in NUMBERS:
        yield repr(value)  # in which NaN equals itself
    elif type(value) in (dict, list, tuple, set) and depth < DEEPEST:
        yield len(value)
        for part in value.items() if type(value) is dict else value:
            yield from _simple(part, depth + 1)
    else:
        yield id(value)
