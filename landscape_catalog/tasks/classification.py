"""Image classification: what a batch, its loss, its error and its perturbation are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Classification:
    """Cross-entropy on normalised images; the error is the 0-1 error in percent.

    Args:
        mean: mean of each channel, of pixels in [0, 1].
        std: standard deviation of each channel, of pixels in [0, 1].
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    error_unit = "%"

    def inputs(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Normalise pixels on 0-255, (samples, channels, h, w): (x / 255 - mean) / std."""
        shape = (1, -1, 1, 1)
        mean = torch.tensor(self.mean, dtype=dtype, device=images.device).view(shape)
        std = torch.tensor(self.std, dtype=dtype, device=images.device).view(shape)
        return (images.to(dtype) / 255 - mean) / std

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats: the loss whose landscape is studied (no weight decay)."""
        return F.cross_entropy(logits, labels)

    def losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of each sample in nats, (samples,)."""
        return F.cross_entropy(logits, labels, reduction="none")

    def errors(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Whether each sample is misclassified, (samples,) of bool.

        Logits with a NaN count as an error.
        """
        wrong = logits.argmax(dim=1) != labels
        return wrong | torch.isnan(logits).any(dim=1)

    def features(self, logits: Tensor) -> Tensor:
        """What CKA compares: the softmax outputs, (samples, classes)."""
        return F.softmax(logits, dim=1)

    def perturb(self, images: Tensor, *, samples: int, alpha: float, seed: int) -> Tensor:
        """Mixup samples x = l x1 + (1 - l) x2 with l ~ Beta(alpha, alpha), one l for each sample.

        Args:
            images: training images on the 0-255 scale, (n, channels, h, w).
            samples: how many mixtures; both partners are drawn with replacement.
            alpha: parameter of the Beta distribution.
            seed: of the counter-based generator.

        Returns:
            (samples, channels, h, w) in float32 on the 0-255 scale.

        Source: Zhang et al. 2018; Yang et al. 2021, appendix A.1.
        """
        generator = np.random.Generator(np.random.Philox(key=seed))
        first, second = generator.integers(len(images), size=(2, samples))
        coefficients = torch.from_numpy(generator.beta(alpha, alpha, size=samples))
        mixing = coefficients.to(images.device, torch.float32).view(-1, 1, 1, 1)
        one, other = images[first].to(torch.float32), images[second].to(torch.float32)
        return mixing * one + (1 - mixing) * other
