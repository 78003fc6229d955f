"""How a pool is prepared: number of samples, test split and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a pool becomes the training and test data of one landscape.

    Attributes:
        samples: number of training samples, the first of a fixed shuffle.
        test_samples: number of test samples, the same for every load; `all` takes the whole of the
            dataset's own test split.
        seed: of the split and of all draws.
        label_noise: share of the training labels that are replaced.
        label_noise_mode: whether the new label is of a `different` class or of `any` class.
        pixel_noise: amplitude of uniform noise on the training images, 0-255 scale.
        size: (height, width) that images are resampled to, before noise; None: not resampled.
        vocabulary: number of tokens for text, including padding, begin, end and unknown.
    """

    samples: int
    test_samples: int | Literal["all"]
    seed: int
    label_noise: float = 0.0
    label_noise_mode: Literal["different", "any"] = "different"
    pixel_noise: float = 0.0
    size: tuple[int, int] | None = None
    vocabulary: int = 8000
