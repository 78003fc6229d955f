"""Every number of a run or pair with its error, its method and its convergence status."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from landscape_catalog.catalog.results import (
    CellResult,
    ExperimentResult,
    Measured,
    PairResult,
    RunResult,
)
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import METRIC_OF, METRICS
from landscape_catalog.schema.tables import Row


@dataclass(frozen=True)
class Number:
    """An estimate with its metric and probe as named in the catalog, and its method."""

    metric: str
    probe: str
    method: str
    estimate: Estimate


@dataclass(frozen=True)
class CellEstimates:
    """The numbers of a cell, each with the run or pair that it describes.

    Attributes:
        of_runs: numbers of converged runs.
        of_pairs: numbers of pairs of converged runs.
        absent: losses of runs that have not converged, and the metrics missing for them.
    """

    of_runs: list[tuple[RunResult, Number]]
    of_pairs: list[tuple[PairResult, Number]]
    absent: list[tuple[RunResult, Number]]

    @cached_property
    def by_metric(self) -> dict[tuple[str, str], list[Number]]:
        """The numbers of every metric and probe, missing ones included."""
        found: dict[tuple[str, str], list[Number]] = defaultdict(list)
        for _, number in [*self.of_runs, *self.of_pairs]:
            found[number.metric, number.probe].append(number)
        return found

    def values(self, metric: str) -> list[float]:
        """The non-missing values of a metric, measured by its primary probe."""
        every = [number.estimate.value for number in self.by_metric.get((metric, PRIMARY), [])]
        return [value for value in every if not math.isnan(value)]

    def mean(self, metric: str) -> float:
        """Mean of `values(metric)`; NaN if there are none."""
        values = self.values(metric)
        return statistics.fmean(values) if values else math.nan


def cell_estimates(cell: CellResult, result: ExperimentResult) -> CellEstimates:
    """Every number that was measured on a cell."""
    of_members = _member_numbers(cell, result)
    return CellEstimates(
        of_runs=[
            (run, number)
            for run in cell.converged
            for number in [
                *_numbers(run.measured, result),
                _epochs(run),
                *of_members.get(run.run.run_id, []),
            ]
        ],
        of_pairs=[
            (pair, number) for pair in cell.pairs for number in _numbers(pair.measured, result)
        ],
        absent=[
            (run, number)
            for run in cell.runs
            if run.nc_reason is not None
            for number in _of_unconverged(run, result)
        ],
    )


def _numbers(measured: Measured, result: ExperimentResult) -> Iterator[Number]:
    """The numbers of every metric and probe."""
    for name, probes in measured.items():
        for found in probes:
            for quantity, estimate in METRICS[name].estimates(found.results):
                metric, probe = METRICS[name].catalog_name(found.probe, quantity)
                yield Number(metric, probe, _method(name, found.probe, result), estimate)
    yield from _not_returned(measured, result)


def _not_returned(measured: Measured, result: ExperimentResult) -> Iterator[Number]:
    """Values of custom metrics that exist for other runs or pairs but not for this one."""
    for found in measured.get("custom", ()):
        for value in result.custom_values:
            if value.probe == found.probe and value.name not in found.results[0].values:
                reason = f"the function returned no `{value.name}`"
                absent = Estimate(math.nan, converged=False, reason=reason)
                yield Number(value.metric, PRIMARY, value.method, absent)


def _method(metric: str, probe: str, result: ExperimentResult) -> str:
    return result.methods.get((metric, probe), "direct")


def _epochs(run: RunResult) -> Number:
    n = run.record.n_epochs
    estimate = Estimate(float(n), 0.0, "exact", n, "epochs", "epochs")
    return Number("n_epochs", PRIMARY, "direct", estimate)


def _of_unconverged(run: RunResult, result: ExperimentResult) -> Iterator[Number]:
    """Numbers of a run that has not converged: its losses, and every other metric as missing."""
    yield from _numbers(run.measured, result)
    reason = f"training has not converged: {run.nc_reason}"
    for name, metric in METRICS.items():
        if metric.scope == "run" and metric.only_converged:
            for quantity in metric.quantities:
                absent = Estimate(math.nan, n_unit=quantity.n_unit, converged=False, reason=reason)
                yield Number(quantity.name, PRIMARY, _method(name, PRIMARY, result), absent)
    for value in result.custom_values:
        if value.scope == "run":
            absent = Estimate(math.nan, converged=False, reason=reason)
            yield Number(value.metric, PRIMARY, value.method, absent)


def _member_numbers(cell: CellResult, result: ExperimentResult) -> dict[str, list[Number]]:
    """Numbers of single runs that pair measurements yield (such as weight norms), by run id."""
    numbers: dict[str, dict[str, Number]] = defaultdict(dict)
    for pair in cell.pairs:
        for name, probes in pair.measured.items():
            for found in probes:
                method = _method(name, found.probe, result)
                both = METRICS[name].member_estimates(found.results[0])
                for run, named in zip((pair.run, pair.other), both):
                    for quantity, estimate in named:  # the same from every pair of the run
                        number = Number(quantity, found.probe, method, estimate)
                        numbers[run.run_id][quantity] = number
    return {run_id: list(by_name.values()) for run_id, by_name in numbers.items()}


def method_of(quantity: str, probe: str, result: ExperimentResult) -> str:
    """How a quantity is computed, in words; defined even if its value is missing."""
    custom = {value.metric: value.method for value in result.custom_values}
    return custom.get(quantity) or _method(METRIC_OF.get(quantity, ""), probe, result)


def is_of_pairs(quantity: str, result: ExperimentResult) -> bool:
    """Whether a quantity is measured on pairs of runs."""
    scopes = {value.metric: value.scope for value in result.custom_values}
    if quantity in METRIC_OF:
        return METRICS[METRIC_OF[quantity]].scope == "pair"
    return scopes.get(quantity) == "pair"


def estimate_rows(cell: CellResult, estimates: CellEstimates) -> Iterator[Row]:
    """Rows of the table `estimates`, one per number."""
    for run, number in [*estimates.of_runs, *estimates.absent]:
        yield _row(cell, number) | {"run_id": run.run.run_id, "other_run_id": ""}
    for pair, number in estimates.of_pairs:
        yield _row(cell, number) | {
            "run_id": pair.run.run_id,
            "other_run_id": pair.other.run_id,
        }


def _row(cell: CellResult, number: Number) -> Row:
    estimate = number.estimate
    return {
        "cell_id": cell.cell.cell_id,
        "metric": number.metric,
        "probe": number.probe,
        "value": estimate.value,
        "error": estimate.error,
        "error_kind": estimate.kind,
        "n": estimate.n,
        "n_unit": estimate.n_unit,
        "method": number.method,
        "status": estimate.status,
        "reason": estimate.reason,
        "unit": estimate.unit or None,
    }
