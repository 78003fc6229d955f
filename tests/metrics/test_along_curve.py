"""Area, refinement and the straight line's barrier for known losses along t."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from torch import nn

from landscape_catalog.metrics.numerics.curves.barrier import barrier_height, line_barrier
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity
from landscape_catalog.metrics.numerics.curves.points import curve_points, next_t
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from tests.metrics.test_curve_fit import ONES, Quadratic, scalar


def bowl(controls: list[float], **options: int) -> tuple[list[float], list[float]]:
    """t and loss of 1/2 (gamma(t) - 3)^2 along a curve of one weight."""
    network = scalar(0)
    shapes = {name: value.shape for name, value in network.named_parameters()}
    curve = Curve(torch.tensor(controls, dtype=torch.float64)[:, None], shapes)
    found = curve_points(network, curve, ONES, ONES, Quadratic(), batch_size=5, seed=0, **options)
    return [point.t for point in found], [point.train.loss for point in found]


def gamma(t: np.ndarray, controls: list[float]) -> np.ndarray:
    one, middle, other = controls
    return (1 - t) ** 2 * one + 2 * t * (1 - t) * middle + t**2 * other


def test_area_is_the_trapezoid_rule_and_approximates_the_integral() -> None:
    """The integral over [0, 1] of 1/2 (gamma(t) - 3)^2 by Gauss quadrature, exact for polynomials."""
    controls = [1.0, 9.0, -2.0]
    ts, losses = bowl(controls, points=65)
    nodes, weights = np.polynomial.legendre.leggauss(5)
    exact = float(weights @ ((gamma((nodes + 1) / 2, controls) - 3) ** 2 / 2)) / 2
    found = mode_connectivity(ts, losses)
    assert found.area == pytest.approx(trapezoid(losses, ts), rel=1e-12)
    assert found.area == pytest.approx(exact, rel=3e-3)
    uneven = mode_connectivity([0, 0.1, 1], [1, 3, 5])
    assert uneven.area == pytest.approx(0.1 * 2 + 0.9 * 4)
    assert math.isnan(mode_connectivity([0, 0.5, 1], [1, math.nan, 1]).area)


def test_refining_keeps_the_points_and_finds_the_peak() -> None:
    """A curve that leaves the bowl near t = 0 and returns: five points miss the peak's height."""
    controls = [0.0, 20.0, -30.0]
    plain_ts, plain = bowl(controls, points=5)
    ts, losses = bowl(controls, points=5, refine=8)
    assert len(ts) == 13
    assert ts == sorted(set(ts))
    assert set(plain_ts) <= set(ts)
    np.testing.assert_allclose(losses, (gamma(np.array(ts), controls) - 3) ** 2 / 2, rtol=1e-12)
    fine = (gamma(np.linspace(0, 1, 10001)[1:-1], controls) - 3) ** 2 / 2
    level = (losses[0] + losses[-1]) / 2
    largest = np.abs(level - fine).max()
    refined = mode_connectivity(ts, losses)
    assert abs(refined.mode_connectivity) == pytest.approx(largest, rel=0.01)
    assert abs(refined.mode_connectivity) > abs(
        mode_connectivity(plain_ts, plain).mode_connectivity
    )
    assert bowl(controls, points=5, refine=8) == (ts, losses)  # reproducible
    fewer = bowl(controls, points=5, refine=3)
    assert set(fewer[0]) <= set(ts)


