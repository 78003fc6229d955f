"""Training one network at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.models.float64 import float64_device, in_float64
from landscape_catalog.tasks import Samples, Task, epoch_batches, seeded
from landscape_catalog.tasks.augmentation import drawn_moves, moved
from landscape_catalog.training.checkpoints import (
    Checkpoints,
    TrainingState,
    prefixed,
    random_state,
    set_random_state,
)
from landscape_catalog.training.course import Course, EpochRecord, TrainedRun
from landscape_catalog.training.recipe import Recipe, optimizer_of, rate_factor

AUGMENTATION_STREAM = 1  # stream of the epoch's counter-based generator; 0 draws the batches


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
    steps = _Steps(network, data, task, recipe, seed)
    with seeded(seed, data.inputs.device):
        state = None if checkpoints is None else checkpoints.resume()
        if state is not None:
            course.load(state)
            steps.load(state)

        def after_step() -> None:
            if checkpoints is not None and checkpoints.due():
                checkpoints.save(steps.state(course))

        goes_on = True
        while goes_on and (steps.done < steps.total or steps.steps):  # a last epoch may be open
            goes_on = course.end_epoch(*steps.epoch(len(course.history) + 1, after_step))
    return course.finish()


class _Steps:
    """Gradient steps, one epoch at a time."""

    def __init__(
        self, network: nn.Module, data: Samples, task: Task, recipe: Recipe, seed: int
    ) -> None:
        self.network, self.data, self.task = network, data, task
        self.recipe, self.seed = recipe, seed
        self.optimizer = optimizer_of(network, recipe)
        self.total = recipe.total_updates(len(data))
        self.done = 0
        self.dtype = next(network.parameters()).dtype
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        device = float64_device(self.data.inputs.device)
        zero = torch.zeros((), dtype=torch.float64, device=device)
        self.loss_sum, self.error_sum = zero, zero.clone()
        self.steps = self.units = 0

    def epoch(self, epoch: int, after_step: Callable[[], None]) -> tuple[float, float]:
        """Train for the rest of an epoch, or for the remaining updates.

        Returns:
            The mean loss and the mean error of the whole epoch.
        """
        self.network.train()
        device = self.data.inputs.device
        moves = self._moves(epoch) if self.recipe.augment else None
        batches = epoch_batches(
            len(self.data), self.recipe.batch_size, seed=self.seed, epoch=epoch, device=device
        )
        for rows in islice(batches, self.steps, self.steps + self.total - self.done):
            batch = self.data[rows]
            if moves is not None:
                batch = moved(batch, moves[self.steps])
            outputs, loss = self._step(batch)
            with torch.no_grad():
                self.loss_sum += in_float64(loss)
                errors = self.task.errors(outputs, batch)
                self.error_sum += in_float64(errors.sum())
            self.units += len(errors)
            self.steps += 1
            after_step()
        mean_loss = float(self.loss_sum) / self.steps
        mean_error = self.task.error_scale * float(self.error_sum) / self.units
        self._begin_epoch()
        return mean_loss, mean_error

    def _moves(self, epoch: int) -> Tensor:
        """Shifts and flips for all batches of an epoch, copied to the device at once."""
        generator = np.random.Generator(
            np.random.Philox(key=self.seed, counter=[0, 0, AUGMENTATION_STREAM, epoch])
        )
        n, images = self.recipe.batch_size, self.data.inputs
        height, width = images.shape[2:]
        return drawn_moves((height, width), len(images) // n, n, generator).to(images.device)

    def _step(self, batch: Samples) -> tuple[Tensor, Tensor]:
        recipe = self.recipe
        rate = recipe.lr * rate_factor(recipe, self.done, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        outputs = self.task.outputs(self.network, batch, self.dtype)
        loss = self.task.loss(outputs, batch, label_smoothing=recipe.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        if self.done == 0 and recipe.optimizer == "sgd" and recipe.momentum:
            _fill_gradients(self.network)
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        self.optimizer.step()
        self.done += 1
        return outputs, loss

    def state(self, course: Course) -> TrainingState:
        """A checkpoint of the run at this step."""
        values, tensors = course.state()
        counts = {"done": self.done, "steps": self.steps, "units": self.units}
        optimizer = self.optimizer.state_dict()["state"]
        for number, state in optimizer.items():
            tensors |= prefixed(f"optimizer/{number}/", state)
        tensors |= {"loss_sum": self.loss_sum, "error_sum": self.error_sum}
        tensors |= prefixed("network/", self.network.state_dict())
        tensors |= prefixed("random/", random_state(self.data.inputs.device))
        return TrainingState(values | counts, tensors)

    def load(self, state: TrainingState) -> None:
        """Go on from a checkpoint."""
        self.done, self.steps, self.units = (state.values[n] for n in ("done", "steps", "units"))
        self.network.load_state_dict(state.part("network/"))
        optimizer: dict[int, dict[str, Any]] = {}
        for name, value in state.part("optimizer/").items():
            number, key = name.split("/", 1)
            optimizer.setdefault(int(number), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": optimizer, "param_groups": groups})
        device = self.data.inputs.device
        self.loss_sum, self.error_sum = (
            state.tensors[name].to(float64_device(device)) for name in ("loss_sum", "error_sum")
        )
        set_random_state(state.part("random/"), device)


def _fill_gradients(network: nn.Module) -> None:
    """Give parameters that a step did not use a gradient of zero.

    With stochastic depth the first step may skip some layers, and torch's fused SGD fails if the
    momentum of some parameters begins later than that of others.
    """
    for parameter in network.parameters():
        if parameter.requires_grad and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
