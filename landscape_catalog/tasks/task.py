"""What a network is asked to do: the one interface that training and every metric go through."""

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
    """How CKA's samples differ from training samples.

    Attributes:
        kind: `mixup`, `pixel_noise` or `token_noise`.
        samples: how many.
        alpha: mixup coefficients are drawn from Beta(alpha, alpha).
        coefficient: one for each `sample`, or one for each `batch` of 128.
        noise: amplitude of uniform noise on each pixel, 0-255 scale.
        rate: share of the tokens that are replaced.
    """

    kind: Literal["mixup", "pixel_noise", "token_noise"] = "mixup"
    samples: int = 640
    alpha: float = 16.0
    coefficient: Literal["sample", "batch"] = "sample"
    noise: float = 40.0
    rate: float = 0.1


class Task(ABC):
    """What a batch and its loss are. A user's own task implements the same five methods.

    Losses and errors are over *units*: samples for classification, tokens for translation.

    Attributes:
        error_unit: of `errors`, after `error_scale`.
        error_scale: 100 where errors are shares and the unit is percent.
        connectivity_by: whether mode connectivity is of the `error` or of the `loss`.
        loss_unit: of `losses`.
        has_classes: whether a sample's class is the largest of its `features`.
        evaluation_batch: samples at a time where nothing is learned, bounded by memory.
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
        """What of the test data says how good a network is.

        The accuracy of a task whose error says which class is right, else the loss.
        """
        return "accuracy" if self.has_classes and self.connectivity_by == "error" else "loss"

    @abstractmethod
    def outputs(self, network: Network, samples: Samples, dtype: torch.dtype) -> Tensor:
        """What the network says of the samples: `network` called on them in its own way."""

    @abstractmethod
    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """The loss of each unit, (units,). Training alone smooths labels."""

    @abstractmethod
    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The error of each unit, (units,): bool where a unit is right or wrong, else float."""

    @abstractmethod
    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        """What CKA compares by default, (samples, features): the softmax outputs."""

    @abstractmethod
    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        """Samples that are not the training samples, drawn from them."""

    def loss(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """The loss of a batch, whose landscape is studied: the mean over its units."""
        return self.losses(outputs, samples, label_smoothing=label_smoothing).mean()

    def layer_features(self, activations: Tensor, samples: Samples) -> Tensor:
        """What CKA compares of an inner layer's output, (samples, features)."""
        return activations.flatten(1)
