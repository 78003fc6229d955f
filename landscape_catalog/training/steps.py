"""Gradient steps of one run, epoch by epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.models.float64 import float64_device, in_float64
from landscape_catalog.models.randomness import random_state, set_random_state
from landscape_catalog.tasks import Samples, Task
from landscape_catalog.tasks.augmentation import drawn_moves, moved
from landscape_catalog.tasks.batches import epoch_order
from landscape_catalog.training.checkpoints import TrainingState, prefixed
from landscape_catalog.training.precision import forward_pass, whole_step
from landscape_catalog.training.recipe import Recipe, optimizer_of, rate_factor

AUGMENTATION_STREAM = 1  # stream of the epoch's counter-based generator; 0 draws the batches


class Steps:
    """Gradient steps of one run: `begin` an epoch, `take` its steps one by one, `end` it.

    Args:
        network: trained in place.
        data: training samples, on the network's device.
        task: loss and error.
        recipe: batch size, learning rate, optimiser, schedule.
        seed: of the batch order and augmentation.

    Attributes:
        done: steps of the whole run so far.
        total: steps of the whole run, unless it ends early.
        steps: steps of the present epoch so far.
        left: steps that are left of it.

    Raises:
        ValueError: if the batch is larger than the data.
    """

    def __init__(
        self, network: nn.Module, data: Samples, task: Task, recipe: Recipe, seed: int
    ) -> None:
        self.network, self.data, self.task = network, data, task
        self.recipe, self.seed = recipe, seed
        self.optimizer = optimizer_of(network, recipe)
        self.total = recipe.total_updates(len(data))
        self.done = self.steps = self.units = 0
        self.dtype = next(network.parameters()).dtype
        self.device = data.inputs.device
        zero = torch.zeros((), dtype=torch.float64, device=float64_device(self.device))
        self.loss_sum, self.error_sum = zero, zero.clone()

    @property
    def is_open(self) -> bool:
        """Whether there are steps to take, or an epoch whose end a checkpoint has cut off."""
        return self.done < self.total or self.steps > 0

    @property
    def left(self) -> int:
        """Steps of the present epoch that are left."""
        return min(len(self.order) - self.steps, self.total - self.done)

    def begin(self, epoch: int) -> None:
        """Begin an epoch, or go on with one; its order and moves go to the device at once."""
        self.network.train()
        self.moves = self._moves(epoch).to(self.device) if self.recipe.augment else None
        self.order = self._order(epoch).to(self.device)

    def take(self) -> None:
        """Take one step."""
        moves = None if self.moves is None else self.moves[self.steps]
        batch = self._batch(self.order[self.steps], moves)
        rate = self.recipe.lr * rate_factor(self.recipe, self.done, self.total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with whole_step(self.recipe.precision):
            self.units += self._step(batch)
        self._count()

    def end(self) -> tuple[float, float]:
        """The mean loss and the mean error of the epoch, which ends."""
        mean_loss = float(self.loss_sum) / self.steps
        mean_error = self.task.error_scale * float(self.error_sum) / self.units
        self.loss_sum.zero_(), self.error_sum.zero_()
        self.steps = self.units = 0
        return mean_loss, mean_error

    def _order(self, epoch: int) -> Tensor:
        """The rows of each step, (steps, batch size), on the CPU."""
        return epoch_order(len(self.data), self.recipe.batch_size, seed=self.seed, epoch=epoch)

    def _moves(self, epoch: int) -> Tensor:
        """Shifts and flips of all batches of an epoch, on the CPU."""
        generator = np.random.Generator(
            np.random.Philox(key=self.seed, counter=[0, 0, AUGMENTATION_STREAM, epoch])
        )
        n, images = self.recipe.batch_size, self.data.inputs
        height, width = images.shape[2:]
        return drawn_moves((height, width), len(images) // n, n, generator)

    def _batch(self, rows: Tensor, moves: Tensor | None) -> Samples:
        batch = self.data[rows]
        return batch if moves is None else moved(batch, moves)

    def _step(self, batch: Samples) -> int:
        """Update the weights and the sums; returns the number of units of the error."""
        recipe = self.recipe
        with forward_pass(recipe.precision, self.device):
            outputs = self.task.outputs(self.network, batch, self.dtype)
            loss = self.task.loss(outputs, batch, label_smoothing=recipe.label_smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        if self.done == 0 and recipe.optimizer == "sgd" and recipe.momentum:
            _fill_gradients(self.network)
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        self.optimizer.step()
        with torch.no_grad():
            self.loss_sum += in_float64(loss)
            errors = self.task.errors(outputs, batch)
            self.error_sum += in_float64(errors.sum())
        return len(errors)

    def _count(self) -> None:
        self.done += 1
        self.steps += 1

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Values and tensors of a checkpoint at this step."""
        counts = {"done": self.done, "steps": self.steps, "units": self.units}
        tensors: dict[str, Tensor] = {}
        for number, state in self.optimizer.state_dict()["state"].items():
            tensors |= prefixed(f"optimizer/{number}/", state)
        tensors |= {"loss_sum": self.loss_sum, "error_sum": self.error_sum}
        tensors |= prefixed("network/", self.network.state_dict())
        return counts, tensors | prefixed("random/", random_state(self.device))

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
        self.loss_sum, self.error_sum = (
            state.tensors[name].to(float64_device(self.device))
            for name in ("loss_sum", "error_sum")
        )
        set_random_state(state.part("random/"), self.device)


def _fill_gradients(network: nn.Module) -> None:
    """Give parameters that a step did not use a gradient of zero.

    With stochastic depth the first step may skip some layers, and torch's fused SGD fails if the
    momentum of some parameters begins later than that of others.
    """
    for parameter in network.parameters():
        if parameter.requires_grad and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
