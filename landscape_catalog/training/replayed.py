"""Training on a GPU, where a whole step is recorded once and then replayed as a CUDA graph.

Several runs replay their graphs on streams of their own. Every run has its own graph and its own
tensors, so that by construction its bits do not depend on its companions. On a CPU, without graphs,
tests compare them; on a card it has not been tried, where cuDNN may choose another algorithm if the
memory that the companions leave is not enough for its workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from landscape_catalog.graphs.kernels.mode import small_network_kernels
from landscape_catalog.graphs.recorded import RecordedWork, Recorder, released_at_end
from landscape_catalog.tasks import seeded
from landscape_catalog.training.checkpoints import TrainingState
from landscape_catalog.training.course import TrainedRun
from landscape_catalog.training.loop import run_state
from landscape_catalog.training.member import Member
from landscape_catalog.training.precision import whole_step
from landscape_catalog.training.recipe import rate_factor
from landscape_catalog.training.steps import Steps


def train_replayed(
    members: Sequence[Member], *, recorder: Recorder | None = None
) -> list[TrainedRun]:
    """`train` for several runs on one GPU at the same time, whose steps are CUDA graphs.

    A run's result is the same for any companions, as far as is said above. Its task's outputs must
    have the same shapes at every step, and network and task must not use Python's control flow or
    randomness on values: what they did when the step was recorded is what is repeated. This holds
    for the built-in networks for images. A run whose step cannot be recorded goes on step by step,
    with a warning.

    Args:
        members: the runs; they may differ in everything.
        recorder: instead of CUDA graphs; None: CUDA graphs on a GPU, and no recording on a CPU.

    Returns:
        The result of each run, in the order of the members.

    Raises:
        ValueError: if the batch is larger than the data.
    """
    device = members[0].data.inputs.device
    with seeded(members[0].seed, device):
        lanes = [_Lane(member, recorder) for member in members]
        with released_at_end(lane.steps.recorded for lane in lanes):
            while going := [lane for lane in lanes if lane.goes_on]:
                for lane in going:
                    lane.begin()
                while open_lanes := [lane for lane in going if lane.steps.left]:
                    for lane in open_lanes:
                        lane.take()
                for lane in going:
                    lane.end()
    results = [lane.result for lane in lanes]
    assert all(result is not None for result in results)
    return [result for result in results if result is not None]


class _Lane:
    """One run: its course, its steps, and its checkpoints."""

    def __init__(self, member: Member, recorder: Recorder | None) -> None:
        self.member = member
        self.course = member.course()
        self.steps = ReplayedSteps(
            member.network,
            member.data,
            member.task,
            member.recipe,
            member.seed,
            recorder=recorder,
        )
        state = None if member.checkpoints is None else member.checkpoints.resume()
        if state is not None:
            self.course.load(state)
            self.steps.load(state)
        self.result: TrainedRun | None = None
        self.goes_on = True
        self._finish_unless(self.steps.is_open)

    def begin(self) -> None:
        """Begin an epoch."""
        self.steps.begin(len(self.course.history) + 1)

    def take(self) -> None:
        """Launch one step, and save a checkpoint if it is time."""
        self.steps.take()
        checkpoints = self.member.checkpoints
        if checkpoints is not None and checkpoints.due():
            self.steps.recorded.wait()
            checkpoints.save(run_state(self.course, self.steps))

    def end(self) -> None:
        """Wait for the epoch's steps, and end the run if it is done."""
        goes_on = self.course.end_epoch(*self.steps.end())
        self._finish_unless(goes_on and self.steps.is_open)

    def _finish_unless(self, goes_on: bool) -> None:
        self.goes_on = goes_on
        if goes_on:
            return
        self.result = self.course.finish()
        self.steps.release()
        if self.member.on_end is not None:
            self.member.on_end(self.result)


class ReplayedSteps(Steps):
    """Gradient steps that are recorded once, on a stream of their own.

    What differs from step to step lies on the device: the rows of the epoch's batches, its learning
    rates, and the number of the step, which a step increases.
    """

    def __init__(self, *args: Any, recorder: Recorder | None = None) -> None:
        super().__init__(*args)
        self.recorded = RecordedWork(self._whole_step, self.device, recorder=recorder)
        self.parts: dict[str, Tensor] = {}
        self.units_a_step = 0  # of the error; the same at every step
        self.place = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.rate = torch.zeros((), dtype=torch.float32, device=self.device)
        self._share_rate()

    def _share_rate(self) -> None:
        """Read the rate from the device; Adam refuses to be recorded unless it is told before."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
            if "capturable" in group:
                group["capturable"] = True
        # or it warns in the steps before it is recorded
        self.optimizer._warned_capturable_if_run_uncaptured = True

    def begin(self, epoch: int) -> None:
        """Begin an epoch, or go on with one: copy what its steps need to where the graph reads."""
        self.network.train()
        order, first = self._order(epoch), self.done - self.steps
        rates = [
            self.recipe.lr * rate_factor(self.recipe, first + i, self.total)
            for i in range(len(order))
        ]
        parts = {"order": order, "rates": torch.tensor(rates, dtype=torch.float32)}
        if self.recipe.augment:
            parts["moves"] = self._moves(epoch)
        with self.recorded.on_stream(after_others=True):
            if self.recorded.is_recorded:
                for name, part in parts.items():
                    self.parts[name].copy_(part)
            else:
                self.parts = {name: part.to(self.device) for name, part in parts.items()}
            self.place.fill_(self.steps)
        self.order = order

    def take(self) -> None:
        """Launch one step, without waiting for it."""
        self.recorded()
        self.units += self.units_a_step
        self._count()

    def end(self) -> tuple[float, float]:
        """Wait for the steps of the epoch; its mean loss and mean error."""
        self.recorded.wait()
        return super().end()

    def release(self) -> None:
        """Free the graph and its memory."""
        self.recorded.release()
        self.optimizer.zero_grad()

    def load(self, state: TrainingState) -> None:
        """Go on from a checkpoint."""
        super().load(state)
        self._share_rate()

    def _whole_step(self) -> None:
        moves = self._at_place("moves") if self.recipe.augment else None
        self.rate.copy_(self._at_place("rates"))
        precision = self.recipe.precision
        own = nullcontext() if precision == "bf16" else small_network_kernels(self.device)
        with own, whole_step(precision):
            self.units_a_step = self._step(self._batch(self._at_place("order"), moves))
        self.place += 1

    def _at_place(self, name: str) -> Tensor:
        """The present step's part of an epoch's tensor."""
        return self.parts[name].index_select(0, self.place)[0]
