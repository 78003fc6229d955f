"""Training on a GPU, where a whole step is recorded once and then replayed as a CUDA graph.

A step of a small network is hundreds of kernels that run for microseconds each, so that a GPU waits
for Python most of the time. A CUDA graph is launched as a whole. Several runs replay their graphs
on streams of their own, so that their kernels fill the GPU together; since every run has its own
graph, its bits do not depend on its companions.

The first steps of a run, also after a checkpoint, are taken without a graph, since cuDNN and cuBLAS
set up their workspaces then. Both compute with the same kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from landscape_catalog.tasks import seeded
from landscape_catalog.training.checkpoints import TrainingState
from landscape_catalog.training.course import Course, TrainedRun
from landscape_catalog.training.loop import run_state
from landscape_catalog.training.member import Member
from landscape_catalog.training.recipe import rate_factor
from landscape_catalog.training.steps import Steps

Work = Callable[[], object]
Recorder = Callable[[Work], Work]  # records work; returns what repeats it
WARM_UP = 3  # steps without a graph, as torch recommends


def train_replayed(
    members: Sequence[Member], *, recorder: Recorder | None = None
) -> list[TrainedRun]:
    """`train` for several runs on one GPU at the same time, whose steps are CUDA graphs.

    A run's result is the same for any companions. Its task's outputs must have the same shapes at
    every step, and network and task must not use Python's control flow or randomness on values:
    what they did when the step was recorded is what is repeated. This holds for the built-in
    networks for images.

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
        self.course = Course(
            member.network,
            member.recipe,
            snapshots=member.snapshots,
            test_error=member.test_error,
            on_epoch=member.on_epoch,
        )
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
            self.steps.wait()
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

    def __init__(self, *args: object, recorder: Recorder | None = None) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        on_gpu = self.device.type == "cuda"
        self.stream = torch.cuda.Stream(self.device) if on_gpu else None
        self.record = recorder or (self._cuda_graph if on_gpu else _as_it_is)
        self.replay: Work | None = None
        self.warm = 0
        self.place = torch.zeros(1, dtype=torch.int64, device=self.device)
        self.rate = torch.zeros((), dtype=torch.float32, device=self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate

    def begin(self, epoch: int) -> None:
        """Begin an epoch, or go on with one: copy what its steps need to where the graph reads."""
        self.network.train()
        order, first = self._order(epoch), self.done - self.steps
        factors = [rate_factor(self.recipe, first + i, self.total) for i in range(len(order))]
        parts = {"order": order, "rates": self.recipe.lr * torch.tensor(factors)}
        if self.recipe.augment:
            parts["moves"] = self._moves(epoch)
        with self._on_stream(after_others=True):
            if self.replay is None:
                self.parts = {name: part.to(self.device) for name, part in parts.items()}
            else:
                for name, part in parts.items():
                    self.parts[name].copy_(part)
            self.place.fill_(self.steps)
        self.order = order

    def take(self) -> None:
        """Launch one step, without waiting for it."""
        with self._on_stream():
            if self.replay is not None:
                self.replay()
            elif self.warm < WARM_UP:
                self._whole_step()
                self.warm += 1
            else:
                self.replay = self.record(self._whole_step)
                self.replay()
        self.units += self.recipe.batch_size
        self._count()

    def end(self) -> tuple[float, float]:
        """Wait for the steps of the epoch; its mean loss and mean error."""
        self.wait()
        return super().end()

    def wait(self) -> None:
        """Wait until everything that was launched is done."""
        if self.stream is not None:
            self.stream.synchronize()

    def release(self) -> None:
        """Free the graph and its memory."""
        self.wait()
        self.replay = None
        self.optimizer.zero_grad()

    def load(self, state: TrainingState) -> None:
        """Go on from a checkpoint."""
        super().load(state)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate

    def _whole_step(self) -> None:
        moves = self._at_place("moves") if self.recipe.augment else None
        self.rate.copy_(self._at_place("rates"))
        self._step(self._batch(self._at_place("order"), moves))
        self.place += 1

    def _at_place(self, name: str) -> Tensor:
        """The present step's part of an epoch's tensor."""
        return self.parts[name].index_select(0, self.place)[0]

    def _on_stream(self, *, after_others: bool = False) -> AbstractContextManager[object]:
        """Compute on the run's own stream, perhaps once the present stream's work is done."""
        if self.stream is None:
            return nullcontext()
        if after_others:
            self.stream.wait_stream(torch.cuda.current_stream(self.device))
        return torch.cuda.stream(self.stream)

    def _cuda_graph(self, work: Work) -> Work:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            work()
        return graph.replay


def _as_it_is(work: Work) -> Work:
    """No recording: the work is done anew each time."""
    return work
