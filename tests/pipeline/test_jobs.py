"""How measurements are grouped into jobs, and what the jobs of one worker share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from landscape_catalog.metrics.connectivity.compute import keep_endpoints, known_endpoints
from landscape_catalog.metrics.connectivity.result import CurvePoint
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.pipeline.measure.context import JobContext, MeasurementContext
from landscape_catalog.pipeline.measure.jobs import job_work, measurement_jobs
from landscape_catalog.pipeline.shared.costs import fits_caches
from landscape_catalog.pipeline.shared.measurement_specs import (
    MeasurementSpec,
    losses_of,
    measurements_of,
)
from landscape_catalog.runner.schedule import makespan
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.starting_speed import starting_prediction
from landscape_catalog.runner.worker_cache import WorkerCache
from tests.experiment.grids import CUSTOM_CODE, TEXT, experiment_of, grid_of

ALL_PAIRS = {"train.seeds": 3, "measure.connectivity.pairs": "all"}
MEASURE = experiment_of({}).measure
SPEED = SpeedModel(starting_prediction())
LARGE = {"dataset.name": "cifar10", "load.width": 8, "load.samples": 5000}


def needed(changes: dict[str, Any]) -> list[MeasurementSpec]:
    """All measurements except losses, cell by cell."""
    measure = experiment_of(changes).measure
    found: list[MeasurementSpec] = []
    for cell in grid_of(changes).cells:
        found += measurements_of(cell.runs, measure, {})
    return found


def curve_jobs(changes: dict[str, Any], workers: int) -> list[tuple[MeasurementSpec, ...]]:
    return [
        job
        for job in measurement_jobs(needed(changes), workers, SPEED)
        if job[0].metric == "connectivity"
    ]


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("changes", [ALL_PAIRS, LARGE, CUSTOM_CODE, TEXT], ids=str)
def test_every_measurement_is_in_one_job(changes: dict[str, Any], workers: int) -> None:
    every = needed(changes)
    jobs = measurement_jobs(every, workers, SPEED)
    assert sorted(item.measurement_id for job in jobs for item in job) == sorted(
        item.measurement_id for item in every
    )
    assert all(len({item.metric for item in job}) == 1 for job in jobs)


REPEATED = {**ALL_PAIRS, "measure.connectivity.repeats": 2}


def test_small_curves_of_a_landscape_share_jobs() -> None:
    """Two widths, two batch sizes, three pairs per cell, two repeats."""
    jobs = curve_jobs(REPEATED, 1)
    assert all(
        len({(item.cell.landscape.landscape_id, item.repeat) for item in job}) == 1 for job in jobs
    )
    assert [len(job) for job in jobs] == [6] * 4
    assert min(len(job) for job in curve_jobs(REPEATED, 100)) == 2  # one alone takes as long


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8, 24])
def test_curves_are_cut_so_that_all_measurements_are_done_earlier(workers: int) -> None:
    def seconds(jobs: list[tuple[MeasurementSpec, ...]]) -> list[float]:
        return [SPEED.seconds(job_work(job)) for job in jobs]

    every = needed(REPEATED)
    whole = makespan(seconds(measurement_jobs(every, 1, SPEED)), workers)
    cut = makespan(seconds(measurement_jobs(every, workers, SPEED)), workers)
    assert cut <= whole
    if workers >= 8:  # four whole groups leave workers idle
        assert cut < 0.9 * whole


def test_the_size_of_a_job() -> None:
    """Curves that are batched are members of one job; other measurements follow each other."""
    curves, losses = curve_jobs(ALL_PAIRS, 1)[0], losses_of(grid_of(ALL_PAIRS).runs[:3], MEASURE)
    assert job_work(curves) == replace(curves[0].work, members=len(curves), grouped=True)
    assert job_work(losses) == replace(losses[0].work, steps=3 * losses[0].work.steps)


def test_the_step_of_a_group_of_curves_fits_the_caches() -> None:
    """Twenty curves of each width: the narrow ones fit, the wide ones are divided."""
    many = {**ALL_PAIRS, "train.seeds": 5, "load.width": [1, 8]}
    jobs = curve_jobs(many, 1)
    assert [len(job) for job in jobs if job[0].cell.landscape.width == 1] == [20]
    wide = [len(job) for job in jobs if job[0].cell.landscape.width == 8]
    assert sum(wide) == 20
    assert 1 < max(wide) < 20
    assert all(fits_caches(job[0].cell, job[0].work.batch_size, len(job)) for job in jobs)


@pytest.mark.parametrize("changes", [LARGE, CUSTOM_CODE, {"load.width": 64}], ids=str)
def test_large_curves_and_curves_of_custom_networks_are_not_batched(changes: Any) -> None:
    assert all(len(job) == 1 for job in curve_jobs({**ALL_PAIRS, **changes}, 1))


class Job:
    """A job context without data and networks."""

    def __init__(self, cache: WorkerCache) -> None:
        self.cache = cache


def context(spec: MeasurementSpec, cache: WorkerCache) -> MeasurementContext:
    return MeasurementContext(cast(JobContext, Job(cache)), spec)


def point(t: float, loss: float) -> CurvePoint:
    return CurvePoint(t, Evaluation(loss, 0.0, 0, 10), Evaluation(loss, 0.0, 0, 5))


def test_endpoints_of_custom_code_are_not_reused() -> None:
    changes = {**ALL_PAIRS, **CUSTOM_CODE}
    pair = next(item for item in needed(changes) if item.metric == "connectivity")
    of_pair = context(pair, WorkerCache())
    keep_endpoints(of_pair, 32, 7, [point(0.0, 1.0), point(1.0, 1.0)])
    assert known_endpoints(of_pair, 32, 7) == []


def test_an_endpoint_is_evaluated_once_for_all_curves_of_its_run() -> None:
    cache = WorkerCache()
    curves = [item for item in needed(ALL_PAIRS) if item.metric == "connectivity"]
    first, second, third = (context(curve, cache) for curve in curves[:3])
    points = [point(0.0, 1.0), point(0.5, 2.0), point(1.0, 3.0)]
    assert known_endpoints(first, 32, 7) == []
    keep_endpoints(first, 32, 7, points)
    assert known_endpoints(first, 32, 7) == [points[0], points[2]]
    (shared,) = known_endpoints(second, 32, 7)  # seeds 0 and 2
    assert shared == points[0]
    (other,) = known_endpoints(third, 32, 7)  # seeds 1 and 2
    assert (other.t, other.train.loss) == (0.0, 3.0)
    assert known_endpoints(first, 16, 7) == known_endpoints(first, 32, 8) == []
    assert known_endpoints(context(curves[0], WorkerCache()), 32, 7) == []
