"""Building networks, built-in or custom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from landscape_catalog.errors import described, shown
from landscape_catalog.models.randomness import seeded
from landscape_catalog.models.registry import NETWORKS, args_in_effect
from landscape_catalog.models.unregistered import unregistered

Builder = Callable[..., nn.Module]  # (width, input_shape, n_outputs, **args)


class ModelError(ValueError):
    """A custom function fails, or returns something other than a trainable network."""


def build(
    name: str | Builder,
    *,
    width: int,
    input_shape: tuple[int, ...],
    n_outputs: int,
    args: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> nn.Module:
    """Build a network, initialised from `seed` on the CPU; the global random states are restored.

    Args:
        name: a key of `NETWORKS`, or a custom function, called as
            `function(width, input_shape, n_outputs, **args)`.
        width: of the network, in its own unit.
        input_shape: of one input: (channels, height, width) for images, () for text.
        n_outputs: number of classes, or size of the vocabulary.
        args: further arguments, by the names of the function's parameters.
        seed: of the initial weights, whichever of the global generators they are drawn from.

    Raises:
        KeyError: for an unknown name.
        ValueError: if a built-in network does not support the sizes.
        ModelError: if a custom function raises or does not return a network with trainable
            parameters.
    """
    with seeded(seed, torch.device("cpu")):
        if isinstance(name, str):
            return _built_in(name, width, input_shape, n_outputs, args or {})
        return _custom(name, (width, input_shape, n_outputs), args or {})


def _built_in(
    name: str, width: int, input_shape: tuple[int, ...], n_outputs: int, args: Mapping[str, Any]
) -> nn.Module:
    """A built-in network, with defaults for the arguments that are not set."""
    spec = NETWORKS[name]
    module, _, attribute = spec.where.partition(":")
    function: Builder = getattr(import_module(module), attribute)
    sizes: dict[str, Any] = {"input_shape": input_shape, "n_outputs": n_outputs}
    if spec.kind == "images":
        sizes = {"in_channels": input_shape[0], "num_classes": n_outputs}
    elif spec.kind == "text":
        sizes = {"vocabulary": n_outputs}
    return function(width=width, **sizes, **{**args, **args_in_effect(name, args)})


def _custom(
    function: Builder, sizes: tuple[int, tuple[int, ...], int], args: Mapping[str, Any]
) -> nn.Module:
    """The network that a custom function returns, after checks."""
    name = _name_of(function)
    try:
        network: Any = function(*sizes, **args)
        defect = _defect(network)
    except (Exception, SystemExit) as error:  # custom code may raise anything
        raise ModelError(f"{name} failed: {described(error)}") from error
    if defect:
        raise ModelError(
            f"{name} must return a torch.nn.Module with trainable parameters; it returned {defect}"
        )
    checked: nn.Module = network
    return checked


def _name_of(function: Builder) -> str:
    try:
        return str(function.__qualname__)
    except Exception:  # an object of a user's class need not have a name
        return shown(function)


def _defect(network: Any) -> str:
    """A description of the returned object if it cannot be trained, else an empty string."""
    if isinstance(network, type):
        return f"the class {network.__name__}, not an instance of it"
    if not isinstance(network, nn.Module):
        return "None" if network is None else f"an object of type {type(network).__name__}"
    parameters = list(network.parameters())
    if any(is_lazy(parameter) for parameter in parameters):
        return f"a {type(network).__name__} with lazy parameters, whose sizes are not known yet"
    if not any(parameter.requires_grad and parameter.numel() for parameter in parameters):
        hidden = next(unregistered(network), "")
        return f"a {type(network).__name__} without any{hidden and f'; it has {hidden}'}"
    return ""
