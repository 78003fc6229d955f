"""The speed limit that a network's convolutions set: the best that torch does with one thread.

Every convolution of a network is timed by itself, forward and backward, in each memory layout that
torch offers. A step of a network cannot take less than the sum of the best times, unless somebody
finds a better convolution; on n cores, n networks are trained in that time.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.machine import seconds, threads
from landscape_catalog.models.build import build

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


@dataclass(frozen=True)
class Convolution:
    """The shape of a convolution on square images."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    size: int
    """Height and width of its input."""
    from_images: bool
    """Whether it reads the images, so that no gradient of its input is needed."""

    def flops(self, batch_size: int) -> int:
        """Floating-point operations of a forward and a backward pass, a multiply-add being two."""
        side = (self.size + 2 * self.padding - self.kernel) // self.stride + 1
        forward = 2 * batch_size * self.inputs * self.outputs * (self.kernel * side) ** 2
        return (2 if self.from_images else 3) * forward


def convolutions(width: int, input_shape: tuple[int, int, int]) -> list[Convolution]:
    """Every convolution of ResNet18(width), in the order in which they are computed."""
    network = build("resnet18", width=width, input_shape=input_shape, n_outputs=10)
    found: list[Convolution] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.Conv2d)
        found.append(
            Convolution(
                module.in_channels, module.out_channels, module.kernel_size[0], module.stride[0],
                int(module.padding[0]), inputs[0].shape[2], not found,
            )
        )  # fmt: skip

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(note)
    with torch.no_grad():
        network.eval()(torch.zeros(1, *input_shape))
    return found


def best_seconds(shape: Convolution, batch_size: int, repeats: int) -> tuple[float, str]:
    """Seconds of a forward and backward pass with one thread in the best layout, and the layout."""
    found = {}
    for name, layout in LAYOUTS.items():
        images = torch.rand(batch_size, shape.inputs, shape.size, shape.size)
        weight = torch.rand(shape.outputs, shape.inputs, shape.kernel, shape.kernel)
        images, weight = images.to(memory_format=layout), weight.to(memory_format=layout)
        images.requires_grad_(not shape.from_images)
        weight.requires_grad_()
        wanted = [weight] if shape.from_images else [images, weight]
        gradient = torch.ones_like(F.conv2d(images, weight, None, shape.stride, shape.padding))

        def step(
            images: Tensor = images,
            weight: Tensor = weight,
            wanted: list[Tensor] = wanted,
            gradient: Tensor = gradient,
        ) -> None:
            outputs = F.conv2d(images, weight, None, shape.stride, shape.padding)
            torch.autograd.grad(outputs, wanted, gradient)

        step()
        found[name] = statistics.median(seconds(step) for _ in range(repeats))
    best = min(found, key=lambda name: found[name])
    return found[best], best


def limit(
    width: int, input_shape: tuple[int, int, int], batch_size: int, repeats: int = 5
) -> dict[str, Any]:
    """What the convolutions of a step of ResNet18(width) take with one thread at best.

    Returns:
        `ms` of all convolutions, their `gigaflops` (GFLOP/s), those of the most costly shape
        (`largest_gigaflops`) and of the fastest one (`best_gigaflops`), as JSON values.
    """
    every = convolutions(width, input_shape)
    with threads(1):
        times = {shape: best_seconds(shape, batch_size, repeats)[0] for shape in set(every)}
    flops = {shape: shape.flops(batch_size) for shape in times}
    rates = {shape: 1e-9 * flops[shape] / times[shape] for shape in times}
    total = sum(times[shape] for shape in every)
    largest = max(times, key=lambda shape: every.count(shape) * times[shape])
    return {
        "k": width,
        "batch": batch_size,
        "ms": round(1e3 * total, 3),
        "gigaflop": round(1e-9 * sum(flops[shape] for shape in every), 3),
        "gigaflops": round(1e-9 * sum(flops[shape] for shape in every) / total, 1),
        "largest": f"{largest.inputs} to {largest.outputs} channels, "
        f"{largest.kernel} x {largest.kernel}, on {largest.size} x {largest.size}",
        "largest_gigaflops": round(rates[largest], 1),
        "best_gigaflops": round(max(rates.values()), 1),
    }
