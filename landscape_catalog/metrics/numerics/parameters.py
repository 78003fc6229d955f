"""Trainable parameters of a network as one vector."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from landscape_catalog.models.copying import copied
from landscape_catalog.models.randomness import seeded


def flatten(state: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> Tensor:
    """Concatenate the tensors of `state` that `shapes` names, in its order, into one vector.

    Raises:
        ValueError: if `state` lacks a name or has it in a different shape.
    """
    for name, shape in shapes.items():
        if name not in state or state[name].shape != shape:
            found = tuple(state[name].shape) if name in state else "none"
            raise ValueError(f"{name}: expected shape {tuple(shape)}, found {found}")
    return torch.cat([state[name].detach().reshape(-1) for name in shapes])


def unflatten(vector: Tensor, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Split a vector, (n_parameters,), into named tensors; the inverse of `flatten`."""
    pieces = vector.split([shape.numel() for shape in shapes.values()])
    return {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces)}


def trainable_shapes(network: nn.Module) -> dict[str, torch.Size]:
    """The shapes of the trainable parameters, which span the loss landscape, by name."""
    return {n: value.shape for n, value in network.named_parameters() if value.requires_grad}


def require_one_landscape(
    network: nn.Module, ends: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
) -> None:
    """Require that two networks lie on one landscape: all that is not trained must be equal.

    Batch-norm statistics may differ, since they are recomputed.

    Raises:
        ValueError: if the networks differ in a frozen parameter or in another buffer.
    """
    statistics = {
        f"{layer}.{name}" if layer else name
        for layer, module in network.named_modules()
        if isinstance(module, _BatchNorm)
        for name, _ in module.named_buffers(recurse=False)
    }
    frozen = [name for name, value in network.named_parameters() if not value.requires_grad]
    buffers = [name for name, _ in network.named_buffers() if name not in statistics]
    for name in [*frozen, *buffers]:
        one, other = (end.get(name) for end in ends)
        if one is not None and other is not None and not torch.equal(one, other):
            kind = "is a frozen parameter" if name in frozen else "is a buffer"
            raise ValueError(
                f"{name} {kind} and differs between two runs, so they do not lie on one landscape: "
                "what is not trained needs a value that depends neither on the seed nor on "
                "training; only the statistics of batch norm are recomputed"
            )


def random_weights(network: nn.Module, *, seed: int) -> dict[str, Tensor]:
    """Random weights as used to initialise the authors' curves, by name, on the network's device.

    The network is not modified, and the numbers are the same on all devices.

    Convolutions and linear layers, weight and bias: uniform in +-1/sqrt(fan in). Batch norm: scales
    uniform in [0, 1], shifts zero. Other modules: their own `reset_parameters`.

    Source: the released code of Garipov et al. 2018, which Yang et al. 2021 use.
    """
    random = copied(network).cpu()
    with seeded(seed, torch.device("cpu")), torch.no_grad():
        for module in random.modules():
            if isinstance(module, (_ConvNd, nn.Linear)):
                bound = module.weight[0].numel() ** -0.5
                for value in module.parameters(recurse=False):
                    value.uniform_(-bound, bound)
            elif isinstance(module, _BatchNorm) and module.affine:
                module.weight.uniform_()
                module.bias.zero_()
            elif callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    devices = {name: value.device for name, value in network.named_parameters()}
    return {name: value.detach().to(devices[name]) for name, value in random.named_parameters()}
