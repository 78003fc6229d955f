"""Which measurements share a job."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from landscape_catalog.pipeline.shared.measurements import MeasurementSpec

LARGEST_GROUP = 8  # as many as the numerics compute side by side, which only workers load


def measurement_jobs(
    specs: Sequence[MeasurementSpec], workers: int
) -> list[tuple[MeasurementSpec, ...]]:
    """Group measurements into jobs.

    Costly ones alone, cheap ones cell by cell. Those that are computed side by side share jobs: at
    least two (a single one gains nothing), but not so many that a worker has nothing to do.
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
    most = min(max(sum(map(len, groups.values())) // workers, 2), LARGEST_GROUP)
    for group in groups.values():
        parts = math.ceil(len(group) / most)
        found += [tuple(group[i::parts]) for i in range(parts)]
    return found
