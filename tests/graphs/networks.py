"""Small networks that together use everything that stacked networks support."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COUNT = 3  # networks in a stack
Shape = tuple[int, ...]


class Trunk(nn.Module):
    """Layers, then all features to three outputs."""

    def __init__(self, shape: Shape, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        with torch.no_grad():
            features = self.layers(torch.randn(4, *shape)).flatten(1).shape[1]
        self.linear = nn.Linear(features, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.flatten(self.layers(x), 1))


class Written(nn.Module):
    """The given layers, connected by a function."""

    def __init__(self, connect: Callable[[Written, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.connect = connect
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.connect(self, x)


def conv(inputs: int, outputs: int, size: Any = 3, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, **options)


# Layers of a trunk, by what they are about: the shape of a sample, and the layers.
TRUNKS: dict[str, tuple[Shape, Callable[[], list[nn.Module]]]] = {
    "grouped": ((4, 7, 6), lambda: [conv(4, 6, groups=2, padding=1)]),
    "grouped after padded": (
        (1, 6, 6), lambda: [conv(1, 4), nn.ReLU(), conv(4, 6, groups=2, padding=1)],
    ),
    "depthwise": ((4, 5, 7), lambda: [conv(4, 4, groups=4, padding=1), nn.Tanh(), conv(4, 2, 1)]),
    "depthwise, two outputs each": ((3, 6, 5), lambda: [conv(3, 6, groups=3, dilation=2)]),
    "depthwise of stride 2": (
        (2, 6, 6), lambda: [conv(2, 2, 1), conv(2, 4, groups=2, stride=2, padding=1)],
    ),
    "dilation": ((2, 7, 7), lambda: [conv(2, 3, 1), conv(3, 3, dilation=2, padding=2)]),
    "dilation that differs": (
        (2, 6, 9), lambda: [conv(2, 3, 1), conv(3, 2, dilation=(1, 3), padding=(1, 0))],
    ),
    "stride 2": ((2, 8, 7), lambda: [conv(2, 3, padding=1), nn.ReLU(), conv(3, 4, stride=2)]),
    "stride 3": ((2, 9, 8), lambda: [conv(2, 3, 1), conv(3, 4, stride=3, padding=1)]),
    "stride beyond the kernel": ((2, 9, 10), lambda: [conv(2, 3, 1), conv(3, 4, 2, stride=3)]),
    "stride and padding that differ": (
        (2, 8, 7), lambda: [conv(2, 2, 1), conv(2, 3, stride=(2, 1), padding=(0, 2))],
    ),
    "stride and dilation": (
        (1, 9, 9), lambda: [conv(1, 2, 1), conv(2, 3, stride=2, dilation=2, padding=1)],
    ),
    "padding of one side": ((1, 5, 6), lambda: [conv(1, 2, 1), conv(2, 3, (1, 3), padding=(0, 1))]),
    "an even kernel": ((1, 6, 7), lambda: [conv(1, 2, 1), conv(2, 3, (2, 4), padding=1)]),
    "padding beyond the kernel": ((2, 4, 5), lambda: [conv(2, 2, 1), conv(2, 3, 2, padding=3)]),
    "padding of a single place": ((2, 4, 5), lambda: [conv(2, 2, 1), conv(2, 3, 1, padding=1)]),
    "one place, stride 2": ((2, 5, 6), lambda: [conv(2, 2, 1), conv(2, 3, 1, stride=2)]),
    "5 x 5": ((1, 7, 8), lambda: [conv(1, 2, 5, padding=2), nn.ReLU(), conv(2, 2, 5, padding=1)]),
    "a kernel larger than the image": ((2, 3, 2), lambda: [conv(2, 2, 1), conv(2, 3, 5, padding=2)]),
    "a kernel of the image's size": ((2, 3, 4), lambda: [conv(2, 2, 1), conv(2, 3, (3, 4))]),
    "no bias": ((1, 5, 5), lambda: [conv(1, 2, bias=False), conv(2, 3, 1, bias=False)]),
    "one pixel": ((3, 1, 1), lambda: [conv(3, 2, padding=1), nn.ReLU(), conv(2, 4, padding=1)]),
    "one pixel of four": (
        (2, 2, 2),
        lambda: [conv(2, 3, 1), nn.ReLU(), conv(3, 2, stride=2, padding=1, bias=False)],
    ),
    "one pixel, dilated": (
        (2, 2, 2), lambda: [conv(2, 3, 1), conv(3, 2, dilation=2, padding=2, stride=2)],
    ),
    "one pixel, not all of the image": (
        (2, 5, 1), lambda: [conv(2, 3, 1), conv(3, 2, stride=3, padding=(0, 1))],
    ),
    "one pixel, grouped": (
        (4, 1, 1), lambda: [conv(4, 4, padding=1, groups=2), conv(4, 4, padding=1, groups=4)],
    ),
    "5 x 5 of four pixels": (
        (1, 2, 2), lambda: [conv(1, 2, padding=1), nn.ReLU(), conv(2, 3, 5, padding=2, stride=2)],
    ),
    "batch norm": (
        (1, 6, 6), lambda: [conv(1, 3), nn.BatchNorm2d(3), nn.ReLU(), conv(3, 2), nn.BatchNorm2d(2)],
    ),
    "batch norm of the inputs": ((2, 4, 4), lambda: [nn.BatchNorm2d(2), conv(2, 3, padding=1)]),
    "batch norm with another epsilon": (
        (1, 4, 4), lambda: [conv(1, 2), nn.BatchNorm2d(2, eps=0.1)],
    ),
    "batch norm of one pixel": ((1, 3, 3), lambda: [conv(1, 4), nn.BatchNorm2d(4), nn.Tanh()]),
    "batch norm after a linear layer": (
        (2, 3, 3), lambda: [nn.Flatten(), nn.Linear(18, 6), nn.BatchNorm1d(6), nn.ReLU()],
    ),
    "linear layers of vectors": (
        (7,), lambda: [nn.Linear(7, 5, bias=False), nn.GELU(), nn.Linear(5, 3), nn.Sigmoid()],
    ),
    "max-pool": (
        (2, 8, 8), lambda: [conv(2, 3, padding=1), nn.MaxPool2d(2), conv(3, 2, padding=1)],
    ),
    "overlapping max-pool": ((1, 7, 8), lambda: [conv(1, 2), nn.MaxPool2d(3, 2, padding=1)]),
    "max-pool, rounded up": ((1, 7, 8), lambda: [conv(1, 2), nn.MaxPool2d(2, ceil_mode=True)]),
    "average pool": (
        (2, 8, 6), lambda: [nn.AvgPool2d(3, 2, padding=1), conv(2, 3, padding=1), nn.AvgPool2d(2)],
    ),
    "adaptive pool": ((2, 6, 7), lambda: [conv(2, 3), nn.AdaptiveAvgPool2d((2, 3))]),
    "adaptive pool to one pixel": ((2, 6, 7), lambda: [conv(2, 3), nn.AdaptiveAvgPool2d(1)]),
    "smooth activations": (
        (1, 6, 6),
        lambda: [
            conv(1, 2), nn.GELU(), conv(2, 2, padding=1), nn.Tanh(), conv(2, 2, 1), nn.SiLU(),
            conv(2, 3, padding=1), nn.ELU(0.7), conv(3, 2, padding=1), nn.Softplus(2),
        ],
    ),
    "kinked activations": (
        (1, 6, 6),
        lambda: [
            conv(1, 2), nn.LeakyReLU(0.3), conv(2, 2, padding=1), nn.ReLU6(), conv(2, 2, 1),
            nn.Hardtanh(-0.5, 0.4), nn.GELU(approximate="tanh"),
        ],
    ),
    "activations in place": (
        (1, 6, 6),
        lambda: [
            conv(1, 3), nn.ReLU(inplace=True), conv(3, 2, padding=1), nn.LeakyReLU(0.2, inplace=True),
        ],
    ),
    "an activation of the inputs in place": (
        (1, 4, 4), lambda: [nn.LeakyReLU(0.2, inplace=True), conv(1, 2)],
    ),
    "eight channels": (
        (8, 5, 5), lambda: [conv(8, 8, padding=1), nn.BatchNorm2d(8), nn.ReLU(), conv(8, 8, 1)],
    ),
}  # fmt: skip


def thrice(self: Written, x: Tensor) -> Tensor:
    y = self.first(x)
    y = torch.tanh(y) + self.second(y) + y
    return self.last(torch.flatten(y, 1))


def by_two_paddings(self: Written, x: Tensor) -> Tensor:
    y = torch.relu(self.first(x))
    z = self.padded(y).mean(dim=(2, 3)) + self.unpadded(y).mean(dim=(-1, -2))
    return self.last(z + self.other(y).mean(dim=(2, 3)))


def to_one_pixel_and_to_four(self: Written, x: Tensor) -> Tensor:
    y = torch.relu(self.first(x))
    return self.last(torch.flatten(self.dense(y) + self.padded(y).mean((2, 3), True), 1))


def after_relu_in_place(self: Written, x: Tensor) -> Tensor:
    y = self.first(x)
    z = F.relu(y, inplace=True)
    return self.last(torch.flatten(self.second(z) + y, 1))


def residual(self: Written, x: Tensor) -> Tensor:
    y = self.norm(torch.add(self.first(x), x))
    y = F.relu(y + self.second(F.relu(y)))
    return self.last(F.max_pool2d(y, 2).mean((2, 3), keepdim=True).flatten(1))


def doubled(self: Written, x: Tensor) -> Tensor:
    y = self.first(x)
    return self.last(torch.flatten((y + y) + (y + x), start_dim=1))


def ends_in_a_sum(self: Written, x: Tensor) -> Tensor:
    y = self.first(torch.flatten(x, 1))
    return self.norm(self.last(torch.tanh(y))) + y


def inputs_of_everything(self: Written, x: Tensor) -> Tensor:
    y = self.first(x) + F.avg_pool2d(x, 3, 1, 1) + torch.relu(x)
    return self.last(torch.flatten(y, 1)) + self.other(torch.flatten(x, 1))


# Networks with branches: the shape of a sample, the function and the layers.
BRANCHES: dict[str, tuple[Shape, Callable[[], nn.Module]]] = {
    "a value taken three times": (
        (1, 5, 5),
        lambda: Written(
            thrice, first=conv(1, 2), second=conv(2, 2, padding=1), last=nn.Linear(18, 3)
        ),
    ),
    "a value taken with two paddings and without": (
        (1, 6, 6),
        lambda: Written(
            by_two_paddings, first=conv(1, 2, padding=1), padded=conv(2, 4, padding=1),
            unpadded=conv(2, 4), other=conv(2, 4, 5, padding=2), last=nn.Linear(4, 3),
        ),
    ),
    "a padded value taken by a convolution to one pixel": (
        (1, 2, 2),
        lambda: Written(
            to_one_pixel_and_to_four, first=conv(1, 2, 1), padded=conv(2, 3, padding=1),
            dense=conv(2, 3, padding=1, stride=2), last=nn.Linear(3, 3),
        ),
    ),
    "a value taken after it was changed in place": (
        (1, 5, 5),
        lambda: Written(
            after_relu_in_place, first=conv(1, 2), second=conv(2, 2, padding=1),
            last=nn.Linear(18, 3),
        ),
    ),
    "batch norm after a sum": (
        (2, 6, 6),
        lambda: Written(
            residual, first=conv(2, 2, padding=1), norm=nn.BatchNorm2d(2),
            second=conv(2, 2, padding=1), last=nn.Linear(2, 3),
        ),
    ),
    "a value added to itself": (
        (2, 4, 4),
        lambda: Written(doubled, first=conv(2, 2, padding=1), last=nn.Linear(32, 3)),
    ),
    "a sum of batch norm at the end": (
        (1, 3, 3),
        lambda: Written(
            ends_in_a_sum, first=nn.Linear(9, 3), last=nn.Linear(3, 3), norm=nn.BatchNorm1d(3)
        ),
    ),
    "inputs taken four times": (
        (1, 4, 4),
        lambda: Written(
            inputs_of_everything, first=conv(1, 1, padding=1), last=nn.Linear(16, 3),
            other=nn.Linear(16, 3),
        ),
    ),
}  # fmt: skip

SMALL: dict[str, tuple[Shape, Callable[[], nn.Module]]] = BRANCHES | {
    name: (shape, lambda shape=shape, layers=layers: Trunk(shape, *layers()))  # type: ignore[misc]
    for name, (shape, layers) in TRUNKS.items()
}


def networks_of(make: Callable[[], nn.Module], count: int = COUNT) -> list[nn.Module]:
    """Different networks of one architecture, in float64, with different batch norms too."""
    made = []
    for seed in range(count):
        torch.manual_seed(seed)
        network = make().double().train()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.reset_running_stats()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) / 8)
        made.append(network)
    return made
