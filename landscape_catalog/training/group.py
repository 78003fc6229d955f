"""Training several networks of one architecture side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from landscape_catalog.graphs.batching import stable_graph
from landscape_catalog.graphs.operations import TracedGraph, UnsupportedOperationError
from landscape_catalog.graphs.stacked.losses import stacked_losses
from landscape_catalog.models.copying import copied
from landscape_catalog.models.float64 import float64_device, in_float64
from landscape_catalog.tasks.batches import epoch_order
from landscape_catalog.tasks.classification import Classification
from landscape_catalog.training.checkpoints import TrainingState
from landscape_catalog.training.course import TrainedRun
from landscape_catalog.training.member import Member
from landscape_catalog.training.recipe import Recipe, rate_factor
from landscape_catalog.training.samples import GroupSamples
from landscape_catalog.training.stack import MOMENTUM, Stack


def train_group(members: Sequence[Member]) -> list[TrainedRun]:
    """`train` for several runs with SGD, side by side; each with its own data, rate and decay.

    The networks take their steps together, so they must have the same architecture, batch size and
    number of samples. A run that ends leaves the group, and the others go on. A run's result is
    the same to the bit for every group size and any companions; it differs from that of `train` by
    rounding, which training amplifies.

    Args:
        members: the runs.

    Returns:
        The result of each run, in the order of the members.

    Raises:
        ValueError: if the batch is larger than the data, or if the runs cannot be trained side by
            side.
    """
    first = members[0]
    batch = first.data[: first.recipe.batch_size]
    graph = stable_graph(copied(first.network).train(), batch, first.task, len(batch))
    if graph is None:
        raise ValueError("networks of this kind cannot be trained side by side")
    _check(members)
    runs = [_Run(member) for member in members]
    at_step: dict[int, list[_Run]] = defaultdict(list)
    for run in runs:  # the runs of a killed group may have checkpoints of different steps
        at_step[run.done].append(run)
    for together in at_step.values():
        _Group(graph, together).train()
    return [run.end() for run in runs]


def _check(members: Sequence[Member]) -> None:
    """Require runs that can take their steps together."""
    first = members[0]
    shapes = [(name, value.shape) for name, value in first.network.state_dict().items()]
    for member in members:
        recipe = member.recipe
        if not isinstance(member.task, Classification):
            raise ValueError("only classification can be computed side by side")
        lone = recipe.clip_norm is not None or recipe.augment or recipe.precision != "float32"
        if recipe.optimizer != "sgd" or lone:
            raise ValueError("only plain SGD can be computed side by side")
        if not all(parameter.requires_grad for parameter in member.network.parameters()):
            raise ValueError("networks side by side cannot have frozen parameters")
        norms = [m for m in member.network.modules() if isinstance(m, _BatchNorm)]
        if any(norm.momentum != MOMENTUM for norm in norms):
            raise ValueError(f"batch norms side by side must have a momentum of {MOMENTUM}")
        own = [(name, value.shape) for name, value in member.network.state_dict().items()]
        if own != shapes or len(member.data) != len(first.data):
            raise ValueError("networks side by side must have equal shapes and numbers of samples")
        if _shared(recipe) != _shared(first.recipe):
            raise ValueError("networks side by side may differ in learning rate and weight decay")


def _shared(recipe: Recipe) -> Recipe:
    """The recipe without what members may differ in."""
    return replace(recipe, lr=1.0, weight_decay=0.0)


class _Run:
    """One run of a group: its course, and the checkpoint that it goes on from."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.course = member.course()
        self.state = None if member.checkpoints is None else member.checkpoints.resume()
        if self.state is not None:
            self.course.load(self.state)
        self.done = 0 if self.state is None else int(self.state.values["done"])
        self.result: TrainedRun | None = None

    def end(self) -> TrainedRun:
        """The result, which is announced the first time."""
        if self.result is None:
            self.result = self.course.finish()
            if self.member.on_end is not None:
                self.member.on_end(self.result)
        return self.result


