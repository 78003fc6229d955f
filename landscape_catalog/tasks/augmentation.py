"""Random shifts and flips of training images."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from landscape_catalog.tasks.samples import Samples

SHIFT_SHARE = 8  # images are shifted by at most an eighth of their size: 4 pixels of 32


def augmented(samples: Samples, generator: np.random.Generator) -> Samples:
    """Shift each image by up to an eighth of its sides, dark at the edges, and flip every second.

    Sides of less than eight pixels are shifted by one.

    Args:
        samples: images, (n, channels, h, w).
        generator: of the shifts and flips.
    """
    images = samples.inputs
    n, _, height, width = images.shape
    reaches = [max(1, side // SHIFT_SHARE) for side in (height, width)]
    padded = F.pad(images, (reaches[1], reaches[1], reaches[0], reaches[0]))
    down, right = (
        torch.from_numpy(generator.integers(2 * reach + 1, size=n)).to(images.device)
        for reach in reaches
    )
    rows = down.view(-1, 1, 1, 1) + torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=images.device).expand(n, -1)
    flipped = torch.from_numpy(generator.random(n) < 0.5).to(images.device)
    columns = torch.where(flipped.view(-1, 1), width - 1 - columns, columns) + right.view(-1, 1)
    which = torch.arange(n, device=images.device).view(-1, 1, 1, 1)
    channels = torch.arange(images.shape[1], device=images.device).view(1, -1, 1, 1)
    moved = padded[which, channels, rows, columns.view(n, 1, 1, width)]
    return Samples(moved, samples.targets, samples.positions)
