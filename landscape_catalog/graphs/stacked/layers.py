"""The layers of stacked networks besides convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from landscape_catalog.graphs.operations import Operation
from landscape_catalog.graphs.stacked.layer import Layer, Value, WeightedLayer, Weights
from landscape_catalog.graphs.stacked.products import multiply
from landscape_catalog.graphs.stacked.statistics import StackedStatistics


class BatchNorm(Layer):
    """Batch norm in train mode, over the pixels and samples of each network's channel.

    (x - mean) / sqrt(variance + eps) * weight + bias, with the biased variance in two passes.

    Args:
        operation: of kind `norm`.
        source: what is normalised.
        value: the result.
        weights: of the networks.
        statistics: to which the batch's mean and variance are written.
        grads: where the gradients of weight and bias are written; None: values only.
    """

    def __init__(
        self,
        operation: Operation,
        source: Value,
        value: Value,
        weights: Weights,
        statistics: StackedStatistics,
        *,
        grads: Weights | None,
    ) -> None:
        super().__init__([source], value)
        assert operation.options is not None
        self.eps = float(operation.options["eps"])
        weight, bias = weights[operation.weight], weights[operation.bias]
        self.rows = source.tensor.view(weight.numel(), -1)
        self.count = self.rows.shape[1]
        batch = statistics.batch(operation.layer, self.count)
        self.mean, self.squares = (part.view(-1, 1) for part in batch)
        self.norm, self.centred = torch.empty_like(self.mean), torch.empty_like(self.rows)
        self.out = value.tensor.view_as(self.rows)
        self.weight, self.bias = weight.view(-1, 1), bias.view(-1, 1)
        self.inverse, self.scale = torch.empty_like(self.mean), torch.empty_like(self.mean)
        self.epsilon = torch.full_like(self.mean, self.eps)
        if grads is not None:
            self.weight_grad = grads[operation.weight].view(-1)
            self.bias_grad = grads[operation.bias].view(-1)
            self.images = self.rows[None]
            self.vectors = [value.view(-1) for value in (self.weight, self.mean, self.inverse)]

    def forward(self) -> None:
        """Normalise each channel by the batch's own mean and variance."""
        torch.mean(self.rows, 1, keepdim=True, out=self.mean)
        torch.sub(self.rows, self.mean, out=self.centred)
        torch.linalg.vector_norm(self.centred, dim=1, keepdim=True, out=self.norm)
        torch.mul(self.norm, self.norm, out=self.squares)
        torch.add(self.epsilon, self.squares, alpha=1 / self.count, out=self.inverse)
        self.inverse.rsqrt_()
        torch.mul(self.inverse, self.weight, out=self.scale)
        torch.addcmul(self.bias, self.centred, self.scale, out=self.out)

    def backward(self) -> None:
        """Gradients of weight and bias, and of the input."""
        source = self.sources[0]
        weight, mean, inverse = self.vectors
        gradient = self.value.gradient.view_as(self.images)
        found = torch.ops.aten.native_batch_norm_backward(
            gradient, self.images, weight, None, None, mean, inverse, True, self.eps, [True] * 3
        )
        gradient, weight_grad, bias_grad = found
        self.weight_grad.copy_(weight_grad)
        self.bias_grad.copy_(bias_grad)
        if source.differentiated:
            source.collect(gradient.view_as(source.tensor))


class Linear(WeightedLayer):
    """A linear layer: one matrix product for each network."""

    def forward(self) -> None:
        """W x + b."""
        torch.bmm(self.weight, self.sources[0].tensor, out=self.value.tensor)
        self.add_bias()

    def backward(self) -> None:
        """Gradients of weight and bias, and of the input."""
        source, gradient = self.sources[0], self.value.gradient
        torch.bmm(gradient, source.tensor.transpose(1, 2), out=self.weight_grad)
        self.write_bias_grad()
        if source.differentiated:
            share, add = source.destination()
            multiply(self.weight.transpose(1, 2), gradient, share, add=add)


