"""Networks that can and cannot be traced, and images for them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.models.build import build
from landscape_catalog.tasks import Samples


def images(n: int = 30, size: int = 8, channels: int = 1) -> Samples:
    draw = np.random.Generator(np.random.Philox(key=1))
    pixels = draw.integers(0, 256, size=(n, channels, size, size), dtype=np.uint8)
    return Samples(torch.from_numpy(pixels), torch.from_numpy(np.arange(n) % 3))


class Traceable(nn.Module):
    """A custom network of supported operations: groups, biases, two branches from the input."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 4, 3, padding=1)
        self.other = nn.Conv2d(1, 4, 1)
        self.grouped = nn.Conv2d(4, 8, 3, groups=2, stride=2)
        self.norms = nn.ModuleList([nn.BatchNorm2d(1), nn.BatchNorm2d(4), nn.BatchNorm1d(72)])
        self.linear = nn.Linear(72, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norms[0](x)  # of the shared input, not after a convolution
        one = self.one(x)
        y = self.norms[1](one) + torch.tanh(self.other(x)) + one  # a value that is used twice
        y = F.gelu(self.grouped(y))
        return self.linear(F.dropout(self.norms[2](torch.flatten(y, 1)), training=False))


class Untraceable(nn.Module):
    """Concatenates and averages over channels, which would mix stacked networks."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(1, 4, 3), nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(8)
        self.scale = nn.Parameter(torch.ones(8, 1, 1))
        self.linear = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(torch.cat([self.one(x), self.other(x)], dim=1)) * self.scale
        y = y - y.mean(dim=1, keepdim=True)
        return self.linear(y.amax(dim=(2, 3)))


class Counting(nn.Module):
    """Uses a different activation for few samples than for many."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.linear = nn.Linear(144, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x))
        y = torch.tanh(y) if len(x) < 5 else torch.relu(y)
        return self.linear(torch.flatten(y, 1))


class ByWeight(Counting):
    """Its activation depends on a weight's value."""

    def forward(self, x: Tensor) -> Tensor:
        slope = float(self.norm.weight.detach()[0]) - 1
        y = F.leaky_relu(self.norm(self.conv(x)), slope)
        return self.linear(torch.flatten(y, 1))


def make(kind: str, seed: int) -> tuple[nn.Module, Samples]:
    torch.manual_seed(seed)
    if kind == "traceable":
        return Traceable(), images()
    if kind == "untraceable":
        return Untraceable(), images()
    if kind == "dropout":
        layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(144, 3)), images()
    if kind.startswith("vgg11"):
        args = {"batch_norm": kind == "vgg11"}
        data = images(20, 32)
        return build(
            "vgg11", width=2, input_shape=(1, 32, 32), n_outputs=3, seed=seed, args=args
        ), data
    width = 8 if kind == "wide" else 2
    return build("resnet18", width=width, input_shape=(1, 8, 8), n_outputs=3, seed=seed), images()


# Whether a network of each kind can be traced in train mode.
TRACEABLE = {
    "resnet18": True, "wide": True, "vgg11": True, "vgg11 plain": True, "traceable": True,
    "untraceable": False, "dropout": False,
}  # fmt: skip
