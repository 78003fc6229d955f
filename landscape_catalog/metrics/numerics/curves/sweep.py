"""Fast evaluation of many networks of one architecture.

If the network can be traced, batch-norm statistics are recomputed for stacks of networks if values
are small, and otherwise for one network at a time, in the memory format that kernels prefer. Batch
norms are then folded into convolutions, and each network is evaluated in batches that fit the
processor's caches. The strategy depends on shapes, dtype and device, never on timings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.graphs.batching import (
    BatchingStrategy,
    batching_strategy,
    stable_graph,
)
from landscape_catalog.graphs.folding import (
    Statistics,
    fold_batchnorm,
    initial_statistics,
    through_last_norm,
)
from landscape_catalog.graphs.operations import TracedGraph
from landscape_catalog.graphs.single import run_graph
from landscape_catalog.graphs.stacked.networks import StackedNetworks
from landscape_catalog.graphs.trace import network_inputs
from landscape_catalog.metrics.numerics.batchnorm import clear_batch_errors, recompute_batchnorm
from landscape_catalog.metrics.numerics.evaluation import Evaluation, evaluate, evaluation_of
from landscape_catalog.metrics.numerics.parameters import random_weights
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Samples, Task, epoch_batches

State = dict[str, Tensor]
# Elements of a batch's largest value: those that still fit a processor's caches, and those that
# keep a GPU busy.
LARGEST_VALUE = {"cpu": 2**20, "cuda": 2**26}
CHECKED_BATCHES, CHECKED_BATCH_SIZE = 2, 32
TOLERANCE = 1e-4  # rounding in float32 causes differences of about 1e-6


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
    """Evaluations of each state on each dataset, with recomputed batch-norm statistics.

    If the loss is NaN, so is the error.

    Args:
        network: of the right architecture; not modified.
        states: trainable parameters by name.
        datasets: statistics are recomputed on the first one.
        task: loss and error.
        batch_size: for recomputing the statistics.
        seed: of the shuffle and of dropout, the same for every state.
        fast: False evaluates the network itself, one state at a time.

    Raises:
        ValueError: if batches are larger than the data, or leave batch norm a single value per
            channel.
    """
    if not states:
        return []
    network = copied(network)
    frozen = {n: p.detach() for n, p in network.named_parameters() if n not in states[0]}
    states = [frozen | state for state in states]
    evaluator = _traced_evaluator(network, datasets[0], task, batch_size) if fast else None
    if evaluator is None:
        return [
            _evaluate_network(network, state, datasets, task, batch_size, seed) for state in states
        ]
    evaluator.set_datasets(datasets)
    return evaluator.evaluations(states, batch_size, seed)


def _agrees(
    evaluator: _TracedEvaluator, network: nn.Module, data: Samples, task: Task, batch_size: int
) -> bool:
    """Whether the evaluator agrees with the network on two batches.

    A traced forward pass does not reveal everything, for example a batch-norm layer that is used
    twice. The check runs at random weights, so that its result is the same for all networks of the
    architecture. An evaluator that raises an exception does not agree.
    """
    batch_size = min(batch_size, CHECKED_BATCH_SIZE)
    samples = data[: CHECKED_BATCHES * batch_size]
    frozen = {n: p.detach() for n, p in network.named_parameters() if not p.requires_grad}
    states = [random_weights(network, seed=seed) | frozen for seed in (0, 1)]
    try:
        evaluator.set_datasets([samples])
        fast = [found for (found,) in evaluator.evaluations(states, batch_size, seed=0)]
    except Exception as error:  # unsupported by a kernel; the network raises those of user code
        if is_out_of_memory(error):
            raise
        return False
    direct = [
        _evaluate_network(network, state, [samples], task, batch_size, seed=0)[0]
        for state in states
    ]
    return all(
        math.isclose(one.loss, other.loss, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        and math.isclose(one.loss_sd, other.loss_sd, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        for one, other in zip(fast, direct)
    )


def _evaluate_network(
    network: nn.Module, state: State, datasets: Sequence[Samples], task: Task, batch_size: int,
    seed: int,
) -> list[Evaluation]:  # fmt: skip
    network = copied(network)
    network.load_state_dict(state, strict=False)
    recompute_batchnorm(network, datasets[0], task, batch_size=batch_size, seed=seed)
    return [_without_error_if_nan(evaluate(network, data, task)) for data in datasets]


def _without_error_if_nan(evaluation: Evaluation) -> Evaluation:
    """Set the error to NaN if the loss is: classes predicted from NaN outputs are meaningless."""
    if math.isnan(evaluation.loss):
        return replace(evaluation, error=math.nan, n_wrong=None)
    return evaluation


def _traced_evaluator(
    network: nn.Module, data: Samples, task: Task, batch_size: int
) -> _TracedEvaluator | None:
    """None if the network cannot be traced, or if its graph does not reproduce its results."""
    parameter = next(network.parameters())
    training = stable_graph(network.train(), data, task, batch_size)
    evaluating = stable_graph(network.eval(), data, task, batch_size)
    if training is None and not any("running_mean" in name for name, _ in network.named_buffers()):
        training = evaluating  # there are no statistics that dropout could affect
    if training is None or evaluating is None:
        return None
    strategy = batching_strategy(training, batch_size, parameter)
    evaluator = _TracedEvaluator(
        through_last_norm(training), evaluating, task, parameter.dtype, strategy
    )
    return evaluator if _agrees(evaluator, network, data, task, batch_size) else None


@dataclass
class _TracedEvaluator:
    """Evaluates networks with their traced graph.

    Attributes:
        training: the graph in train mode, up to the last operation that batch-norm statistics
            depend on.
        evaluating: the graph in eval mode.
        task: loss and error.
        dtype: of the weights.
        strategy: how many networks' statistics are recomputed at once, and the memory format.
    """

    training: TracedGraph
    evaluating: TracedGraph
    task: Task
    dtype: torch.dtype
    strategy: BatchingStrategy

    def set_datasets(self, datasets: Sequence[Samples]) -> None:
        """Normalise the samples once for all networks and passes."""
        self.datasets = datasets
        self.inputs = [
            self.strategy.to_memory_format(network_inputs(data, self.task, self.dtype))
            for data in datasets
        ]

    @torch.no_grad()
    def evaluations(
        self, states: Sequence[State], batch_size: int, seed: int
    ) -> list[list[Evaluation]]:
        """Evaluations of each network on each dataset."""
        evaluations: dict[int, list[Evaluation]] = {}
        for stack in self.strategy.stacks(len(states)):
            weights = {name: torch.stack([states[i][name] for i in stack]) for name in states[0]}
            single = self.strategy.stack_size == 1
            make = self._statistics_of_one if single else self._statistics
            statistics = make(weights, batch_size, seed)
            graph, weights = fold_batchnorm(self.evaluating, weights, statistics)
            for index, i in enumerate(stack):
                if i in evaluations:
                    continue  # a single network is stacked with itself
                selected = {name: value[index][None] for name, value in weights.items()}
                evaluations[i] = self._evaluate_one(graph, selected, statistics.select(index))
        return [evaluations[i] for i in range(len(states))]

    def _statistics(self, weights: State, batch_size: int, seed: int) -> Statistics:
        """Cumulative means over train-mode batches, as in `recompute_batchnorm`."""
        if not self.training.operations:
            return initial_statistics(self.training, weights)
        networks = StackedNetworks(
            self.training, weights, input_shape=self.inputs[0].shape[1:], batch_size=batch_size
        )
        for inputs, momentum in self._batches(batch_size, seed):
            networks.forward(inputs[None], momentum=momentum)
        return networks.statistics.running

    def _statistics_of_one(self, weights: State, batch_size: int, seed: int) -> Statistics:
        """The same for a single network, as it is."""
        statistics = initial_statistics(self.training, weights)
        if self.training.operations:
            for inputs, momentum in self._batches(batch_size, seed):
                run_graph(self.training, weights, statistics, inputs, momentum=momentum)
        return statistics

    def _batches(self, batch_size: int, seed: int) -> Iterator[tuple[Tensor, float]]:
        """The batches of one shuffle, and the weight of each in the cumulative mean."""
        inputs = self.inputs[0]
        with clear_batch_errors(batch_size):
            batches = epoch_batches(
                len(inputs), batch_size, seed=seed, epoch=0, device=inputs.device
            )
            for number, rows in enumerate(batches, start=1):
                yield inputs[rows], 1 / number

    def _evaluate_one(
        self, graph: TracedGraph, weights: State, statistics: Statistics
    ) -> list[Evaluation]:
        largest = LARGEST_VALUE.get(self.inputs[0].device.type, LARGEST_VALUE["cpu"])
        size = max(1, min(largest // graph.largest_value, self.task.evaluation_batch))
        evaluations = []
        for data, inputs in zip(self.datasets, self.inputs):
            losses, errors = [], []
            for start in range(0, len(data), size):
                rows = slice(start, start + size)
                outputs = run_graph(graph, weights, statistics, inputs[rows])
                losses.append(self.task.losses(outputs, data[rows]))
                errors.append(self.task.errors(outputs, data[rows]))
            evaluation = evaluation_of(losses, errors, self.task)
            evaluations.append(_without_error_if_nan(evaluation))
        return evaluations
