"""Many networks of one architecture evaluated faster than one after the other.

Where the network has a program (`program.py`), batch-norm statistics of all networks are recomputed
side by side if the work is small, else one network at a time in oneDNN's layout if its channels
fill it; then batch norm is folded into the convolutions and each network is evaluated in batches
that the processor's caches like. Which way is taken follows from shapes and numbers' type alone.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.batchnorm import clear_batch_errors, recompute_batchnorm
from landscape_catalog.metrics.evaluation import Evaluation, evaluate, evaluation_of
from landscape_catalog.metrics.programs.folding import (
    Statistics,
    folded,
    fresh_statistics,
    up_to_the_last_norm,
)
from landscape_catalog.metrics.programs.operations import Program
from landscape_catalog.metrics.programs.program import (
    FEWEST,
    fits_blocks,
    inputs_of,
    program_of,
)
from landscape_catalog.metrics.programs.runs import run_blocked, run_together
from landscape_catalog.tasks import Samples, Task, epoch_batches

State = dict[str, Tensor]
# Numbers in the largest value of a batch: below the first, calls cost more than arithmetic (two
# cores of 2021, `benchmarks/connectivity.py`); above the second, values leave the caches.
SMALL_WORK = 2**16
LARGE_VALUE = 2**20
LARGEST_GROUP = 8  # networks side by side
CHECKED_BATCHES, AGREEMENT = 2, 1e-3  # roundings of float32 leave 1e-6 or so


def evaluate_all(
    network: nn.Module,
    states: Sequence[State],
    datasets: Sequence[Samples],
    task: Task,
    *,
    batch_size: int,
    seed: int,
    fast: bool = True,
) -> list[list[Evaluation]]:
    """Evaluations of each state on each dataset, batch-norm statistics recomputed on the first.

    What is NaN in loss is NaN in error too.

    Args:
        network: of the right architecture; untouched.
        states: trainable parameters by name.
        datasets: the first is what statistics are recomputed over.
        task: loss and error.
        batch_size: of recomputing the statistics.
        seed: of the shuffle, and of dropout, the same for every state.
        fast: False takes the plain way.

    Raises:
        ValueError: if batch norm needs more samples than a batch has, or a batch than the data.
    """
    network = copy.deepcopy(network)
    frozen = {n: p.detach() for n, p in network.named_parameters() if n not in states[0]}
    states = [frozen | state for state in states]
    way = _fast_way(network, datasets[0], task, batch_size) if fast else None
    if way is not None and not _agrees(way, network, states, datasets[0], task, batch_size):
        way = None
    if way is None:
        return [_plainly(network, state, datasets, task, batch_size, seed) for state in states]
    way.take_inputs(datasets)
    found = []
    for start in range(0, len(states), way.together):
        group = {
            name: torch.stack([state[name] for state in states[start : start + way.together]])
            for name in states[0]
        }
        found += way.evaluations(group, batch_size, seed)
    return found


def _agrees(
    way: _Way, network: nn.Module, states: Sequence[State], data: Samples, task: Task,
    batch_size: int,
) -> bool:  # fmt: skip
    """Whether the fast way says of two batches what the network says, at an end and in the middle.

    What it cannot run, it does not agree on. A network may do what no watching shows: use a layer
    twice, or branch on its weights.
    """
    few = data[: CHECKED_BATCHES * batch_size]
    chosen = [states[0], states[len(states) // 2]]
    group = {name: torch.stack([state[name] for state in chosen]) for name in states[0]}
    try:
        way.take_inputs([few])
        fast = [found for (found,) in way.evaluations(group, batch_size, seed=0)]
    except Exception:  # whatever kernels refuse; the plain way raises what is the user's fault
        return False
    plain = [
        _plainly(copy.deepcopy(network), state, [few], task, batch_size, seed=0)[0]
        for state in chosen
    ]
    return all(
        math.isclose(one.loss, other.loss, rel_tol=AGREEMENT, abs_tol=AGREEMENT)
        or (not math.isfinite(one.loss) and not math.isfinite(other.loss))
        for one, other in zip(fast, plain)
    )


def _plainly(
    network: nn.Module, state: State, datasets: Sequence[Samples], task: Task, batch_size: int,
    seed: int,
) -> list[Evaluation]:  # fmt: skip
    network.load_state_dict(state, strict=False)
    recompute_batchnorm(network, datasets[0], task, batch_size=batch_size, seed=seed)
    return [_honest(evaluate(network, data, task)) for data in datasets]


def _honest(found: Evaluation) -> Evaluation:
    """No error where the loss says that the outputs are no numbers."""
    if math.isnan(found.loss):
        return replace(found, error=math.nan, n_wrong=None)
    return found


def _fast_way(network: nn.Module, data: Samples, task: Task, batch_size: int) -> _Way | None:
    first = next(network.parameters())
    training = _settled(network.train(), data, task, batch_size)
    evaluating = _settled(network.eval(), data, task, batch_size)
    if training is None and not any("running_mean" in name for name, _ in network.named_buffers()):
        training = evaluating  # dropout matters to nothing without batch norm
    if training is None or evaluating is None:
        return None
    together = 1
    if batch_size * training.largest <= SMALL_WORK:
        together = LARGEST_GROUP
    blocked = fits_blocks(evaluating, first.dtype, first.device)
    return _Way(up_to_the_last_norm(training), evaluating, task, first.dtype, together, blocked)


def _settled(network: nn.Module, data: Samples, task: Task, batch_size: int) -> Program | None:
    """The program, if it is the same for two samples and for a batch: no branch on their number."""
    few = program_of(network, data[:FEWEST], task)
    if few is None:
        return None
    many = program_of(network, data[:batch_size], task)
    return few if many is not None and many.operations == few.operations else None


@dataclass
class _Way:
    """How many networks at once, in which layout.

    Attributes:
        training: what statistics depend on.
        evaluating: in eval mode.
        task: loss and error.
        dtype: of the weights.
        together: networks whose statistics are recomputed side by side.
        blocked: one network stays in oneDNN's layout.
    """

    training: Program
    evaluating: Program
    task: Task
    dtype: torch.dtype
    together: int
    blocked: bool

    def take_inputs(self, datasets: Sequence[Samples]) -> None:
        """Normalise the samples once, for every network and pass."""
        self.datasets = datasets
        self.inputs = [inputs_of(data, self.task, self.dtype) for data in datasets]

    @torch.no_grad()
    def evaluations(self, weights: State, batch_size: int, seed: int) -> list[list[Evaluation]]:
        """Of T networks, name -> (T, *shape)."""
        statistics = fresh_statistics(self.training, weights)
        if self.training.operations:
            with clear_batch_errors(batch_size):
                self._recompute(weights, statistics, batch_size, seed)
        program, weights = folded(self.evaluating, weights, statistics)
        count = len(next(iter(weights.values())))
        return [
            self._of_one(program, _one(weights, t), _one_of(statistics, t)) for t in range(count)
        ]

    def _recompute(
        self, weights: State, statistics: Statistics, batch_size: int, seed: int
    ) -> None:
        """Cumulative means over train-mode batches, in place, as `recompute_batchnorm` does."""
        run: Callable[..., Tensor] = partial(run_together, self.training, weights, statistics)
        if self.blocked and self.together == 1:
            run = partial(run_blocked, self.training, _one(weights, 0), _one_of(statistics, 0))
        batches = epoch_batches(len(self.inputs[0]), batch_size, seed=seed, epoch=0)
        for seen, rows in enumerate(batches, start=1):
            run(self.inputs[0][rows], momentum=1 / seen)

    def _of_one(self, program: Program, weights: State, statistics: Statistics) -> list[Evaluation]:
        size = max(1, min(LARGE_VALUE // program.largest, self.task.evaluation_batch))
        found = []
        for data, inputs in zip(self.datasets, self.inputs):
            losses, errors = [], []
            for start in range(0, len(data), size):
                rows = slice(start, start + size)
                if self.blocked:
                    outputs = run_blocked(program, weights, statistics, inputs[rows])
                else:
                    outputs = run_plain(program, weights, statistics, inputs[rows])
                losses.append(self.task.losses(outputs, data[rows]))
                errors.append(self.task.errors(outputs, data[rows]))
            found.append(_honest(evaluation_of(losses, errors, self.task)))
        return found


def run_plain(program: Program, weights: State, statistics: Statistics, inputs: Tensor) -> Tensor:
    """One network in torch's own layout."""
    return run_together(
        program,
        {name: value[None] for name, value in weights.items()},
        Statistics(
            {layer: value[None] for layer, value in statistics.means.items()},
            {layer: value[None] for layer, value in statistics.variances.items()},
        ),
        inputs,
    )


def _one(weights: State, t: int) -> State:
    return {name: value[t] for name, value in weights.items()}


def _one_of(statistics: Statistics, t: int) -> Statistics:
    return Statistics(_one(statistics.means, t), _one(statistics.variances, t))
