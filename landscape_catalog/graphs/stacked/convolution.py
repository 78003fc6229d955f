"""Convolutions of stacked networks, as batched matrix products.

A convolution is the product of the kernel, (out, in * height * width), with the *patches* of its
input: one row for each input channel and each place of the kernel, one column for each pixel of
the output and each sample. Its gradient with respect to the kernel is the product of the output's
gradient with the patches transposed; its gradient with respect to the input is a convolution with
the flipped kernel, or, where the kernel is moved by more than one pixel, the sum of patches.

If copying the patches costs more than multiplying them, only shifts along a row are copied. Shifts
along a column are then slices of what has been copied, and each row of the kernel is a product of
its own. The choice depends on the shapes of one network alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from landscape_catalog.graphs.operations import Operation
from landscape_catalog.graphs.stacked.layer import Value, WeightedLayer, Weights
from landscape_catalog.graphs.stacked.patches import Patches, Window, window_of
from landscape_catalog.graphs.stacked.products import multiply

# Elements of one network's input from which a row of the kernel is a product of its own
# (`benchmarks/training.py`).
BY_ROW = 2**13


def _multiply_blocks(
    kernels: Sequence[Tensor], patches: Sequence[Tensor], out: Tensor, *, add: bool
) -> None:
    """Write the sum over blocks of kernel times patches to `out`, or add it."""
    for kernel, block in zip(kernels, patches):
        multiply(kernel, block, out, add=add)
        add = True


class Convolution(WeightedLayer):
    """A two-dimensional convolution; a grouped one is a stack of more and smaller networks."""

    def __init__(
        self,
        operation: Operation,
        source: Value,
        value: Value,
        weights: Weights,
        *,
        grads: Weights | None,
    ) -> None:
        super().__init__(operation, source, value, weights, grads=grads)
        assert operation.options is not None
        weight, image = self.weight, source.tensor
        self.window = window_of(weight.shape[3:], image.shape[2:4], operation)
        groups = operation.options["groups"]
        self.stack = len(weight) * groups
        self.weight = weight.view(self.stack, -1, *weight.shape[2:])
        by_row = (
            _flips(self.window)
            and self.window.kernel[0] > 1
            and image[0].numel() // groups >= BY_ROW
        )
        self.is_padded = source.padding == self.window.padding
        shape = (self.stack, image.shape[1] // groups, *image.shape[2:])
        self.patches = Patches(image, shape, self.window, by_row=by_row, is_padded=self.is_padded)
        self.kernels = _Kernels(self.weight, self.window, by_row=by_row)
        self.out = value.tensor.view(*self.weight.shape[:2], -1)
        if grads is not None:
            self.weight_grad = self.weight_grad.view_as(self.weight)
            if source.differentiated:
                self.transposed = _transposed(self, by_row=by_row)

    def forward(self) -> None:
        """Multiply the kernel with the patches."""
        source = self.sources[0]
        images = source.padded if self.is_padded else source.tensor
        if len(images) != self.stack:
            images = images.reshape(self.stack, -1, *images.shape[2:])
        _multiply_blocks(self.kernels.read(), self.patches.copy(images), self.out, add=False)
        self.add_bias()

    def backward(self) -> None:
        """Gradients of kernel and bias, and the gradient of the input if anything needs it."""
        source = self.sources[0]
        out_grad = self.value.gradient.view_as(self.out)
        for grad, block in zip(self.kernels.grads(self.weight_grad), self.patches.blocks):
            torch.bmm(out_grad, block.transpose(1, 2), out=grad)
        self.kernels.write_grads(self.weight_grad)
        self.write_bias_grad()
        if source.differentiated:
            share, add = source.destination()
            share = share.view(self.stack, -1, *share.shape[2:])
            self.transposed.apply(out_grad, share, add=add)


class _Kernels:
    """The kernels as matrices, one for each block of patches."""

    def __init__(self, weight: Tensor, window: Window, *, by_row: bool) -> None:
        self.weight, self.by_row = weight, by_row
        stack, channels, inputs = weight.shape[:3]
        rows, columns = window.kernel
        self.whole = weight.view(stack, channels, -1)
        if by_row:
            self.rows = weight.new_empty(rows, stack, channels, inputs, columns)
            self.gradients = torch.empty_like(self.rows)

    def read(self) -> list[Tensor]:
        """(T, out, in * places) for each block, of the present weights."""
        if not self.by_row:
            return [self.whole]
        self.rows.copy_(self.weight.permute(3, 0, 1, 2, 4))
        return [row.view(*row.shape[:2], -1) for row in self.rows]

    def grads(self, weight_grad: Tensor) -> list[Tensor]:
        """Where the gradients of the blocks' matrices are to be written."""
        if not self.by_row:
            return [weight_grad.view_as(self.whole)]
        return [row.view(*row.shape[:2], -1) for row in self.gradients]

    def write_grads(self, weight_grad: Tensor) -> None:
        """Copy the blocks' gradients to the kernel's."""
        if self.by_row:
            weight_grad.copy_(self.gradients.permute(1, 2, 3, 0, 4))


