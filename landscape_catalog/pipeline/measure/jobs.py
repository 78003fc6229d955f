"""Assigns measurements to jobs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from landscape_catalog.graphs.limits import LARGEST_STACK
from landscape_catalog.pipeline.shared.measurement_specs import MeasurementSpec


def measurement_jobs(
    specs: Sequence[MeasurementSpec], workers: int
) -> list[tuple[MeasurementSpec, ...]]:
    """Group measurements into jobs.

    Expensive measurements are jobs of their own; the cheap ones of a cell share a job. Measurements
    that are computed as a batch share jobs: at least two each (one alone gains nothing), but not so
    many that a worker is left without work.
    """
    jobs: dict[tuple[str, str], list[MeasurementSpec]] = defaultdict(list)
    groups: dict[str, list[MeasurementSpec]] = defaultdict(list)
    for spec in specs:
        if spec.group_id is not None:
            groups[spec.group_id].append(spec)
        else:
            key = spec.measurement_id if spec.declaration.alone else spec.cell.cell_id
            jobs[spec.metric, key].append(spec)
    found = [tuple(job) for job in jobs.values()]
    most = min(max(sum(map(len, groups.values())) // workers, 2), LARGEST_STACK)
    for group in groups.values():
        parts = math.ceil(len(group) / most)
        found += [tuple(group[i::parts]) for i in range(parts)]
    return found