class Relu(Layer):
    """max(x, 0)."""

    def forward(self) -> None:
        """Clamp at zero."""
        torch.clamp_min(self.sources[0].tensor, 0, out=self.value.tensor)

    def backward(self) -> None:
        """Pass the gradient on where the value is positive."""
        source, gradient = self.sources[0], self.value.gradient
        if not source.differentiated:
            return
        value = self.value.tensor
        if source.uses == 1:
            share, _ = source.destination()
            torch.ops.aten.threshold_backward.grad_input(gradient, value, 0, grad_input=share)
        else:
            source.collect(torch.ops.aten.threshold_backward(gradient, value, 0))


class Add(Layer):
    """The sum of two branches."""

    def forward(self) -> None:
        """x + y."""
        one, other = self.sources
        torch.add(one.tensor, other.tensor, out=self.value.tensor)

    def backward(self) -> None:
        """Pass the gradient on to both branches."""
        for source in self.sources:
            if source.differentiated:
                source.collect(self.value.gradient)


class Mean(Layer):
    """The mean over the pixels of each channel."""

    def forward(self) -> None:
        """Sum over the pixels, divided by their number."""
        image = self.sources[0].tensor
        out = self.value.tensor.view(*image.shape[:2], 1, image.shape[-1])
        torch.mean(image.flatten(2, 3), dim=2, keepdim=True, out=out)

    def backward(self) -> None:
        """Spread the gradient evenly over the pixels."""
        source = self.sources[0]
        if not source.differentiated:
            return
        image = source.tensor
        share = self.value.gradient.view(*image.shape[:2], 1, 1, image.shape[-1])
        source.collect((share / (image.shape[2] * image.shape[3])).expand_as(image))


class Flatten(Layer):
    """All features of a sample in one row."""

    def forward(self) -> None:
        """Copy the values."""
        self.value.tensor.view_as(self.sources[0].tensor).copy_(self.sources[0].tensor)

    def backward(self) -> None:
        """Copy the gradient."""
        source = self.sources[0]
        if source.differentiated:
            source.collect(self.value.gradient.view_as(source.tensor))


class Function(Layer):
    """An activation or a pool without parameters, differentiated by autograd.

    An activation is applied to one network at a time. A pool gets each channel of each network as
    one image whose "channels" are the samples, which it treats alike.
    """

    def __init__(self, operation: Operation, sources: Sequence[Value], value: Value) -> None:
        super().__init__(sources, value)
        self.apply = stacked_function(operation)
        self.recorded: tuple[Tensor, Tensor] | None = None

    def forward(self) -> None:
        """Apply the function."""
        value = self.sources[0].tensor
        if not self.value.differentiated:
            self.value.tensor.copy_(self.apply(value))
            return
        with torch.enable_grad():
            leaf = value.clone().requires_grad_()  # it may work in place
            out = self.apply(leaf)
        self.recorded = leaf, out
        self.value.tensor.copy_(out.detach())

    def backward(self) -> None:
        """Differentiate the recorded call."""
        source = self.sources[0]
        if source.differentiated:
            assert self.recorded is not None
            leaf, out = self.recorded
            (gradient,) = torch.autograd.grad(out, leaf, self.value.gradient)
            source.collect(gradient)
        self.recorded = None


def stacked_function(operation: Operation) -> Callable[[Tensor], Tensor]:
    """An activation or a pool as a function of a stacked value."""
    assert operation.function is not None and operation.options is not None
    function, options = operation.function, operation.options

    def call(value: Tensor) -> Tensor:
        return function(value, *options["args"], **options["kwargs"])

    def apply(value: Tensor) -> Tensor:
        if operation.kind != "pool":  # a call rounds its last numbers in another way (sigmoid)
            return torch.stack([call(network) for network in value])
        images = value.flatten(0, 1).permute(0, 3, 1, 2)
        return call(images).permute(0, 2, 3, 1).unflatten(0, value.shape[:2])

    return apply
