"""How large an experiment may be: every run and measurement is listed before any is made.

Every stage does so: 250,000 runs with three measurements each take 210 s and 2 GB.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from landscape_catalog.errors import Problem
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import dotted
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.fields import SEEDS
from landscape_catalog.schema.pairs import n_pairs

LARGEST_RUNS, LARGEST_MEASUREMENTS = 250_000, 1_000_000


def size_problems(experiment: Experiment) -> list[Problem]:
    """Axes, seeds and repeats that multiply to more than can be listed, and seeds that overflow."""
    seeds, first = experiment.train.seeds, experiment.train.first_seed
    if first + seeds > SEEDS:
        allowed = f"at most {SEEDS - seeds} with {seeds} seeds: seeds are below 2^32"
        return [Problem("train.first_seed", repr(first), allowed)]
    lengths = _lengths(experiment)
    cells = math.prod(lengths.values())
    if cells * seeds > LARGEST_RUNS:
        lengths["train.seeds"] = seeds
        path = max(lengths, key=lambda name: lengths[name])
        most = LARGEST_RUNS // (cells * seeds // lengths[path])
        given = repr(seeds) if path == "train.seeds" else f"{lengths[path]} values"
        allowed = f"at most {most}: an experiment has at most {LARGEST_RUNS} runs"
        return [Problem(path, given, allowed)]
    counts = list(_measurements(experiment, cells))
    total = sum(n for n, _, _ in counts)
    if total <= LARGEST_MEASUREMENTS:
        return []
    _, path, value = max(counts)
    allowed = f"fewer: an experiment has at most {LARGEST_MEASUREMENTS} measurements, not {total}"
    return [Problem(path, repr(value), allowed)]


def _lengths(experiment: Experiment) -> dict[str, int]:
    """The number of values of each axis."""
    found: dict[str, int] = {}
    for section in ("load", "temperature"):
        values = dotted(section, dict(getattr(experiment, section)))
        found |= {path: len(v) for path, v in values.items() if isinstance(v, tuple)}
    return found


def _measurements(experiment: Experiment, cells: int) -> Iterator[tuple[int, str, int]]:
    """How many measurements each probe makes at most, and the parameter that drives the number."""
    measure, seeds = experiment.measure, experiment.train.seeds
    for metric in METRICS.values():
        for settings in metric.select_probes(measure.probes(metric.section)):
            if metric.scope_of(settings) == "pair":
                of_cell = n_pairs(seeds, metric.pairs(settings))
            else:
                of_cell = seeds * (len(measure.snapshots) if metric.every_snapshot else 1)
            repeats = metric.repeats(settings)
            repeated = repeats > seeds
            path = f"measure.{metric.section}.{metric.repeated_by}" if repeated else "train.seeds"
            yield cells * of_cell * repeats, path, repeats if repeated else seeds
