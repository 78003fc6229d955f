"""Convolutions whose output is one pixel, of images with fewer pixels than the kernel has places.

Most of the only patch is padding then. The convolution is the product of the part of the kernel
that sees the image, (out, in * pixels), with the image as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from landscape_catalog.graphs.operations import Operation, UnsupportedOperationError
from landscape_catalog.graphs.stacked.layer import Value, WeightedLayer, Weights
from landscape_catalog.graphs.stacked.patches import Window, window_of
from landscape_catalog.graphs.stacked.products import multiply


def is_dense(operation: Operation, weights: Weights, shape: Sequence[int]) -> bool:
    """Whether an ungrouped convolution sees an image smaller than its kernel at once.

    Args:
        operation: the convolution.
        weights: of the networks.
        shape: of its input, (T, in, height, width, B).
    """
    assert operation.options is not None
    kernel = weights[operation.weight].shape[3:]
    output = window_of(kernel, shape[2:4], operation).output
    smaller = math.prod(shape[2:4]) < math.prod(kernel)
    return operation.options["groups"] == 1 and output == (1, 1) and smaller


class DenseConvolution(WeightedLayer):
    """A convolution of small images to one pixel, as a linear layer."""

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
        weight = self.weight
        window = window_of(weight.shape[3:], source.tensor.shape[2:4], operation)
        (rows, seen_rows), (columns, seen_columns) = _seen(window, 0), _seen(window, 1)
        self.kernel = weight[..., seen_rows, seen_columns]
        count, outputs, inputs = weight.shape[:3]
        blocks = weight.new_zeros(count, outputs, inputs, *window.image)
        self.matrix, self.covered = blocks.view(count, outputs, -1), blocks[..., rows, columns]
        self.out = value.tensor.view(count, outputs, -1)
        if grads is not None:
            self.kernel_grad = self.weight_grad[..., seen_rows, seen_columns]
            self.matrix_grad = torch.empty_like(self.matrix)
            self.covered_grad = self.matrix_grad.view_as(blocks)[..., rows, columns]

    def forward(self) -> None:
        """Lay out the matrix and multiply."""
        self.covered.copy_(self.kernel)
        torch.bmm(self.matrix, _flat(self.sources[0].tensor), out=self.out)
        self.add_bias()

    def backward(self) -> None:
        """Gradients of kernel and bias, and of the input; zero at unseen places of the kernel."""
        source = self.sources[0]
        out_grad = self.value.gradient.view_as(self.out)
        torch.bmm(out_grad, _flat(source.tensor).transpose(1, 2), out=self.matrix_grad)
        self.weight_grad.zero_()  # the caller may have changed it, for example by weight decay
        self.kernel_grad.copy_(self.covered_grad)
        self.write_bias_grad()
        if source.differentiated:
            total, add = source.destination()
            multiply(self.matrix.transpose(1, 2), out_grad, _flat(total), add=add)


def _flat(images: Tensor) -> Tensor:
    """(T, channels, height, width, B) -> (T, channels * height * width, B)."""
    return images.reshape(len(images), -1, images.shape[-1])


def _seen(window: Window, side: int) -> tuple[slice, slice]:
    """The pixels that the kernel covers, and the places of the kernel that cover them."""
    dilation, (before, _) = window.dilation[side], window.padding[side]
    starts = [place * dilation - before for place in range(window.kernel[side])]
    places = [place for place, pixel in enumerate(starts) if 0 <= pixel < window.image[side]]
    if not places:
        raise UnsupportedOperationError
    first, last = places[0], places[-1]
    return slice(starts[first], starts[last] + 1, dilation), slice(first, last + 1)
