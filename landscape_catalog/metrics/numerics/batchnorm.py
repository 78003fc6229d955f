"""Batch-norm statistics of weights that were not reached by training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from landscape_catalog.tasks import Samples, Task, epoch_batches, seeded


@contextmanager
def clear_batch_errors(batch_size: int) -> Iterator[None]:
    """Raise a clear error if batches leave batch norm a single value per channel."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            f"batches of {batch_size} leave batch norm one value per channel, which has no "
            "variance: take a larger batch_size"
        ) from error


@torch.no_grad()
def recompute_batchnorm(
    network: nn.Module, data: Samples, task: Task, *, batch_size: int, seed: int
) -> None:
    """Set running statistics to the cumulative mean over train-mode batches of the data, in place.

    Interpolated weights have no statistics of their own, and those of an endpoint do not fit them,
    so they are recomputed at each point of a curve (Izmailov et al. 2018; Garipov et al. 2018).
    Samples are shuffled once, without replacement; an incomplete batch is dropped. Networks without
    batch norm are not changed, nor are layers that their network keeps in eval mode, nor buffers of
    other layers, which the passes may move (the vectors of spectral norm).

    Args:
        network: gets new statistics; its mode is restored.
        data: training samples.
        task: how the network is called on them.
        batch_size: samples per batch.
        seed: of the shuffle, and of dropout.

    Raises:
        ValueError: if the batch is larger than the data, or leaves batch norm a single value per
            channel.
    """
    dtype = next(network.parameters()).dtype
    was_training = network.training
    network.train()
    layers = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.training]
    if not layers:
        network.train(was_training)
        return
    others = [
        (module, name, value.clone())
        for module in network.modules()
        if not isinstance(module, _BatchNorm)
        for name, value in module.named_buffers(recurse=False)
    ]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # None: cumulative mean
    with seeded(seed, data.inputs.device), clear_batch_errors(batch_size):
        device = data.inputs.device
        for rows in epoch_batches(len(data), batch_size, seed=seed, epoch=0, device=device):
            task.outputs(network, data[rows], dtype)
    for layer, momentum in zip(layers, momenta):
        layer.momentum = momentum
    for module, name, value in others:
        module.get_buffer(name).copy_(value)
    network.train(was_training)
