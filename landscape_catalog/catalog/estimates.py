"""Rows of the table `estimates`: every number of a run or pair with its error and status."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from landscape_catalog.catalog.results import CellResult, ExperimentResult, Measured, RunResult
from landscape_catalog.metrics.estimate import Estimate, joined
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import METRIC_OF, METRICS
from landscape_catalog.schema.tables import Row

ESTIMATE = "estimate"  # key of a row's `Estimate`, which is not a column


def estimate_rows(cell: CellResult, result: ExperimentResult) -> list[Row]:
    """One row per number that was measured on a cell, or that is missing, with the reason."""
    of_members = _member_rows(cell, result)
    rows: list[Row] = []
    for run in cell.runs:
        key = _key(cell, run.run.run_id)
        rows += [key | row for row in _measured_rows(run.measured, result)]
        if run.nc_reason is None:
            rows.append(key | _epochs_row(run))
            rows += [key | row for row in of_members.get(run.run.run_id, [])]
        else:
            rows += [key | row for row in _missing_rows(run, result)]
    for pair in cell.pairs:
        key = _key(cell, pair.run.run_id, pair.other.run_id)
        rows += [key | row for row in _measured_rows(pair.measured, result)]
    return rows


def _key(cell: CellResult, run_id: str, other_run_id: str = "") -> Row:
    return {"cell_id": cell.cell.cell_id, "run_id": run_id, "other_run_id": other_run_id}


def _row(metric: str, probe: str, method: str, estimate: Estimate) -> Row:
    estimate = _finite(estimate)
    return {
        "metric": metric,
        "probe": probe,
        "value": estimate.value,
        "error": estimate.error,
        "error_kind": estimate.kind,
        "n": estimate.n,
        "n_unit": estimate.n_unit,
        "method": method,
        "status": estimate.status,
        "reason": estimate.reason,
        "unit": estimate.unit or None,
        ESTIMATE: estimate,
    }


def _finite(estimate: Estimate) -> Estimate:
    """The estimate with NaN instead of infinities, which the reason names."""
    if not math.isfinite(estimate.value):
        estimate = replace(estimate, value=math.nan, reason=estimate.missing_reason)
    if math.isinf(estimate.error):
        reason = joined(estimate.reason, "the error is infinity")
        return replace(estimate, error=math.nan, kind="unknown", influences=None, reason=reason)
    return estimate


def _measured_rows(measured: Measured, result: ExperimentResult) -> Iterator[Row]:
    """The numbers of every metric and probe."""
    for name, by_probe in measured.items():
        for probe, repeats in by_probe.items():
            for quantity, estimate in METRICS[name].estimates(repeats):
                column, stored_probe = METRICS[name].catalog_name(probe, quantity)
                yield _row(column, stored_probe, _method(name, probe, result), estimate)
    # Values of custom metrics that exist for other runs or pairs but not for this one.
    for probe, repeats in measured.get("custom", {}).items():
        for value in result.custom_values:
            if value.probe == probe and value.name not in repeats[0].values:
                reason = f"the function returned no `{value.name}`"
                absent = Estimate(math.nan, converged=False, reason=reason)
                yield _row(value.metric, PRIMARY, value.method, absent)


def _method(metric: str, probe: str, result: ExperimentResult) -> str:
    return result.methods.get((metric, probe), "direct")


def _epochs_row(run: RunResult) -> Row:
    n = run.record.n_epochs
    estimate = Estimate(float(n), 0.0, "exact", n, "epochs", "epochs")
    return _row("n_epochs", PRIMARY, "direct", estimate)


def _missing_rows(run: RunResult, result: ExperimentResult) -> Iterator[Row]:
    """What is missing for a run that has not converged."""
    reason = f"training has not converged: {run.nc_reason}"
    for name, metric in METRICS.items():
        if metric.scope == "run" and metric.only_converged:
            for quantity in metric.quantities:
                absent = Estimate(math.nan, n_unit=quantity.n_unit, converged=False, reason=reason)
                yield _row(quantity.name, PRIMARY, _method(name, PRIMARY, result), absent)
    for value in result.custom_values:
        if value.scope == "run":
            absent = Estimate(math.nan, converged=False, reason=reason)
            yield _row(value.metric, PRIMARY, value.method, absent)


def _member_rows(cell: CellResult, result: ExperimentResult) -> dict[str, list[Row]]:
    """Numbers of single runs that pair measurements yield (such as weight norms), by run id."""
    found: dict[str, dict[str, Row]] = defaultdict(dict)
    for pair in cell.pairs:
        for name, by_probe in pair.measured.items():
            for probe, repeats in by_probe.items():
                both = METRICS[name].member_estimates(repeats[0])
                for run, named in zip((pair.run, pair.other), both):
                    for quantity, estimate in named:  # the same from every pair of the run
                        row = _row(quantity, probe, _method(name, probe, result), estimate)
                        found[run.run_id][quantity] = row
    return {run_id: list(by_name.values()) for run_id, by_name in found.items()}


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
