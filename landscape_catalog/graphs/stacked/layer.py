"""The values of stacked networks, and the base class of the layers that compute them.

A value of T networks on B samples is a tensor (T, channels, height, width, B), or (T, features, B).
With the samples last, a shift of an image is a shift of whole rows of memory, and a channel of a
network is one contiguous row, whatever the number of networks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from landscape_catalog.graphs.operations import Operation

Weights = Mapping[str, Tensor]  # name -> (T, *shape), of T networks
Padding = tuple[tuple[int, int], tuple[int, int]]  # before and after, along each side
NO_PADDING: Padding = ((0, 0), (0, 0))


class Value:
    """A value of the graph, and its gradient in the present backward pass.

    Args:
        like: its dtype and device.
        shape: (T, channels, ..., B).
        uses: number of operations that take the value.
        padding: zeros that are stored around each image, for the convolutions that take it.
        differentiated: whether its gradient is needed.

    Attributes:
        tensor: the value; a view of the inside of `padded`.
        padded: the value with its padding.
        gradient: the sum of what has been collected so far.
    """

    def __init__(
        self,
        like: Tensor,
        shape: Sequence[int],
        *,
        uses: int,
        padding: Padding = NO_PADDING,
        differentiated: bool,
    ) -> None:
        self.uses, self.padding, self.differentiated = uses, padding, differentiated
        if padding == NO_PADDING:
            self.padded = self.tensor = like.new_zeros(tuple(shape))
        else:
            (top, bottom), (left, right) = padding
            *first, height, width, samples = shape
            tall, wide = height + top + bottom, width + left + right
            self.padded = like.new_zeros(*first, tall, wide, samples)
            self.tensor = self.padded[:, :, top : top + height, left : left + width]
        self._buffer: Tensor | None = None
        self._gradient: Tensor | None = None
        self._collected = 0

    @property
    def gradient(self) -> Tensor:
        """The gradient, (T, channels, ..., B), contiguous."""
        assert self._gradient is not None
        return self._gradient

    def destination(self) -> tuple[Tensor, bool]:
        """Where the next share of the gradient goes: a tensor, and whether to add to it."""
        first = self._begins()
        if self._buffer is None:
            self._buffer = self.tensor.new_empty(self.tensor.shape)
        if first:
            self._gradient = self._buffer
        return self.gradient, not first

    def collect(self, share: Tensor) -> None:
        """Add a share of the gradient. A tensor that is the only share is kept, not copied."""
        if self.uses == 1:
            self._gradient = share.contiguous()
            return
        gradient, add = self.destination()
        if add:
            gradient.add_(share)
        else:
            gradient.copy_(share)

    def _begins(self) -> bool:
        """Count one more share; True if it is the first of this backward pass."""
        first = self._collected == 0
        self._collected = (self._collected + 1) % self.uses
        return first


class Layer(ABC):
    """One operation on stacked values, with buffers that are allocated once.

    Attributes:
        sources: the values it takes.
        value: the value it computes.
    """

    def __init__(self, sources: Sequence[Value], value: Value) -> None:
        self.sources, self.value = sources, value

    @abstractmethod
    def forward(self) -> None:
        """Compute the value from those of the sources."""

    @abstractmethod
    def backward(self) -> None:
        """Add to the sources' gradients, and write those of the layer's own parameters."""


class WeightedLayer(Layer):
    """An operation with a weight, and perhaps a bias, of each network.

    Args:
        operation: names the parameters.
        source: the value it takes.
        value: the value it computes.
        weights: of the networks.
        grads: where the parameters' gradients are written; None: values only.
    """

    def __init__(
        self,
        operation: Operation,
        source: Value,
        value: Value,
        weights: Weights,
        *,
        grads: Weights | None,
    ) -> None:
        super().__init__([source], value)
        self.weight = weights[operation.weight]
        self._bias = weights[operation.bias] if operation.bias else None
        if grads is not None:
            self.weight_grad = grads[operation.weight]
            self._bias_grad = grads[operation.bias] if operation.bias else None

    def add_bias(self) -> None:
        """Add the bias, if there is one, to each channel of the value."""
        if self._bias is not None:
            tensor = self.value.tensor
            tensor.add_(self._bias.view(*self._bias.shape, *[1] * (tensor.ndim - 2)))

    def write_bias_grad(self) -> None:
        """Write the gradient of the bias, if there is one: the sum over pixels and samples."""
        if self._bias_grad is not None:
            gradient = self.value.gradient
            torch.sum(gradient, dim=tuple(range(2, gradient.ndim)), out=self._bias_grad)