@pytest.mark.parametrize(
    ("ts", "errors", "t"),
    [
        ([0, 0.25, 0.5, 0.75, 1], [0, 9, 1, 1, 0], 0.125),  # beside the first endpoint
        ([0, 0.25, 0.5, 0.75, 1], [0, 1, 1, 9, 0], 0.875),  # beside the last endpoint
        ([0, 0.25, 0.5, 0.75, 1], [0, 1, 9, 1, 0], 0.375),  # in the middle: the earlier interval
        ([0, 0.25, 0.5, 0.75, 1], [9, 9, 9, 1, 9], 0.875),  # a dip is a deviation too
        ([0, 0.125, 0.25, 0.5, 0.75, 1], [0, 5, 9, 1, 1, 0], 0.375),  # then its other side
        ([0, 1], [0, 4], 0.5),
        ([0, 0.5, 1], [0, math.nan, 0], None),
        ([0, 2**-10, 2**-9, 1], [0, 9, 0, 0], None),  # fine enough
    ],
)
def test_next_point_of_a_refinement(ts: list[float], errors: list[float], t: float | None) -> None:
    assert next_t(ts, errors) == t


def test_a_curve_needs_two_points() -> None:
    with pytest.raises(ValueError, match="points must be at least 2"):
        bowl([1, 2, 3], points=1)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([2, 3, 12, 3, 4], (9, 0.5)),
        ([0, 1, 2, 3, 4], (0, 0)),  # linear interpolation of unequal endpoints is no barrier
        ([4, 1, 0, 1, 4], (0, 0)),  # nor is a dip
        ([0, 5, 2, 5, 0], (5, 0.25)),  # a tie: the first
        ([0, 0, 0, 9, 8], (3, 0.75)),  # above the slope
    ],
)
def test_barrier_height(errors: list[float], expected: tuple[float, float]) -> None:
    assert barrier_height([0, 0.25, 0.5, 0.75, 1], errors) == expected


def test_barrier_height_of_too_few_points_and_of_nan() -> None:
    assert barrier_height([0, 1], [3, 4]) == (0, 0)
    assert all(math.isnan(value) for value in barrier_height([0, 0.5, 1], [1, math.nan, 1]))
    with pytest.raises(ValueError, match="at least 2 points, got 1"):
        barrier_height([0], [1])


class TwoWells(Quadratic):
    """(w^2 - 1)^2 of a single weight: wells at -1 and 1 with a barrier of height 1 between them."""

    def losses(self, outputs, samples, *, label_smoothing=0.0):  # type: ignore[no-untyped-def]
        return (outputs.square() - 1).square()


def test_the_barrier_between_two_wells_in_closed_form() -> None:
    """L(line(t)) = ((2t - 1)^2 - 1)^2: 1 in the middle, 0 at both endpoints."""
    ends = (scalar(-1), scalar(1))
    found = line_barrier(
        ends[0], (ends[0].state_dict(), ends[1].state_dict()), ONES, ONES, TwoWells(),
        points=5, batch_size=5, seed=0,
    )  # fmt: skip
    assert (found.barrier, found.t) == (1, 0.5)
    for point in found.points:
        assert point.train.loss == pytest.approx(((2 * point.t - 1) ** 2 - 1) ** 2, abs=1e-14)


def test_a_convex_loss_has_no_barrier(task: Classification, tiny_data: Samples) -> None:
    """Cross-entropy is convex in the weights of a linear network (the loss is, the error is not)."""
    torch.manual_seed(0)
    one, other = (nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).double() for _ in range(2))
    found = line_barrier(
        one, (one.state_dict(), other.state_dict()), tiny_data, tiny_data, task,
        points=9, batch_size=8, seed=0,
    )  # fmt: skip
    losses = [point.train.loss for point in found.points]
    assert barrier_height([point.t for point in found.points], losses) == (0, 0)
    assert found.barrier >= 0


def test_a_line_between_networks_of_different_shapes(
    task: Classification, tiny_data: Samples
) -> None:
    one, wider = (
        build("resnet18", width=w, input_shape=(1, 4, 4), n_outputs=3).double() for w in (2, 3)
    )
    message = r"conv1.weight: expected shape \(2, 1, 3, 3\), found \(3, 1, 3, 3\)"
    with pytest.raises(ValueError, match=message):
        line_barrier(
            one, (one.state_dict(), wider.state_dict()), tiny_data, tiny_data, task,
            points=5, batch_size=8, seed=0,
        )  # fmt: skip
