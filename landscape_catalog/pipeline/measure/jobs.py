"""Assigns measurements to jobs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from landscape_catalog.experiment.grid import Cell
from landscape_catalog.pipeline.shared.costs import fits_caches, largest_group
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.pipeline.shared.procedures import Procedure
from landscape_catalog.runner.schedule import Pool, cut_groups, cut_sizes
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.timings import Work


def measurement_jobs(
    specs: Sequence[MeasurementSpec],
    workers: int,
    speed: SpeedModel,
    device: str = "cpu",
    fits: Callable[[Sequence[MeasurementSpec]], bool] = lambda group: True,
) -> list[tuple[MeasurementSpec, ...]]:
    """Group measurements into jobs.

    Expensive measurements are jobs of their own; the cheap ones of a cell share a job. Measurements
    that are computed as a batch share jobs that are cut so that all workers end at about the same
    time.

    Args:
        specs: what to measure.
        workers: number of workers.
        speed: predicts how long a job takes.
        device: that is measured on.
        fits: whether a batch fits into the memory of a worker.
    """
    jobs: dict[Hashable, list[MeasurementSpec]] = defaultdict(list)
    batched: list[MeasurementSpec] = []
    for spec in specs:
        if spec.procedure.batch_id(device) is not None:
            batched.append(spec)
        elif spec.declaration.alone:
            jobs[spec.measurement_id] = [spec]
        else:
            jobs[spec.metric, spec.cell.cell_id].append(spec)
    found = [tuple(job) for job in jobs.values()]
    return found + cut_groups(
        batched,
        key=lambda spec: spec.procedure.batch_id(device),
        seconds=lambda group: speed.seconds(job_work(group, device)),
        workers=workers,
        largest=largest_group(device),
        fits=lambda group: fits(group) and _fits_caches(group[0].procedure, len(group), device),
        beside=[speed.seconds(job_work(job, device)) for job in found],
    )


def planned_measuring(
    needed: Iterable[tuple[Procedure, Cell, int]], *, speed: SpeedModel, workers: int, device: str
) -> Counter[Work]:
    """The sizes of the jobs of `measurement_jobs`, wherever each fits into memory.

    Args:
        needed: procedures, cells that they measure, and how many measurements that are.
        speed: predicts how long a job takes.
        workers: number of workers.
        device: that is measured on.
    """
    alone: Counter[Procedure] = Counter()
    sharing: dict[str, tuple[Procedure, int]] = {}
    together: dict[tuple[str, int], tuple[Procedure, int]] = {}
    for procedure, cell, n in needed:
        if not n:
            continue
        batch = procedure.batch_id(device)
        if batch is not None:
            first, others = sharing.get(batch, (procedure, 0))
            sharing[batch] = (first, others + n)
        elif procedure.declaration.alone:
            alone[procedure] += n
        else:
            of_cell = (procedure.metric, id(cell))
            first, others = together.get(of_cell, (procedure, 0))
            together[of_cell] = (first, others + n)
    jobs: Counter[Work] = Counter()
    for procedure, n in alone.items():
        jobs[procedure.work] += n
    for (first, n), times in Counter(together.values()).items():
        jobs[_work(first, n, device)] += times
    pools = [
        Pool(
            n,
            lambda size, one=one: speed.seconds(_work(one, size, device)),  # type: ignore[misc]
            lambda size, one=one: _fits_caches(one, size, device),  # type: ignore[misc]
        )
        for one, n in sharing.values()
    ]
    cut = cut_sizes(
        pools,
        workers=workers,
        largest=largest_group(device),
        beside=[seconds for job, n in jobs.items() for seconds in [speed.seconds(job)] * n],
    )
    for (procedure, _), sizes in zip(sharing.values(), cut):
        for size, n in Counter(sizes).items():
            jobs[_work(procedure, size, device)] += n
    return jobs


def _fits_caches(procedure: Procedure, members: int, device: str) -> bool:
    return fits_caches(procedure.cell, procedure.work.batch_size, members, device=device)


def job_work(specs: Sequence[MeasurementSpec], device: str = "cpu") -> Work:
    """The size of a job."""
    return _work(specs[0].procedure, len(specs), device)


def _work(procedure: Procedure, n: int, device: str) -> Work:
    """The size of a job with this many measurements of a procedure."""
    if procedure.batch_id(device) is not None:
        grouped = procedure.group_id is not None and device != "cuda"
        return replace(procedure.work, members=n, grouped=grouped)
    return replace(procedure.work, steps=procedure.work.steps * n)
