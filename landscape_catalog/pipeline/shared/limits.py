"""What an experiment asks of this machine in vain: an error of the stages, a warning of `plan`.

A laptop can therefore plan what a cluster computes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from landscape_catalog.datasets.room import COPIES
from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.experiment.grid import Cell, DataSpec
from landscape_catalog.machine import beyond_memory, main_memory, shown_bytes
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.models.registry import footprint
from landscape_catalog.pipeline.shared.costs import work_of
from landscape_catalog.pipeline.shared.memory import one_of_each_size
from landscape_catalog.pipeline.shared.procedures import probes_of
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.runner.device import chosen_device
from landscape_catalog.runner.memory import WORKER_BYTES
from landscape_catalog.runner.starting_speed import starting_prediction
from landscape_catalog.runner.timings import Work

BYTES_OF_A_VALUE = {"images": 1, "points": 4, "text": 0}  # the length of sentences is not known
BYTES_OF_AN_INPUT, BYTES_OF_AN_OUTPUT = 4, 8  # as they are computed with
BYTES_OF_A_WEIGHT = 4
YEARS, SECONDS_OF_A_YEAR = 2, 365 * 24 * 3600  # of a single run or measurement


def require_possible(problems: Iterable[Problem]) -> None:
    """Raise a `SpecError` with the problems, if there are any."""
    found = list(dict.fromkeys(problems))
    if found:
        raise SpecError(found)


def data_problems(specs: Iterable[DataSpec]) -> Iterator[Problem]:
    """Prepared data that do not fit into memory, most of all resized images."""
    total = main_memory().total
    for spec in specs:
        facts, resize = spec.facts, spec.dataset.resize
        values = math.prod(spec.input_shape) * (facts.n_train + facts.n_test)
        reason = beyond_memory(COPIES * BYTES_OF_A_VALUE[facts.kind] * values, total)
        if reason:
            path = "dataset.name" if resize is None else "dataset.resize"
            given = repr(spec.dataset.name if resize is None else resize)
            yield Problem(path, given, f"less: the prepared data {reason}")


def worker_problems(execution: Execution) -> Iterator[Problem]:
    """More workers than the memory holds."""
    if execution.engine != "local" or execution.workers == "auto":
        return
    total = main_memory().total
    most = max(total // WORKER_BYTES, 1)
    if execution.workers > most:
        allowed = (
            f"at most {most} on this machine, which has {shown_bytes(total)} of memory: a worker "
            f"takes {shown_bytes(WORKER_BYTES)}"
        )
        yield Problem("execution.workers", repr(execution.workers), allowed)


def training_problems(
    execution: Execution, works: Iterable[tuple[Cell, Work]]
) -> Iterator[Problem]:
    """Runs that take years.

    Args:
        execution: where they are trained.
        works: cells, and the size of training one of their runs.
    """
    seen: set[Work] = set()
    for cell, work in works:
        if work in seen:
            continue
        seen.add(work)
        name = "updates" if cell.train.stopping == "updates" else "epochs"
        given = f"{getattr(cell.train, name)}, with which a run takes"
        yield from _time_problems(f"train.{name}", given, work, execution)


def measuring_problems(workspace: Workspace) -> Iterator[Problem]:
    """Measurements that take years, or hold more samples or weights than the memory does."""
    measure, execution = workspace.experiment.measure, workspace.experiment.execution
    total = main_memory().total
    for cell in one_of_each_size(workspace.grid.cells):
        data = cell.landscape.data
        each = BYTES_OF_AN_INPUT * math.prod(data.input_shape)
        each += BYTES_OF_AN_OUTPUT * data.facts.n_outputs
        for metric in METRICS.values():
            if metric.section is None:
                continue  # a single pass over the data
            path = f"measure.{metric.section}"
            for settings, _ in probes_of(metric, measure):
                drawn = metric.drawn_samples(settings)
                if reason := beyond_memory(drawn * each, total):
                    yield Problem(f"{path}.samples", repr(drawn), f"less: they {reason}")
                    continue
                name, vectors = metric.held_weights(settings)
                if reason := beyond_memory(vectors * _bytes_of_weights(cell), total):
                    given = f"{getattr(settings, name)}, with load.width {cell.landscape.width}"
                    allowed = f"less: the {vectors} vectors of weights held at once {reason}"
                    yield Problem(f"{path}.{name}", given, allowed)
                    continue
                cost = metric.largest_cost(settings, data.samples)
                work = work_of(
                    cell,
                    metric.work_kind(settings),
                    batch_size=cost.batch_size,
                    steps=cost.steps,
                    forward_passes=cost.forward_passes,
                )
                yield from _time_problems(path, "a measurement that takes", work, execution)


def _bytes_of_weights(cell: Cell) -> int:
    """The size of all weights; 0 if it is not known, as of a custom network."""
    counted = None if cell.network is None else footprint(**cell.network)
    return 0 if counted is None else BYTES_OF_A_WEIGHT * counted.parameters


def _time_problems(path: str, given: str, work: Work, execution: Execution) -> Iterator[Problem]:
    device = "cuda" if execution.engine == "dask" else chosen_device(execution)
    years = starting_prediction(device)(work) / SECONDS_OF_A_YEAR
    if years > YEARS:
        yield Problem(path, f"{given} some {years:,.0f} years", f"at most {YEARS}")