class _FlippedConvolution:
    """The input's gradient as a convolution of the output's gradient with the flipped kernel."""

    def __init__(self, conv: Convolution, *, by_row: bool) -> None:
        window, weight = conv.window, conv.weight
        rows, columns = window.kernel
        before_after = [
            (size - 1 - before, size - 1 - after)
            for size, (before, after) in zip(window.kernel, window.padding)
        ]
        backwards = Window(
            window.kernel, (1, 1), (before_after[0], before_after[1]), (1, 1),
            window.output, window.image,
        )  # fmt: skip
        self.shape = (*weight.shape[:2], *window.output, conv.value.tensor.shape[-1])
        self.patches = Patches(weight, self.shape, backwards, by_row=by_row, is_padded=False)
        self.weight = weight
        stack, channels, inputs = weight.shape[:3]
        self.by_row = by_row
        order = (rows, stack, inputs, channels, columns)
        self.flipped = weight.new_empty(order if by_row else (*order[1:4], rows, columns))

    def apply(self, out_grad: Tensor, gradient: Tensor, *, add: bool) -> None:
        """Write the input's gradient, or add it."""
        flipped = self.weight.flip(3, 4) if self.weight.shape[3:] != (1, 1) else self.weight
        if self.by_row:
            self.flipped.copy_(flipped.permute(3, 0, 2, 1, 4))
            kernels = [kernel.view(*kernel.shape[:2], -1) for kernel in self.flipped]
        else:
            self.flipped.copy_(flipped.transpose(1, 2))
            kernels = [self.flipped.view(*self.flipped.shape[:2], -1)]
        blocks = self.patches.copy(out_grad.view(self.shape))
        _multiply_blocks(kernels, blocks, gradient.view(*gradient.shape[:2], -1), add=add)


class _SumOfPatches:
    """The input's gradient as the sum of the patches' gradients: first along rows, then columns."""

    def __init__(self, conv: Convolution) -> None:
        window, image = conv.window, conv.sources[0].tensor
        stack, samples = conv.stack, image.shape[-1]
        inputs, (rows, columns) = conv.weight.shape[2], window.kernel
        (high, wide), (tall, broad) = window.output, window.padded
        like = conv.weight
        self.conv = conv
        self.patches = like.new_empty(stack, inputs, rows, columns, high, wide, samples)
        self.rows = like.new_empty(stack, inputs, rows, high, broad, samples)
        self.image = like.new_empty(stack, inputs, tall, broad, samples)
        (top, _), (left, _) = window.padding
        self.inner = self.image[:, :, top : top + image.shape[2], left : left + image.shape[3]]
        self.columns = [
            (self.rows[..., steps, :], self.patches[:, :, :, place])
            for place, steps in enumerate(_steps(columns, 1, window))
        ]
        self.lines = [
            (self.image[:, :, steps], self.rows[:, :, place])
            for place, steps in enumerate(_steps(rows, 0, window))
        ]

    def apply(self, out_grad: Tensor, gradient: Tensor, *, add: bool) -> None:
        """Write the input's gradient, or add it."""
        kernel = self.conv.kernels.read()[0]
        patches = self.patches.view(len(out_grad), -1, out_grad.shape[2])
        torch.bmm(kernel.transpose(1, 2), out_grad, out=patches)
        self.rows.zero_()
        for total, share in self.columns:
            total.add_(share)
        self.image.zero_()
        for total, share in self.lines:
            total.add_(share)
        if add:
            gradient.add_(self.inner)
        else:
            gradient.copy_(self.inner)


def _steps(places: int, side: int, window: Window) -> list[slice]:
    """The pixels of the padded image that each place of the kernel sees, along one side."""
    stride, size = window.stride[side], window.output[side]
    starts = [place * window.dilation[side] for place in range(places)]
    return [slice(start, start + stride * (size - 1) + 1, stride) for start in starts]


def _transposed(conv: Convolution, *, by_row: bool) -> _FlippedConvolution | _SumOfPatches:
    return _FlippedConvolution(conv, by_row=by_row) if _flips(conv.window) else _SumOfPatches(conv)


def _flips(window: Window) -> bool:
    """Whether the input's gradient is a convolution with the flipped kernel."""
    paddings = zip(window.kernel, window.padding)
    return window.slides and all(size > max(padding) for size, padding in paddings)
