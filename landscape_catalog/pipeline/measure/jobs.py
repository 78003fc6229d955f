"""Assigns measurements to jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from landscape_catalog.pipeline.shared.costs import fits_caches, largest_group
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec
from landscape_catalog.runner.schedule import cut_groups
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.timings import Work


def measurement_jobs(
    specs: Sequence[MeasurementSpec], workers: int, speed: SpeedModel, device: str = "cpu"
) -> list[tuple[MeasurementSpec, ...]]:
    """Group measurements into jobs.

    Expensive measurements are jobs of their own; the cheap ones of a cell share a job. Measurements
    that are computed as a batch share jobs that are cut so that all workers end at about the same
    time.
    """
    jobs: dict[tuple[str, str], list[MeasurementSpec]] = defaultdict(list)
    batched: list[MeasurementSpec] = []
    for spec in specs:
        if spec.batch_id(device) is not None:
            batched.append(spec)
        else:
            key = spec.measurement_id if spec.declaration.alone else spec.cell.cell_id
            jobs[spec.metric, key].append(spec)
    found = [tuple(job) for job in jobs.values()]
    return found + cut_groups(
        batched,
        key=lambda spec: spec.batch_id(device),
        seconds=lambda group: speed.seconds(job_work(group, device)),
        workers=workers,
        largest=largest_group(device),
        fits=lambda group: fits_caches(
            group[0].cell, group[0].work.batch_size, len(group), device=device
        ),
        beside=[speed.seconds(job_work(job, device)) for job in found],
    )


def job_work(specs: Sequence[MeasurementSpec], device: str = "cpu") -> Work:
    """The size of a job."""
    first = specs[0]
    if first.batch_id(device) is not None:
        return replace(
            first.work, members=len(specs), grouped=first.group_id is not None and device != "cuda"
        )
    return replace(first.work, steps=first.work.steps * len(specs))
