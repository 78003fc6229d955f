"""Gradient descent on the inner control points of curves, step by step or recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from landscape_catalog.graphs.kernels.mode import small_network_kernels
from landscape_catalog.graphs.recorded import RecordedWork, Recorder, released_at_end
from landscape_catalog.metrics.numerics.batchnorm import clear_batch_errors
from landscape_catalog.metrics.numerics.curves.bezier import coefficients
from landscape_catalog.metrics.numerics.curves.gradients import AddGradient
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe, batches_of, rate_factor
from landscape_catalog.tasks import Samples, seeded

Number = float | Tensor  # a tensor without dimensions


def fit_step_by_step(
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
    with seeded(seed, data.inputs.device), clear_batch_errors(recipe.batch_size):
        for rows, weights, rate in _schedule(data, recipe, seed):
            step.take(rows, weights, rate)


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


def fit_recorded(
    many_controls: Sequence[Tensor],
    make_gradient: Callable[[], Callable[[Tensor, Tensor], AddGradient]],
    data: Samples,
    recipe: CurveRecipe,
    seed: int,
    *,
    recorder: Recorder | None = None,
) -> None:
    """`fit_step_by_step` for several curves on a GPU, each on a stream of its own.

    Args:
        many_controls: initial control points of each curve.
        make_gradient: makes the function that `fit_step_by_step` takes, anew for each curve.
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
                fit.take.follow()
            for _ in range(len(tables["rates"])):
                for fit in fits:
                    fit.take()


def _schedule(
    data: Samples, recipe: CurveRecipe, seed: int
) -> Iterator[tuple[Tensor, tuple[float, ...], float]]:
    """For each step of a fit the batch's rows, the control points' weights and the rate."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    for rows, progress in batches_of(data, recipe, seed):
        weights = coefficients(generator.uniform(), recipe.control_points)
        yield rows, weights, recipe.lr * rate_factor(progress)


def _tables(data: Samples, recipe: CurveRecipe, seed: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """The schedule of a fit as tensors on the device of the data, one row for each step."""
    rows, weights, rates = zip(*_schedule(data, recipe, seed))
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
