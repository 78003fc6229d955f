"""Fitting a low-loss Bezier curve between two networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.graphs.batching import (
    BatchingStrategy,
    batching_strategy,
    stable_graph,
)
from landscape_catalog.graphs.kernels.mode import small_network_kernels
from landscape_catalog.graphs.limits import SMALLEST_STACK
from landscape_catalog.graphs.operations import TracedGraph
from landscape_catalog.graphs.recordable import can_be_recorded
from landscape_catalog.graphs.recorded import RecordedWork, Recorder, released_at_end
from landscape_catalog.metrics.numerics.batchnorm import clear_batch_errors
from landscape_catalog.metrics.numerics.curves.bezier import Curve, coefficients
from landscape_catalog.metrics.numerics.curves.gradients import (
    AddGradient,
    gradients_agree,
    graph_gradient,
    network_gradient,
    stack_vectors,
    supports_memory_format,
    unstack_vector,
)
from landscape_catalog.metrics.numerics.parameters import (
    flatten,
    random_weights,
    require_one_landscape,
    trainable_shapes,
)
from landscape_catalog.models.copying import copied
from landscape_catalog.tasks import Samples, Task, epoch_batches, seeded

State = dict[str, Tensor]
Number = float | Tensor  # a tensor without dimensions
# The learning rate is constant over the first half of a fit, decays linearly to 1% at 90%, and
# stays there.
DECAY_BEGINS, DECAY_ENDS, FINAL_FACTOR = 0.5, 0.9, 0.01


@dataclass(frozen=True)
class CurveRecipe:
    """How a curve is fitted; the defaults are the paper's, or its code's (momentum, weight decay).

    Attributes:
        control_points: including the two endpoints; 3 for a quadratic curve, 4 for a cubic.
        init: initial inner control points, evenly spaced on the straight line or random weights.
        epochs: length of the fit, unless `updates` is given.
        updates: length of the fit in SGD updates.
        lr: initial learning rate.
        batch_size: samples in a batch.
        momentum: of SGD.
        weight_decay: coefficient of 1/2 ||gamma(t)||^2.
    """

    control_points: int = 3
    init: Literal["linear", "random"] = "linear"
    epochs: int = 50
    updates: int | None = None
    lr: float = 0.01
    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4


def rate_factor(progress: float) -> float:
    """Learning rate relative to the initial one when a fraction `progress` of the fit is done.

    >>> [round(rate_factor(epoch / 10), 3) for epoch in range(10)]
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.753, 0.505, 0.257, 0.01]
    """
    decayed = min(max((progress - DECAY_BEGINS) / (DECAY_ENDS - DECAY_BEGINS), 0.0), 1.0)
    return 1 - (1 - FINAL_FACTOR) * decayed


def fit_curve(
    network: nn.Module,
    ends: tuple[State, State],
    data: Samples,
    task: Task,
    recipe: CurveRecipe,
    *,
    seed: int,
) -> Curve:
    """Find the inner control points that minimise the mean loss along a Bezier curve.

    The curve is gamma(t) = sum_j binom(k, j) (1-t)^(k-j) t^j theta_j, where theta_0 and theta_k are
    the two networks and stay fixed. SGD with momentum minimises E_t[L(gamma(t)) +
    1/2 wd ||gamma(t)||^2], with t drawn uniformly from [0, 1] at every step and batch norm in train
    mode. The gradient with respect to theta_j is its Bernstein weight times that with respect to
    gamma(t).

    Args:
        network: of the right architecture; not modified.
        ends: state dicts of the two networks.
        data: training samples.
        task: loss.
        recipe: hyperparameters of the fit.
        seed: of t, the batch order, random initial control points and dropout.

    Raises:
        ValueError: if the two networks differ in a tensor's name or shape or in a frozen parameter,
            if the batch is larger than the data, or if it leaves batch norm a single value per
            channel.

    Source: Garipov et al. 2018; Yang et al. 2021, Eq. 12 and appendix A.2. The authors' code starts
    from random weights (`init="random"`).
    """
    return fit_curves(network, [ends], data, task, recipe, seed=seed)[0]


def fit_curves(
    network: nn.Module,
    pairs: Sequence[tuple[State, State]],
    data: Samples,
    task: Task,
    recipe: CurveRecipe,
    *,
    seed: int,
    together: bool = False,
) -> list[Curve]:
    """`fit_curve` for several pairs, with the same t and batches, side by side if asked for.

    A curve that is fitted side by side with others is bit-identical whichever these are.

    Args:
        network: of the right architecture; not modified.
        pairs: for each curve, the state dicts of its two networks.
        data: training samples.
        task: loss.
        recipe: as for `fit_curve`.
        seed: as for `fit_curve`.
        together: whether curves are fitted side by side, even a lone one; it rounds differently. On
            a GPU it makes no difference: each curve is fitted by recorded steps of its own.

    Raises:
        ValueError: as for `fit_curve`, and if networks of this kind cannot be computed side by
            side.
    """
    network = copied(network).train()
    for ends in pairs:
        require_one_landscape(network, ends)
    starts = [_start(network, ends, recipe, seed).to(data.inputs.device) for ends in pairs]
    shapes, batch = trainable_shapes(network), data[: recipe.batch_size]
    if data.inputs.device.type == "cuda" and can_be_recorded(network, batch, task):
        _fit_recorded(
            starts, lambda: partial(network_gradient, copied(network), task), data, recipe, seed
        )
        return [Curve(controls, shapes) for controls in starts]
    if not together:
        strategy = _memory_format(network, batch, task)
        data = replace(data, inputs=strategy.to_memory_format(data.inputs))
        for controls in starts:
            make_gradient = partial(network_gradient, copied(network), task)
            _fit(controls, make_gradient, data, recipe, seed)
        return [Curve(controls, shapes) for controls in starts]
    graph = _stackable_graph(network, batch, task)
    stack = starts if len(starts) >= SMALLEST_STACK else starts * SMALLEST_STACK
    controls = torch.stack([stack_vectors(points, shapes) for points in zip(*stack)])
    count = len(stack)
    make_gradient = partial(graph_gradient, graph, task, shapes, count=count, batch=batch)
    _fit(controls, make_gradient, data, recipe, seed)
    curves = zip(*(unstack_vector(points, shapes, count) for points in controls))
    return [Curve(torch.stack(points), shapes) for points in curves][: len(pairs)]


def _stackable_graph(network: nn.Module, batch: Samples, task: Task) -> TracedGraph:
    """The graph of a network, if it reproduces the network's gradients.

    Raises:
        ValueError: if it does not.
    """
    graph = stable_graph(copied(network), batch, task, len(batch))
    if graph is None or not gradients_agree(network, graph, batch, task):
        raise ValueError("curves between networks of this kind cannot be fitted side by side")
    return graph


def _memory_format(network: nn.Module, batch: Samples, task: Task) -> BatchingStrategy:
    """The memory format of images for a network on its own."""
    graph = stable_graph(copied(network), batch, task, len(batch))
    one_by_one = BatchingStrategy(1, channels_last=False)
    if graph is None:
        return one_by_one
    strategy = batching_strategy(graph, len(batch), next(network.parameters()))
    alone = strategy.stack_size == 1 and supports_memory_format(network, strategy, batch, task)
    return strategy if alone else one_by_one


def _fit(
    controls: Tensor,
    make_gradient: Callable[[Tensor, Tensor], AddGradient],
    data: Samples,
    recipe: CurveRecipe,
    seed: int,
) -> None:
    """Fit the inner control points, (points, n_parameters of all curves), in place.

    Args:
        controls: initial control points.
        make_gradient: called with a vector of weights and one for their gradient.
        data: training samples.
        recipe: hyperparameters of the fit.
        seed: of t, the batch order and dropout.
    """
    step = _Step(controls, make_gradient, data, recipe)
    generator = np.random.Generator(np.random.Philox(key=seed))
    with seeded(seed, data.inputs.device), clear_batch_errors(recipe.batch_size):
        for rows, progress in _batches(data, recipe, seed):
            weights = coefficients(generator.uniform(), recipe.control_points)
            step.take(rows, weights, recipe.lr * rate_factor(progress))


class _Step:
    """SGD steps of the inner control points, in place."""

    def __init__(
        self,
        controls: Tensor,
        make_gradient: Callable[[Tensor, Tensor], AddGradient],
        data: Samples,
        recipe: CurveRecipe,
    ) -> None:
        self.controls, self.data, self.recipe = controls, data, recipe
        self.velocity, self.scratch = (
            torch.zeros_like(controls[1:-1]),
            torch.empty_like(controls[0]),
        )
        self.gamma, self.gradient = torch.empty_like(controls[0]), torch.zeros_like(controls[0])
        self.add_gradient = make_gradient(self.gamma, self.gradient)

    def take(self, rows: Tensor, weights: Sequence[Number], rate: Number) -> None:
        """One step.

        Args:
            rows: of the batch.
            weights: of the control points, at this step's t.
            rate: learning rate.
        """
        gamma, gradient, scratch, velocity = self.gamma, self.gradient, self.scratch, self.velocity
        _combine_into(gamma, self.controls, weights, scratch)
        gradient.zero_()
        self.add_gradient(self.data[rows])
        gradient += torch.mul(gamma, self.recipe.weight_decay, out=scratch)
        for j, weight in enumerate(weights[1:-1]):
            share = torch.mul(gradient, weight, out=scratch)
            velocity[j].mul_(self.recipe.momentum).add_(share)
            self.controls[j + 1] -= torch.mul(velocity[j], rate, out=scratch)


class _RecordedFit:
    """A fit whose steps are recorded once; what differs from step to step lies on the device."""

    def __init__(
        self, step: _Step, tables: Mapping[str, Tensor], *, recorder: Recorder | None = None
    ) -> None:
        self.step, self.tables = step, tables
        device = step.controls.device
        self.place = torch.zeros(1, dtype=torch.int64, device=device)
        self.take = RecordedWork(self._take, device, recorder=recorder)

    def _take(self) -> None:
        rows, weights, rate = (
            self.tables[name].index_select(0, self.place)[0]
            for name in ("rows", "weights", "rates")
        )
        with small_network_kernels(rows.device):
            self.step.take(rows, list(weights), rate)
        self.place += 1


def _fit_recorded(
    many_controls: Sequence[Tensor],
    make_gradient: Callable[[], Callable[[Tensor, Tensor], AddGradient]],
    data: Samples,
    recipe: CurveRecipe,
    seed: int,
    *,
    recorder: Recorder | None = None,
) -> None:
    """`_fit` for several curves on a GPU, each on a stream of its own.

    Args:
        many_controls: initial control points of each curve.
        make_gradient: makes the function that `_fit` takes, anew for each curve.
        data: training samples.
        recipe: hyperparameters of the fit.
        seed: of t, the batch order and dropout.
        recorder: as for `RecordedWork`.
    """
    device = data.inputs.device
    tables = _tables(data, recipe, seed, many_controls[0].dtype)
    with seeded(seed, device), clear_batch_errors(recipe.batch_size):
        fits = [
            _RecordedFit(_Step(controls, make_gradient(), data, recipe), tables, recorder=recorder)
            for controls in many_controls
        ]
        with released_at_end(fit.take for fit in fits):
            for fit in fits:
                with fit.take.on_stream(after_others=True):
                    pass
            for _ in range(len(tables["rates"])):
                for fit in fits:
                    fit.take()


def _tables(data: Samples, recipe: CurveRecipe, seed: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """For each step of a fit the batch's rows, the control points' weights and the rate."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    rows, weights, rates = [], [], []
    for chosen, progress in _batches(data, recipe, seed):
        rows.append(chosen)
        weights.append(coefficients(generator.uniform(), recipe.control_points))
        rates.append(recipe.lr * rate_factor(progress))
    device = data.inputs.device
    return {
        "rows": torch.stack(rows),
        "weights": torch.tensor(weights, dtype=dtype, device=device),
        "rates": torch.tensor(rates, dtype=dtype, device=device),
    }


