"""What is made of a pool: how many samples, which are held out, and the noise on the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a pool becomes the training and test data of one landscape.

    Attributes:
        samples: training samples, the first of a fixed shuffle.
        test_samples: test samples, the same for every load; `all` of the dataset's own test split.
        seed: of the split and of all draws.
        label_noise: share of the training labels that is replaced.
        label_noise_mode: by a `different` class, or by `any`.
        pixel_noise: amplitude of uniform noise on the training images, 0-255 scale.
        size: (height, width) that images are resampled to, before noise; None: as they are.
        vocabulary: tokens of a text, those for padding, begin, end and unknown among them.
    """

    samples: int
    test_samples: int | Literal["all"]
    seed: int
    label_noise: float = 0.0
    label_noise_mode: Literal["different", "any"] = "different"
    pixel_noise: float = 0.0
    size: tuple[int, int] | None = None
    vocabulary: int = 8000
