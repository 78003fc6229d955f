"""Batch norm in train mode, with several blocks of a GPU for each channel.

cuDNN and torch give a channel to one block, so that a layer of two channels uses two of a hundred
multiprocessors. Here the values of a channel are cut into blocks of fixed size; each block's mean
and sum of squared deviations are combined by

    mean = sum n_b mean_b / n,    M2 = sum M2_b + n_b (mean_b - mean)^2   (Chan et al. 1983),

in a fixed order, so that bits are reproducible. Written in Triton, which comes with torch on Linux.
"""

from __future__ import annotations

from typing import Any

import torch
import triton  # type: ignore[import-untyped]
import triton.language as tl  # type: ignore[import-untyped]
from torch import Tensor

BLOCK = 2048  # values of a channel that one block computes with
MOST_BLOCKS = 65_535  # of CUDA along the second side of a grid


@triton.jit
def _places(channel, block, channels, pixels, count, size: tl.constexpr):  # type: ignore[no-untyped-def]
    """Addresses of a block's values of a channel in (B, channels, pixels), and which exist."""
    number = block * size + tl.arange(0, size)
    sample, pixel = number // pixels, number % pixels
    return (sample * channels + channel) * pixels + pixel, number < count


@triton.jit
def _moments(inputs, means, squares, channels, pixels, count, size: tl.constexpr):  # type: ignore[no-untyped-def]
    """Mean and sum of squared deviations of one block of one channel."""
    channel, block, blocks = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    place, exists = _places(channel, block, channels, pixels, count, size)
    value = tl.load(inputs + place, mask=exists, other=0.0)
    held = tl.minimum(size, count - block * size)
    mean = tl.sum(value, 0) / held
    deviation = tl.where(exists, value - mean, 0.0)
    tl.store(means + channel * blocks + block, mean)
    tl.store(squares + channel * blocks + block, tl.sum(deviation * deviation, 0))


@triton.jit
def _normalise(  # type: ignore[no-untyped-def]
    inputs, means, squares, weight, bias, outputs, saved_mean, saved_scale, running_mean,
    running_variance, channels, pixels, count, momentum, epsilon,
    size: tl.constexpr, blocks_up: tl.constexpr,
):  # fmt: skip
    """(x - mean) / sqrt(var + eps) w + b of one block, and once a channel the statistics."""
    channel, block, blocks = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    number = tl.arange(0, blocks_up)
    held = tl.minimum(size, count - number * size).to(tl.float32)
    held = tl.where(number < blocks, held, 0.0)
    each = tl.load(means + channel * blocks + number, mask=number < blocks, other=0.0)
    square = tl.load(squares + channel * blocks + number, mask=number < blocks, other=0.0)
    mean = tl.sum(each * held, 0) / count
    total = tl.sum(square + held * (each - mean) * (each - mean), 0)
    scale = 1.0 / tl.sqrt(total / count + epsilon)
    place, exists = _places(channel, block, channels, pixels, count, size)
    value = tl.load(inputs + place, mask=exists, other=0.0)
    shifted = (value - mean) * scale * tl.load(weight + channel) + tl.load(bias + channel)
    tl.store(outputs + place, shifted, mask=exists)
    if block == 0:
        tl.store(saved_mean + channel, mean)
        tl.store(saved_scale + channel, scale)
        former = tl.load(running_mean + channel)
        tl.store(running_mean + channel, former + momentum * (mean - former))
        former = tl.load(running_variance + channel)
        unbiased = total / (count - 1)
        tl.store(running_variance + channel, former + momentum * (unbiased - former))


@triton.jit
def _gradient_sums(  # type: ignore[no-untyped-def]
    inputs, gradients, saved_mean, saved_scale, sums, products, channels, pixels, count,
    size: tl.constexpr,
):  # fmt: skip
    """Sums of the gradient, and of the gradient times the normalised input, of one block."""
    channel, block, blocks = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    place, exists = _places(channel, block, channels, pixels, count, size)
    value = tl.load(inputs + place, mask=exists, other=0.0)
    gradient = tl.load(gradients + place, mask=exists, other=0.0)
    normal = (value - tl.load(saved_mean + channel)) * tl.load(saved_scale + channel)
    tl.store(sums + channel * blocks + block, tl.sum(gradient, 0))
    tl.store(products + channel * blocks + block, tl.sum(gradient * normal, 0))