class _Group:
    """Runs that take their steps together, from the same step on."""

    def __init__(self, graph: TracedGraph, runs: list[_Run]) -> None:
        self.runs = runs
        member = runs[0].member
        self.recipe, self.data = member.recipe, member.data
        self.total = self.recipe.total_updates(len(self.data))
        self.done, self.steps = runs[0].done, 0
        device = float64_device(self.data.inputs.device)
        self.sums = torch.zeros(2, len(runs), dtype=torch.float64, device=device)
        states = [run.state for run in runs]
        if states[0] is not None:
            self.steps = int(states[0].values["steps"])
            sums = [state.tensors["sums"].to(device) for state in states if state is not None]
            self.sums = torch.stack(sums, dim=1)
        try:
            self.stack = Stack(
                graph,
                [(run.member.network, run.member.recipe) for run in runs],
                input_shape=self.data.inputs.shape[1:],
                batch_size=self.recipe.batch_size,
            )
        except UnsupportedOperationError as error:
            raise ValueError("networks of this kind cannot be trained side by side") from error
        self.samples = self._samples()
        for place, state in enumerate(states):
            if state is not None:
                self.stack.load(place, state)

    def _samples(self) -> GroupSamples:
        """The data of the present runs."""
        data = [(run.member.data, cast(Classification, run.member.task)) for run in self.runs]
        return GroupSamples(data, self.stack.weights.dtype)

    def train(self) -> None:
        """Train until the last run has ended."""
        while self.runs and (self.done < self.total or self.steps):  # a last epoch may be open
            epoch = len(self.runs[0].course.history) + 1
            losses, errors = self._epoch(epoch)
            going = [
                place
                for place, run in enumerate(self.runs)
                if self._end_epoch(run, place, losses[place], errors[place])
            ]
            if len(going) < len(self.runs):
                self._keep(going)
        for run in self.runs:
            run.end()

    def _end_epoch(self, run: _Run, place: int, loss: float, error: float) -> bool:
        self.stack.write_back(place, run.member.network)
        return run.course.end_epoch(loss, error)

    def _keep(self, going: list[int]) -> None:
        """Go on with some of the runs; the others have ended."""
        for place in set(range(len(self.runs))) - set(going):
            self.runs[place].end()
        self.runs = [self.runs[place] for place in going]
        self.sums = self.sums[:, going]
        if self.runs:
            self.stack = self.stack.of(going)
            self.samples = self._samples()

    def _epoch(self, epoch: int) -> tuple[list[float], list[float]]:
        """The rest of an epoch; returns each run's mean loss and mean error in percent."""
        n, batch_size = len(self.data), self.recipe.batch_size
        orders = [
            epoch_order(n, batch_size, seed=run.member.seed, epoch=epoch) for run in self.runs
        ]
        rows = torch.stack(orders, dim=1).to(self.data.inputs.device)  # (steps, T, B)
        for batch in rows[self.steps : self.steps + self.total - self.done]:
            self._step(batch)
            self._checkpoint()
        scale = self.runs[0].member.task.error_scale
        losses = [value / self.steps for value in self.sums[0].tolist()]
        errors = [scale * value / (self.steps * batch_size) for value in self.sums[1].tolist()]
        self.steps = 0
        self.sums.zero_()
        return losses, errors

    def _step(self, rows: Tensor) -> None:
        """One step of every run, on its own batch."""
        factor = rate_factor(self.recipe, self.done, self.total)
        inputs, targets = self.samples.batch(rows)
        outputs = self.stack.forward(inputs)
        task, smoothing = self.runs[0].member.task, self.recipe.label_smoothing
        losses, errors, gradient = stacked_losses(task, outputs, targets, label_smoothing=smoothing)
        self.stack.step(gradient, factor)
        self.sums[0] += in_float64(_means(losses))
        self.sums[1] += in_float64(errors.sum(dim=1))
        self.done += 1
        self.steps += 1

    def _checkpoint(self) -> None:
        """Save every run's checkpoint if it is time, which the first one says for all."""
        first = self.runs[0].member.checkpoints
        if first is None or not first.due():
            return
        for place, run in enumerate(self.runs):
            values, tensors = run.course.state()
            values |= {"done": self.done, "steps": self.steps}
            tensors |= {"sums": self.sums[:, place]} | self.stack.state(place)
            checkpoints = run.member.checkpoints
            assert checkpoints is not None
            checkpoints.save(TrainingState(values, tensors))


def _means(rows: Tensor) -> Tensor:
    """The mean of each row; a lone row is doubled, since it would be summed in another order."""
    return rows.expand(max(len(rows), 2), -1).contiguous().mean(dim=1)[: len(rows)]
