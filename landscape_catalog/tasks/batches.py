"""The order in which training visits its samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


def epoch_batches(
    n: int, batch_size: int, *, seed: int, epoch: int, device: torch.device | str = "cpu"
) -> Iterator[Tensor]:
    """Indices of one epoch's batches: shuffled without replacement, incomplete batch dropped.

    The shuffle depends only on (seed, epoch), through a counter-based generator, so an epoch can be
    redrawn without the epochs before it.

    Args:
        n: number of samples.
        batch_size: samples per batch.
        seed: of the shuffle.
        epoch: number of the epoch.
        device: of the samples; the order of the whole epoch is copied to it at once.

    Yields:
        (batch_size,) of int64 on the device, n // batch_size times.

    Raises:
        ValueError: if the batch is larger than the data.
    """
    if not 0 < batch_size <= n:
        raise ValueError(f"batch_size must be between 1 and the {n} samples, got {batch_size}")
    generator = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, epoch]))
    order = torch.from_numpy(generator.permutation(n)).to(device)
    for start in range(0, n - batch_size + 1, batch_size):
        yield order[start : start + batch_size]
