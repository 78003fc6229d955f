"""How measurements are put into jobs, and what jobs of one worker share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from landscape_catalog.metrics.numerics.curves.points import CurvePoint
from landscape_catalog.metrics.numerics.evaluation import Evaluation
from landscape_catalog.metrics.numerics.traced.batching import LARGEST_STACK
from landscape_catalog.pipeline.measure import endpoint_cache
from landscape_catalog.pipeline.measure.endpoint_cache import keep_ends, known_ends
from landscape_catalog.pipeline.measure.stage import CURVES_A_JOB, _jobs
from landscape_catalog.pipeline.shared.measurements import Needed, hessians_needed, pairs_needed
from tests.experiment.grids import CUSTOM_CODE, TEXT, experiment_of, grid_of

ALL_PAIRS = {"train.seeds": 3, "measure.connectivity.pairs": "all"}
LARGE = {"dataset.name": "cifar10", "load.width": 8, "load.samples": 5000}


def needed(changes: dict[str, Any]) -> list[Needed]:
    """All but losses, cell by cell."""
    measure = experiment_of(changes).measure
    found: list[Needed] = []
    for cell in grid_of(changes).cells:
        found += hessians_needed(cell.runs, measure) + pairs_needed(cell.runs, measure)
    return found


def curve_jobs(changes: dict[str, Any], workers: int) -> list[tuple[Needed, ...]]:
    return [job for job in _jobs(needed(changes), workers) if job[0].metric == "connectivity"]


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("changes", [ALL_PAIRS, LARGE, CUSTOM_CODE, TEXT], ids=str)
def test_every_measurement_is_in_one_job(changes: dict[str, Any], workers: int) -> None:
    every = needed(changes)
    jobs = _jobs(every, workers)
    assert sorted(item.measurement_id for job in jobs for item in job) == sorted(
        item.measurement_id for item in every
    )
    assert all(len({item.metric for item in job}) == 1 for job in jobs)


@pytest.mark.parametrize(("workers", "sizes"), [(1, [6] * 4), (6, [3] * 8), (24, [2] * 12)])
def test_small_curves_of_a_landscape_share_jobs(workers: int, sizes: list[int]) -> None:
    """Two widths, two batch sizes, three pairs a cell, in two repeats."""
    jobs = curve_jobs({**ALL_PAIRS, "measure.connectivity.repeats": 2}, workers)
    assert all(
        len({(item.cell.landscape.landscape_id, item.repeat) for item in job}) == 1 for job in jobs
    )
    assert sorted(map(len, jobs), reverse=True) == sizes


def test_no_job_has_more_curves_than_are_fitted_at_a_time() -> None:
    jobs = curve_jobs({**ALL_PAIRS, "train.seeds": 5}, 1)
    assert max(map(len, jobs)) <= CURVES_A_JOB == LARGEST_STACK
    assert [len(job) for job in jobs] == [7, 7, 6] * 2


@pytest.mark.parametrize("changes", [LARGE, CUSTOM_CODE, {"load.width": 64}], ids=str)
def test_large_curves_and_those_of_a_network_of_ones_own_are_alone(changes: Any) -> None:
    assert all(len(job) == 1 for job in curve_jobs({**ALL_PAIRS, **changes}, 1))


@pytest.fixture
def _forgotten() -> Iterator[None]:
    endpoint_cache._points.clear()
    yield
    endpoint_cache._points.clear()


@pytest.mark.usefixtures("_forgotten")
def test_ends_of_own_code_are_not_remembered() -> None:
    changes = {**ALL_PAIRS, **CUSTOM_CODE}
    pair = next(item for item in needed(changes) if item.metric == "connectivity")
    point = CurvePoint(0.0, Evaluation(1.0, 0.0, 0, 10, 0.0), Evaluation(1.0, 0.0, 0, 5, 0.0))
    keep_ends(pair, 32, 7, [point, point])
    assert known_ends(pair, 32, 7) == []


@pytest.mark.usefixtures("_forgotten")
def test_ends_are_remembered_by_run() -> None:
    curves = [item for item in needed(ALL_PAIRS) if item.metric == "connectivity"]
    first, second, third = curves[:3]
    points = [
        CurvePoint(t, Evaluation(loss, 0.0, 0, 10, 0.0), Evaluation(loss, 0.0, 0, 5, 0.0))
        for t, loss in ((0.0, 1.0), (0.5, 2.0), (1.0, 3.0))
    ]
    assert known_ends(first, 32, 7) == []
    keep_ends(first, 32, 7, points)
    assert known_ends(first, 32, 7) == [points[0], points[2]]
    (shared,) = known_ends(second, 32, 7)  # seeds 0 and 2
    assert shared == points[0]
    (other,) = known_ends(third, 32, 7)  # seeds 1 and 2
    assert (other.t, other.train.loss) == (0.0, 3.0)
    assert known_ends(first, 16, 7) == known_ends(first, 32, 8) == []