@triton.jit
def _input_gradient(  # type: ignore[no-untyped-def]
    inputs, gradients, saved_mean, saved_scale, weight, sums, products, input_gradient,
    weight_gradient, bias_gradient, channels, pixels, count,
    size: tl.constexpr, blocks_up: tl.constexpr,
):  # fmt: skip
    """w / sqrt(var + eps) (g - mean(g) - xhat mean(g xhat)) of one block; once the others."""
    channel, block, blocks = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    number = tl.arange(0, blocks_up)
    here = channel * blocks + number
    total = tl.sum(tl.load(sums + here, mask=number < blocks, other=0.0), 0)
    product = tl.sum(tl.load(products + here, mask=number < blocks, other=0.0), 0)
    place, exists = _places(channel, block, channels, pixels, count, size)
    value = tl.load(inputs + place, mask=exists, other=0.0)
    gradient = tl.load(gradients + place, mask=exists, other=0.0)
    scale = tl.load(saved_scale + channel)
    normal = (value - tl.load(saved_mean + channel)) * scale
    centred = gradient - total / count - normal * (product / count)
    found = tl.load(weight + channel) * scale * centred
    tl.store(input_gradient + place, found, mask=exists)
    if block == 0:
        tl.store(weight_gradient + channel, product)
        tl.store(bias_gradient + channel, total)


class _BatchNorm(torch.autograd.Function):
    """Batch norm of (B, channels, ...) over all but the channels, once differentiable."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor,
        running_variance: Tensor, momentum: float, epsilon: float,
    ) -> Tensor:  # fmt: skip
        inputs = inputs.contiguous()
        grid, shape, blocks_up = _layout(inputs)
        means, squares = (inputs.new_empty(grid) for _ in range(2))
        mean, scale = torch.empty_like(running_mean), torch.empty_like(running_mean)
        outputs = torch.empty_like(inputs)
        _moments[grid](inputs, means, squares, *shape, BLOCK)
        _normalise[grid](
            inputs, means, squares, weight, bias, outputs, mean, scale, running_mean,
            running_variance, *shape, momentum, epsilon, BLOCK, blocks_up,
        )  # fmt: skip
        ctx.save_for_backward(inputs, weight, mean, scale)
        return outputs

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight, mean, scale = ctx.saved_tensors
        gradient = gradient.contiguous()
        grid, shape, blocks_up = _layout(inputs)
        sums, products = (inputs.new_empty(grid) for _ in range(2))
        weight_gradient, bias_gradient = torch.empty_like(weight), torch.empty_like(weight)
        input_gradient = torch.empty_like(inputs)
        _gradient_sums[grid](inputs, gradient, mean, scale, sums, products, *shape, BLOCK)
        _input_gradient[grid](
            inputs, gradient, mean, scale, weight, sums, products, input_gradient,
            weight_gradient, bias_gradient, *shape, BLOCK, blocks_up,
        )  # fmt: skip
        return input_gradient, weight_gradient, bias_gradient, None, None, None, None


def covers(inputs: Tensor) -> bool:
    """Whether the kernels compute with a tensor of this dtype and shape, (B, channels, ...).

    A channel needs two values for a variance; addresses are numbers of 32 bits, and CUDA has at
    most 65,535 blocks along the second side of a grid.
    """
    if inputs.dtype != torch.float32 or inputs.ndim < 2 or not inputs.shape[1]:
        return False
    count = inputs.numel() // inputs.shape[1]
    return 2 <= count <= MOST_BLOCKS * BLOCK and inputs.numel() < 2**31


def batch_norm(
    inputs: Tensor, weight: Tensor, bias: Tensor, running_mean: Tensor, running_variance: Tensor,
    *, momentum: float, epsilon: float,
) -> Tensor:  # fmt: skip
    """Batch norm in train mode, which also moves the running statistics; once differentiable.

    Args:
        inputs: (B, channels, ...), for which `covers` is true.
        weight: (channels,).
        bias: (channels,).
        running_mean: (channels,), changed in place.
        running_variance: (channels,), changed in place, by the unbiased variance.
        momentum: weight of the batch in the running statistics.
        epsilon: added to the variance.
    """
    result: Tensor = _BatchNorm.apply(
        inputs, weight, bias, running_mean, running_variance, momentum, epsilon
    )
    return result


def _layout(inputs: Tensor) -> tuple[tuple[int, int], tuple[int, int, int], int]:
    """The grid of channels and blocks; channels, pixels and values; blocks up to a power of 2."""
    samples, channels = inputs.shape[:2]
    pixels = inputs[0, 0].numel()
    count = samples * pixels
    blocks = -(-count // BLOCK)
    return (channels, blocks), (channels, pixels, count), triton.next_power_of_2(blocks)
