"""One of several runs that are trained at the same time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from torch import nn

from landscape_catalog.tasks import Samples, Task
from landscape_catalog.training.checkpoints import Checkpoints
from landscape_catalog.training.course import Course, EpochRecord, TrainedRun
from landscape_catalog.training.recipe import Recipe


@dataclass(frozen=True)
class Member:
    """A run that is trained together with others; the arguments of `train`.

    Attributes:
        network: trained in place.
        data: training samples, on the network's device.
        task: loss and error.
        recipe: hyperparameters.
        seed: of the batch order and augmentation.
        snapshots: which weights to keep in addition to those of the best training loss.
        test_error: error of a network on test data, for `best_test`.
        on_epoch: called after every epoch.
        on_end: called with the result as soon as the run ends.
        checkpoints: where its checkpoints are kept.
    """

    network: nn.Module
    data: Samples
    task: Task
    recipe: Recipe
    seed: int
    snapshots: Collection[str] = ("best_train_loss",)
    test_error: Callable[[nn.Module], float] | None = None
    on_epoch: Callable[[EpochRecord], None] | None = None
    on_end: Callable[[TrainedRun], None] | None = None
    checkpoints: Checkpoints | None = None

    def course(self) -> Course:
        """The run's course, at its beginning."""
        return Course(
            self.network,
            self.recipe,
            snapshots=self.snapshots,
            test_error=self.test_error,
            on_epoch=self.on_epoch,
        )
