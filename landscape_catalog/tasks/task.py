"""The interface of tasks, which training and all metrics use to call a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from landscape_catalog.tasks.samples import Samples

Network = Callable[..., Tensor]


@dataclass(frozen=True)
class Perturbation:
    """How training samples are perturbed for CKA.

    Attributes:
        kind: `mixup`, `pixel_noise` or `token_noise`.
        samples: number of perturbed samples.
        alpha: mixup coefficients are drawn from Beta(alpha, alpha).
        coefficient: one mixup coefficient per `sample`, or per `batch` of 128 samples.
        noise: amplitude of the uniform noise on each pixel, on the 0-255 scale.
        rate: fraction of the tokens that are replaced.
    """

    kind: Literal["mixup", "pixel_noise", "token_noise"] = "mixup"
    samples: int = 640
    alpha: float = 16.0
    coefficient: Literal["sample", "batch"] = "sample"
    noise: float = 40.0
    rate: float = 0.1


class Task(ABC):
    """How a network is called on a batch, and how its outputs are scored.

    A custom task implements the five abstract methods. Losses and errors are per *unit*: samples
    for classification, tokens for translation.

    Attributes:
        error_unit: unit of the mean of `errors` times `error_scale`.
        error_scale: factor on errors; 100 if they are fractions and the unit is percent.
        connectivity_by: whether mode connectivity uses the `error` or the `loss`.
        loss_unit: unit of `losses`.
        has_classes: whether the predicted class is the argmax of a sample's `features`.
        evaluation_batch: evaluation batch size, limited by memory.
    """

    error_unit: str = "%"
    error_scale: float = 100.0
    connectivity_by: Literal["error", "loss"] = "error"
    loss_unit: str = "nats"
    has_classes: bool = False
    evaluation_batch: int = 1000

    @property
    def connectivity_unit(self) -> str:
        """Unit of mode connectivity."""
        return self.error_unit if self.connectivity_by == "error" else self.loss_unit

    @property
    def judged_by(self) -> Literal["accuracy", "error", "loss"]:
        """The test quantity by which networks are ranked.

        The accuracy if the task has classes and its error counts wrong ones, else the loss.
        """
        return "accuracy" if self.has_classes and self.connectivity_by == "error" else "loss"

    @abstractmethod
    def outputs(self, network: Network, samples: Samples, dtype: torch.dtype) -> Tensor:
        """The network's outputs on the samples; this method decides how `network` is called."""

    @abstractmethod
    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """The loss of each unit, (units,). Labels are smoothed in training only."""

    @abstractmethod
    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The error of each unit, (units,): bool (True if wrong) if units are right or wrong, else
        float.
        """

    @abstractmethod
    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The features that CKA compares by default, (samples, features), e.g. softmax outputs."""

    @abstractmethod
    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        """Perturbed samples, drawn from the training samples."""

    def loss(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """The loss of a batch, which defines the loss landscape: the mean over units."""
        return self.losses(outputs, samples, label_smoothing=label_smoothing).mean()

    def layer_features(self, activations: Tensor, samples: Samples) -> Tensor:
        """The features that CKA compares for an inner layer's output, (samples, features)."""
        return activations.flatten(1)
