"""Many networks of one architecture evaluated faster than one after the other.

Where the network has a program (`program.py`), batch-norm statistics of all networks are recomputed
side by side if the work is small, else one network at a time in the layout that kernels like best;
then batch norm is folded into the convolutions and each network is evaluated in batches that the
processor's caches like. Which way is taken follows from shapes and numbers' type alone.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.batchnorm import clear_batch_errors, recompute_batchnorm
from landscape_catalog.metrics.numerics.evaluation import Evaluation, evaluate, evaluation_of
from landscape_catalog.metrics.numerics.parameters import random_weights
from landscape_catalog.metrics.numerics.traced.batching import (
    BatchingStrategy,
    batching_strategy,
    stable_graph,
)
from landscape_catalog.metrics.numerics.traced.folding import (
    Statistics,
    folded,
    fresh_statistics,
    up_to_the_last_norm,
)
from landscape_catalog.metrics.numerics.traced.operations import TracedGraph
from landscape_catalog.metrics.numerics.traced.run import run_stacked
from landscape_catalog.metrics.numerics.traced.trace import inputs_of
from landscape_catalog.tasks import Samples, Task, epoch_batches

State = dict[str, Tensor]
LARGE_VALUE = 2**20  # numbers in the largest value of a batch: above it, values leave the caches
CHECKED_BATCHES, CHECKED_SAMPLES = 2, 32  # so many samples in a batch at most
AGREEMENT = 1e-4  # roundings of float32 leave 1e-6 or so


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
    if not states:
        return []
    network = copy.deepcopy(network)
    frozen = {n: p.detach() for n, p in network.named_parameters() if n not in states[0]}
    states = [frozen | state for state in states]
    fast_path = _fast_path(network, datasets[0], task, batch_size) if fast else None
    if fast_path is None:
        return [_plainly(network, state, datasets, task, batch_size, seed) for state in states]
    fast_path.take_inputs(datasets)
    return fast_path.evaluations(states, batch_size, seed)


def _agrees(sweep: _Sweep, network: nn.Module, data: Samples, task: Task, batch_size: int) -> bool:
    """Whether the fast way says of two batches what the network says, at random weights.

    At these the answer is the same for all networks of the architecture. What the fast way cannot
    run, it does not agree on. A network may do what no watching shows: use a layer twice.
    """
    batch_size = min(batch_size, CHECKED_SAMPLES)
    few = data[: CHECKED_BATCHES * batch_size]
    frozen = {n: p.detach() for n, p in network.named_parameters() if not p.requires_grad}
    chosen = [random_weights(network, seed=seed) | frozen for seed in (0, 1)]
    try:
        sweep.take_inputs([few])
        fast = [found for (found,) in sweep.evaluations(chosen, batch_size, seed=0)]
    except Exception:  # whatever kernels refuse; the plain way raises what is the user's fault
        return False
    plain = [_plainly(network, state, [few], task, batch_size, seed=0)[0] for state in chosen]
    return all(
        math.isclose(one.loss, other.loss, rel_tol=AGREEMENT, abs_tol=AGREEMENT)
        and math.isclose(one.loss_sd, other.loss_sd, rel_tol=AGREEMENT, abs_tol=AGREEMENT)
        for one, other in zip(fast, plain)
    )


def _plainly(
    network: nn.Module, state: State, datasets: Sequence[Samples], task: Task, batch_size: int,
    seed: int,
) -> list[Evaluation]:  # fmt: skip
    network = copy.deepcopy(network)
    network.load_state_dict(state, strict=False)
    recompute_batchnorm(network, datasets[0], task, batch_size=batch_size, seed=seed)
    return [_honest(evaluate(network, data, task)) for data in datasets]


def _honest(found: Evaluation) -> Evaluation:
    """No error where the loss says that the outputs are no numbers."""
    if math.isnan(found.loss):
        return replace(found, error=math.nan, n_wrong=None)
    return found


def _fast_path(network: nn.Module, data: Samples, task: Task, batch_size: int) -> _Sweep | None:
    first = next(network.parameters())
    training = stable_graph(network.train(), data, task, batch_size)
    evaluating = stable_graph(network.eval(), data, task, batch_size)
    if training is None and not any("running_mean" in name for name, _ in network.named_buffers()):
        training = evaluating  # dropout matters to nothing without batch norm
    if training is None or evaluating is None:
        return None
    strategy = batching_strategy(training, batch_size, first)
    sweep = _Sweep(up_to_the_last_norm(training), evaluating, task, first.dtype, strategy)
    return sweep if _agrees(sweep, network, data, task, batch_size) else None


@dataclass
class _Sweep:
    """Networks evaluated by their program.

    Attributes:
        training: what statistics depend on.
        evaluating: in eval mode.
        task: loss and error.
        dtype: of the weights.
        way: how many networks' statistics at once, and the layout.
    """

    training: TracedGraph
    evaluating: TracedGraph
    task: Task
    dtype: torch.dtype
    strategy: BatchingStrategy

    def take_inputs(self, datasets: Sequence[Samples]) -> None:
        """Normalise the samples once, for every network and pass."""
        self.datasets = datasets
        self.inputs = [
            self.strategy.laid(inputs_of(data, self.task, self.dtype)) for data in datasets
        ]

    @torch.no_grad()
    def evaluations(
        self, states: Sequence[State], batch_size: int, seed: int
    ) -> list[list[Evaluation]]:
        """Of each network on each dataset."""
        found: dict[int, list[Evaluation]] = {}
        for group in self.strategy.groups(len(states)):
            weights = {name: torch.stack([states[i][name] for i in group]) for name in states[0]}
            statistics = self._statistics(weights, batch_size, seed)
            graph, weights = folded(self.evaluating, weights, statistics)
            for place, i in enumerate(group):
                if i in found:
                    continue  # a lone network stands there twice
                one = {name: value[place][None] for name, value in weights.items()}
                found[i] = self._of_one(graph, one, statistics.of(place))
        return [found[i] for i in range(len(states))]

    def _statistics(self, weights: State, batch_size: int, seed: int) -> Statistics:
        """Cumulative means over train-mode batches, as `recompute_batchnorm` has them."""
        statistics = fresh_statistics(self.training, weights)
        if not self.training.operations:
            return statistics
        inputs = self.inputs[0]
        with clear_batch_errors(batch_size):
            batches = epoch_batches(len(inputs), batch_size, seed=seed, epoch=0)
            for seen, rows in enumerate(batches, start=1):
                run_stacked(self.training, weights, statistics, inputs[rows], momentum=1 / seen)
        return statistics

    def _of_one(
        self, graph: TracedGraph, weights: State, statistics: Statistics
    ) -> list[Evaluation]:
        size = max(1, min(LARGE_VALUE // graph.largest, self.task.evaluation_batch))
        found = []
        for data, inputs in zip(self.datasets, self.inputs):
            losses, errors = [], []
            for start in range(0, len(data), size):
                rows = slice(start, start + size)
                outputs = run_stacked(graph, weights, statistics, inputs[rows])
                losses.append(self.task.losses(outputs, data[rows]))
                errors.append(self.task.errors(outputs, data[rows]))
            found.append(_honest(evaluation_of(losses, errors, self.task)))
        return found
