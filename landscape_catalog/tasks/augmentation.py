"""Random shifts and flips of training images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from landscape_catalog.tasks.samples import Samples

SHIFT_SHARE = 8  # images are shifted by at most an eighth of their size: 4 pixels of 32


def augmented(samples: Samples, generator: np.random.Generator) -> Samples:
    """Shift each image by up to an eighth of its sides, padding with zeros, and flip half of them.

    Along sides of fewer than eight pixels, images are shifted by at most one.

    Args:
        samples: images, (n, channels, h, w).
        generator: of the shifts and flips.
    """
    n, _, height, width = samples.inputs.shape
    moves = drawn_moves((height, width), 1, n, generator).to(samples.inputs.device)
    return moved(samples, moves[0])


def drawn_moves(
    size: tuple[int, int], batches: int, n: int, generator: np.random.Generator
) -> Tensor:
    """Draw the shifts and flips of several batches, one batch after the other.

    Args:
        size: height and width of the images.
        batches: number of batches.
        n: images per batch.
        generator: of the draws.

    Returns:
        (batches, 3, n) of int64: row and column offset in the padded image, and 1 for a flip.
    """
    max_shifts = [_max_shift(side) for side in size]
    drawn = np.empty((batches, 3, n), np.int64)
    for batch in drawn:
        for i, max_shift in enumerate(max_shifts):
            batch[i] = generator.integers(2 * max_shift + 1, size=n)
        batch[2] = generator.random(n) < 0.5
    return torch.from_numpy(drawn)


def moved(samples: Samples, moves: Tensor) -> Samples:
    """Shift and flip images.

    Args:
        samples: images, (n, channels, h, w).
        moves: (3, n), one batch of `drawn_moves`, on the images' device.
    """
    images = samples.inputs
    n, _, height, width = images.shape
    vertical, horizontal = _max_shift(height), _max_shift(width)
    padded = F.pad(images, (horizontal, horizontal, vertical, vertical))
    down, right, flip = moves
    rows = down.view(-1, 1, 1, 1) + torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=images.device).expand(n, -1)
    flipped = flip.to(torch.bool).view(-1, 1)
    columns = torch.where(flipped, width - 1 - columns, columns) + right.view(-1, 1)
    which = torch.arange(n, device=images.device).view(-1, 1, 1, 1)
    channels = torch.arange(images.shape[1], device=images.device).view(1, -1, 1, 1)
    shifted = padded[which, channels, rows, columns.view(n, 1, 1, width)]
    return Samples(shifted, samples.targets, samples.positions)


def _max_shift(side: int) -> int:
    """The largest shift along a side, in pixels."""
    return max(1, side // SHIFT_SHARE)
