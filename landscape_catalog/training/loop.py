"""Training one network at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection

from torch import nn

from landscape_catalog.tasks import Samples, Task, seeded
from landscape_catalog.training.checkpoints import Checkpoints, TrainingState
from landscape_catalog.training.course import Course, EpochRecord, TrainedRun
from landscape_catalog.training.recipe import Recipe
from landscape_catalog.training.steps import Steps


def train(
    network: nn.Module,
    data: Samples,
    task: Task,
    recipe: Recipe,
    *,
    seed: int,
    snapshots: Collection[str] = ("best_train_loss",),
    test_error: Callable[[nn.Module], float] | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainedRun:
    """Minimise the task's loss + 1/2 wd ||theta||^2 with SGD with momentum or Adam, in place.

    Samples are drawn without replacement and incomplete batches are dropped. The training loss of
    an epoch is its running mean in train mode, including label smoothing. It determines when to
    stop and which weights are best; snapshots are taken at the end of an epoch.

    Args:
        network: trained in place, on the device and in the dtype of its parameters.
        data: training samples on the network's device.
        task: loss and error.
        recipe: batch size, learning rate, optimiser, schedule, stopping.
        seed: of the batch order, augmentation and dropout.
        snapshots: which weights to keep in addition to those of the best training loss.
        test_error: error of a network on test data, for `best_test`.
        on_epoch: called after every epoch.
        checkpoints: where checkpoints are kept, from which training goes on to the same bits.

    Returns:
        The snapshots, one record per epoch, and why training ended: `calm` (the training loss
        reached a plateau), `epochs` or `updates` (all done), `diverged` (the loss became NaN or
        infinite).

    Raises:
        ValueError: if the batch is larger than the data.

    Source: Yang et al. 2021, Eq. 1-2 and appendix B.3.
    """
    course = Course(network, recipe, snapshots=snapshots, test_error=test_error, on_epoch=on_epoch)
    steps = Steps(network, data, task, recipe, seed)
    with seeded(seed, data.inputs.device):
        state = None if checkpoints is None else checkpoints.resume()
        if state is not None:
            course.load(state)
            steps.load(state)
        goes_on = True
        while goes_on and steps.is_open:
            steps.begin(len(course.history) + 1)
            while steps.left:
                steps.take()
                if checkpoints is not None and checkpoints.due():
                    checkpoints.save(run_state(course, steps))
            goes_on = course.end_epoch(*steps.end())
    return course.finish()


def run_state(course: Course, steps: Steps) -> TrainingState:
    """A checkpoint of a run at this step."""
    values, tensors = course.state()
    counts, further = steps.state()
    return TrainingState(values | counts, tensors | further)