def _combine_into(
    total: Tensor, controls: Tensor, weights: Sequence[Number], scratch: Tensor
) -> None:
    """`combine` in place, with the same rounding."""
    torch.mul(controls[0], weights[0], out=total)
    for weight, control in zip(weights[1:], controls[1:]):
        total += torch.mul(control, weight, out=scratch)


def _start(network: nn.Module, ends: tuple[State, State], recipe: CurveRecipe, seed: int) -> Tensor:
    """The initial control points: on the straight line, or with random inner ones."""
    shapes = trainable_shapes(network)
    for name in (set(ends[0]) ^ set(ends[1])) - set(shapes):
        raise ValueError(f"{name}: missing in one of the two networks")
    theta, theta_end = (flatten(end, shapes) for end in ends)
    k = recipe.control_points - 1
    inner = [((k - j) * theta + j * theta_end) / k for j in range(1, k)]
    controls = torch.stack([theta, *inner, theta_end])  # the endpoints are exact
    if recipe.init == "random":
        for j in range(1, k):
            random = random_weights(network, seed=seed + j)
            controls[j] = flatten(random, shapes).to(controls)
    return controls


def _batches(data: Samples, recipe: CurveRecipe, seed: int) -> Iterator[tuple[Tensor, float]]:
    """For each step, the batch's row indices and the fraction of the fit that is done."""
    batches = partial(
        epoch_batches, len(data), recipe.batch_size, seed=seed, device=data.inputs.device
    )
    if recipe.updates is None:
        for epoch in range(recipe.epochs):
            for rows in batches(epoch=epoch + 1):
                yield rows, epoch / recipe.epochs
        return
    done = epoch = 0
    while done < recipe.updates:
        epoch += 1
        for rows in batches(epoch=epoch):
            yield rows, done / recipe.updates
            done += 1
            if done == recipe.updates:
                return
