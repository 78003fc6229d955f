"""Convolutions whose derivatives of every order are computed by three fast operations.

With few channels, cuDNN's deterministic kernels for the gradient with respect to the weights work
one channel at a time, and take longer than the rest of a training step; second derivatives are
convolutions with kernels of the size of the images. Here the gradient with respect to the weights
is a matrix product of the output's gradient with the input's patches, summed over samples and
pixels in parts of fixed size, so that its bits are reproducible.

A convolution y = x * w is bilinear, and so are its two gradients; the derivatives of each of the
three are the other two:

    conv(x, w):   d/dx = transpose(., w)   d/dw = correlate(x, .)
    transpose(g, w):  d/dg = conv(., w)    d/dw = correlate(., g)
    correlate(x, g):  d/dx = transpose(g, .)   d/dg = conv(x, .)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

LARGEST_PART = 2048  # samples times pixels that one matrix product sums over
SMALLEST_PART = 32  # below which the products would take more memory than the patches
LARGEST_PATCHES = 2**28  # values of patches that there are at a time


@dataclass(frozen=True)
class Window:
    """How a kernel moves: stride and padding along each side, and the sizes that it moves over."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    kernel: tuple[int, int]
    image: tuple[int, int]


class _Conv(torch.autograd.Function):
    """y = x * w, (B, out, h', w'), of x (B, in, h, w) and w (out, in, rows, columns)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, window: Window) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.window = window
        return F.conv2d(inputs, weight, None, window.stride, window.padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        first = _transpose(gradient, weight, ctx.window) if ctx.needs_input_grad[0] else None
        second = _correlate(inputs, gradient, ctx.window) if ctx.needs_input_grad[1] else None
        return first, second, None


class _Transpose(torch.autograd.Function):
    """The gradient with respect to x, (B, in, h, w), of g (B, out, h', w') and w."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, weight: Tensor, window: Window) -> Tensor:
        ctx.save_for_backward(gradient, weight)
        ctx.window = window
        shape = (len(gradient), weight.shape[1], *window.image)
        return torch.ops.aten.convolution_backward(
            gradient, gradient.new_empty(1).expand(shape), weight, None, window.stride,
            window.padding, (1, 1), False, (0, 0), 1, (True, False, False),
        )[0]  # fmt: skip

    @staticmethod
    def backward(ctx: Any, other: Tensor) -> tuple[Tensor | None, ...]:
        gradient, weight = ctx.saved_tensors
        first = _conv(other, weight, ctx.window) if ctx.needs_input_grad[0] else None
        second = _correlate(other, gradient, ctx.window) if ctx.needs_input_grad[1] else None
        return first, second, None


class _Correlate(torch.autograd.Function):
    """The gradient with respect to w, (out, in, rows, columns), of x and g."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, gradient: Tensor, window: Window) -> Tensor:
        ctx.save_for_backward(inputs, gradient)
        ctx.window = window
        return _weight_gradient(inputs, gradient, window)

    @staticmethod
    def backward(ctx: Any, other: Tensor) -> tuple[Tensor | None, ...]:
        inputs, gradient = ctx.saved_tensors
        first = _transpose(gradient, other, ctx.window) if ctx.needs_input_grad[0] else None
        second = _conv(inputs, other, ctx.window) if ctx.needs_input_grad[1] else None
        return first, second, None


def _conv(inputs: Tensor, weight: Tensor, window: Window) -> Tensor:
    result: Tensor = _Conv.apply(inputs, weight, window)
    return result


def _transpose(gradient: Tensor, weight: Tensor, window: Window) -> Tensor:
    result: Tensor = _Transpose.apply(gradient, weight, window)
    return result


def _correlate(inputs: Tensor, gradient: Tensor, window: Window) -> Tensor:
    result: Tensor = _Correlate.apply(inputs, gradient, window)
    return result


def convolution(
    inputs: Tensor, weight: Tensor, *, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """A two-dimensional convolution without bias, dilation or groups, (B, out, h', w').

    Differentiable any number of times.

    Args:
        inputs: (B, in, h, w).
        weight: (out, in, rows, columns).
        stride: in pixels, along each side.
        padding: with zeros, on both ends of each side.
    """
    image, kernel = inputs.shape[2:], weight.shape[2:]
    window = Window(stride, padding, (kernel[0], kernel[1]), (image[0], image[1]))
    return _conv(inputs, weight, window)


def _weight_gradient(inputs: Tensor, gradient: Tensor, window: Window) -> Tensor:
    """sum over samples and output pixels of g[b, o, p] x[b, i, p + place].

    The patches hold each pixel once for every place of the kernel that sees it, so that those of
    many samples, or of large kernels, would take many times the memory of the images: these are
    computed for some samples at a time.
    """
    rows, columns = window.kernel
    of_a_sample = inputs.shape[1] * rows * columns * gradient.shape[2] * gradient.shape[3]
    many = max(LARGEST_PATCHES // of_a_sample, 1)
    if len(inputs) <= many:
        return _sum_over_patches(inputs, gradient, window)
    pieces = zip(inputs.split(many), gradient.split(many))
    first = _sum_over_patches(*next(pieces), window)
    for images, outputs in pieces:
        first += _sum_over_patches(images, outputs, window)
    return first


def _sum_over_patches(inputs: Tensor, gradient: Tensor, window: Window) -> Tensor:
    """The gradient of some samples.

    The sum is cut into parts of equal length, whose products are computed as one batch and then
    added up.
    """
    outputs, channels = gradient.shape[1], inputs.shape[1]
    patches = _patches(inputs, window)  # (in * places, B * pixels)
    rows = gradient.transpose(0, 1).reshape(outputs, -1)  # (out, B * pixels)
    total = rows.shape[1]
    parts = _number_of_parts(total)
    left = rows.view(outputs, parts, -1).transpose(0, 1)
    right = patches.view(len(patches), parts, -1).permute(1, 2, 0)
    products = torch.bmm(left, right)  # (parts, out, in * places)
    return products.sum(dim=0).view(outputs, channels, *window.kernel)


def _patches(inputs: Tensor, window: Window) -> Tensor:
    """The pixels that each place of the kernel sees, (in * places, B * output pixels)."""
    (down, right), (rows, columns) = window.stride, window.kernel
    vertical, horizontal = window.padding
    if vertical or horizontal:
        inputs = F.pad(inputs, (horizontal, horizontal, vertical, vertical))
    seen = inputs.unfold(2, rows, down).unfold(3, columns, right)  # (B, in, h', w', rows, columns)
    return seen.permute(1, 4, 5, 0, 2, 3).reshape(seen.shape[1] * rows * columns, -1)


def _number_of_parts(total: int) -> int:
    """The smallest number of equal parts of 32 to 2048 values each; 1 if there is none.

    >>> [_number_of_parts(total) for total in (2048, 131072, 2**20, 2**21, 2050, 2053)]
    [1, 64, 512, 1024, 2, 1]
    """
    for length in range(min(LARGEST_PART, total), SMALLEST_PART - 1, -1):
        if total % length == 0:
            return total // length
    return 1
