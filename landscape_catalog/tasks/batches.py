"""The order in which training visits its samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


def epoch_order(n: int, batch_size: int, *, seed: int, epoch: int) -> Tensor:
    """Indices of one epoch's batches: shuffled without replacement, incomplete batch dropped.

    The shuffle depends only on (seed, epoch), through a counter-based generator, so an epoch can be
    redrawn without the epochs before it.

    Args:
        n: number of samples.
        batch_size: samples per batch.
        seed: of the shuffle.
        epoch: number of the epoch.

    Returns:
        (n // batch_size, batch_size) of int64, on the CPU.

    Raises:
        ValueError: if the batch is larger than the data.
    """
    if not 0 < batch_size <= n:
        raise ValueError(f"batch_size must be between 1 and the {n} samples, got {batch_size}")
    generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, epoch]))
    whole = n // batch_size * batch_size
    return torch.from_numpy(generator.permutation(n)[:whole]).view(-1, batch_size)


def epoch_batches(
    n: int, batch_size: int, *, seed: int, epoch: int, device: torch.device | str = "cpu"
) -> Iterator[Tensor]:
    """The batches of `epoch_order` one by one, on a device.

    The order of the whole epoch is copied to the device at once.

    Args:
        n: number of samples.
        batch_size: samples per batch.
        seed: of the shuffle.
        epoch: number of the epoch.
        device: of the samples.

    Yields:
        (batch_size,) of int64 on the device, n // batch_size times.

    Raises:
        ValueError: if the batch is larger than the data.
    """
    yield from epoch_order(n, batch_size, seed=seed, epoch=epoch).to(device)
