"""The networks that an experiment can name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from landscape_catalog.models.resnet import ResNet18, resnet18

BUILDERS: dict[str, Callable[..., nn.Module]] = {"resnet18": resnet18}


def build(name: str, *, width: int, in_channels: int, num_classes: int, seed: int = 0) -> nn.Module:
    """Build the network `name`, initialised from `seed` on the CPU, in float32.

    The global random state is left as it was. Raises KeyError for an unknown name.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BUILDERS[name](width=width, in_channels=in_channels, num_classes=num_classes)


__all__ = ["BUILDERS", "ResNet18", "build", "resnet18"]
