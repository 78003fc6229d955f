"""Classification of images or of custom arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from landscape_catalog.tasks.perturbations import perturbed_inputs
from landscape_catalog.tasks.samples import Samples
from landscape_catalog.tasks.task import Network, Perturbation, Task


@dataclass(frozen=True)
class Classification(Task):
    """Cross-entropy on normalised images; the error is the 0-1 error in percent.

    Args:
        mean: mean of each channel, for pixels in [0, 1]; empty for arrays that are used without
            normalisation.
        std: standard deviation of each channel.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    has_classes = True

    def inputs(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Normalise pixels on 0-255, (samples, channels, h, w): (x / 255 - mean) / std."""
        if not self.mean:
            return images.to(dtype, copy=True)  # a network may modify its input in place
        mean, std = self._moments(dtype, images.device)
        return (images.to(dtype) / 255 - mean) / std

    def _moments(self, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
        """`mean` and `std`, (1, channels, 1, 1), cached so that not every step copies them."""
        found = self._cached_moments.get((dtype, device))
        if found is None:
            with torch.inference_mode(False):  # training cannot use cached inference tensors
                mean, std = (
                    torch.tensor(values, dtype=dtype, device=device).view(1, -1, 1, 1)
                    for values in (self.mean, self.std)
                )
            found = mean, std
            if type(mean) is Tensor:  # not a subclass, which would belong to a tracer
                self._cached_moments[dtype, device] = found
        return found

    @cached_property
    def _cached_moments(self) -> dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]]:
        return {}

    def outputs(self, network: Network, samples: Samples, dtype: torch.dtype) -> Tensor:
        """Logits, (samples, classes)."""
        return network(self.inputs(samples.inputs, dtype))

    def loss(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy in nats: the loss whose landscape is studied (no weight decay)."""
        return F.cross_entropy(outputs, samples.targets, label_smoothing=label_smoothing)

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """Cross-entropy of each sample in nats, (samples,)."""
        return F.cross_entropy(
            outputs, samples.targets, reduction="none", label_smoothing=label_smoothing
        )

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        """Whether each sample is misclassified, (samples,) of bool.

        Logits that contain NaN count as an error.
        """
        wrong = outputs.argmax(dim=1) != samples.targets
        return wrong | torch.isnan(outputs).any(dim=1)

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The softmax outputs, (samples, classes)."""
        return F.softmax(outputs, dim=1)

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        """Mixed or noisy samples, in float32 on the scale of the data."""
        return perturbed_inputs(samples, perturbation, seed=seed)
