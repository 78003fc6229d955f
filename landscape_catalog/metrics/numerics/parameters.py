"""Trainable parameters of a network as one vector."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def flatten(state: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> Tensor:
    """Join the tensors of `state` that `shapes` names, in its order, into one vector.

    Raises:
        ValueError: if `state` lacks a name, or holds it in another shape.
    """
    for name, shape in shapes.items():
        if name not in state or state[name].shape != shape:
            found = tuple(state[name].shape) if name in state else "nothing"
            raise ValueError(f"{name}: expected shape {tuple(shape)}, found {found}")
    return torch.cat([state[name].detach().reshape(-1) for name in shapes])


def unflatten(vector: Tensor, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Cut a vector, (n_parameters,), into named tensors; the inverse of `flatten`."""
    pieces = vector.split([shape.numel() for shape in shapes.values()])
    return {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces)}


def trainable_shapes(network: nn.Module) -> dict[str, torch.Size]:
    """The shape of each parameter that is trained, by name: what a landscape is over."""
    return {n: value.shape for n, value in network.named_parameters() if value.requires_grad}


def require_one_landscape(
    network: nn.Module, ends: tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
) -> None:
    """Two networks lie on one landscape where everything that is not trained is the same.

    Batch-norm statistics are left out: they are recomputed.

    Raises:
        ValueError: if they differ in a parameter that is frozen, or in a buffer.
    """
    statistics = {
        f"{layer}.{name}" if layer else name
        for layer, module in network.named_modules()
        if isinstance(module, _BatchNorm)
        for name, _ in module.named_buffers(recurse=False)
    }
    fixed = [name for name, value in network.named_parameters() if not value.requires_grad]
    fixed += [name for name, _ in network.named_buffers() if name not in statistics]
    for name in fixed:
        one, other = (end.get(name) for end in ends)
        if one is not None and other is not None and not torch.equal(one, other):
            raise ValueError(
                f"{name} is not trained and differs between two runs, so there is no landscape "
                "that both are on: give it the same value for every seed"
            )


def random_weights(network: nn.Module, *, seed: int) -> dict[str, Tensor]:
    """Weights as the authors' curves start from, by name, on the network's device.

    The network is left as it is, and every device gets the same numbers.

    Convolutions and linear layers, weight and bias: uniform in +-1/sqrt(fan in). Batch norm: scales
    uniform in [0, 1], shifts zero. Other modules: as they initialise themselves.

    Source: the released code of Garipov et al. 2018, which Yang et al. 2021 use.
    """
    drawn = copy.deepcopy(network).cpu()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in drawn.modules():
            if isinstance(module, (_ConvNd, nn.Linear)):
                reach = module.weight[0].numel() ** -0.5
                for value in module.parameters(recurse=False):
                    value.uniform_(-reach, reach)
            elif isinstance(module, _BatchNorm) and module.affine:
                module.weight.uniform_()
                module.bias.zero_()
            elif callable(reset := getattr(module, "reset_parameters", None)):
                reset()
    own = dict(network.named_parameters())
    return {name: value.detach().to(own[name].device) for name, value in drawn.named_parameters()}
