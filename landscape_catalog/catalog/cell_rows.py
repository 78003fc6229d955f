"""Table rows about cells: position in the grid, metrics and phase."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from typing import Any

from landscape_catalog.catalog.estimates import CellEstimates, Number, is_of_pairs, method_of
from landscape_catalog.catalog.results import CellResult, ExperimentResult
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import CellNumbers, Rule, doubtful_flat

Row = dict[str, Any]


def cell_row(position: int, result: CellResult) -> Row:
    """A cell's position and parameters in the grid."""
    cell = result.cell
    points = {
        name: value for name, value in (cell.load | cell.temperature).items() if name != "extra"
    }
    extra = {path: value for path, value in cell.values.items() if ".extra." in path}
    return {
        "cell_id": cell.cell_id,
        "landscape_id": cell.landscape.landscape_id,
        "position": position,
        "variant": cell.variant,
        **points,
        "lr_in_effect": cell.lr,
        "extra": json.dumps(extra, sort_keys=True),
        "n_runs": len(result.runs),
        "n_converged": len(result.converged),
    }


def metric_rows(
    cell: CellResult, estimates: CellEstimates, result: ExperimentResult
) -> Iterator[Row]:
    """Mean, spread, error and count of every metric of a cell, for every probe and snapshot."""
    names = [*QUANTITIES, *(value.metric for value in result.custom_values)]
    found: dict[tuple[str, str], list[Number]] = {(name, PRIMARY): [] for name in names}
    found |= estimates.by_metric
    for (metric, probe), numbers in found.items():
        every = [number.estimate for number in numbers]
        known = [estimate for estimate in every if not math.isnan(estimate.value)]
        values = [estimate.value for estimate in known]
        spread = statistics.stdev(values) if _has_spread(values) else math.nan
        of_pairs = is_of_pairs(metric, result)
        status, reason = _status(len(cell.converged), of_pairs, every, known)
        yield {
            "metric": metric,
            "probe": probe,
            "method": numbers[0].method if numbers else method_of(metric, probe, result),
            "mean": statistics.fmean(values) if values else None,
            "sd": spread,
            "n": len(values),
            "standard_error": spread / math.sqrt(len(values)) if values else None,
            "measurement_error": _error_of_mean(known),
            "status": status,
            "reason": reason,
            "source": "measured",
            "unit": _unit(metric, every),
        }


def _unit(metric: str, every: list[Estimate]) -> str | None:
    """The unit of the estimates, or the metric's default unit if they carry none."""
    default = QUANTITIES[metric].unit if metric in QUANTITIES else ""
    return next((estimate.unit for estimate in every if estimate.unit), default) or None


def _error_of_mean(known: list[Estimate]) -> float | None:
    """Error of the mean due to the errors of the estimates.

    Standard errors combine in quadrature; if any error is a bound, the mean of the errors is one.
    """
    errors = [estimate.error for estimate in known]
    if not errors:
        return None
    if any(estimate.kind == "bound" for estimate in known):
        return statistics.fmean(errors)
    return math.hypot(*errors) / len(errors)


def _has_spread(values: list[float]) -> bool:
    return len(values) > 1 and all(math.isfinite(value) for value in values)


def _status(
    n_converged: int, of_pairs: bool, every: list[Estimate], known: list[Estimate]
) -> tuple[str, str | None]:
    """Status of a mean, and the reason if it is missing or some estimate has not converged."""
    problematic = [estimate for estimate in every if estimate.status != "ok"]
    if problematic:
        present = {estimate.status for estimate in known}
        status = "missing" if not present else max(present, key=("ok", "not converged").index)
        return status, f"{len(problematic)} of {len(every)}: {problematic[0].reason}"
    if known:
        return "ok", None
    if n_converged == 0:
        return "missing", "no run has converged"
    if n_converged == 1 and of_pairs:
        return "missing", "only one run has converged, and a pair needs two"
    return "missing", "it was not measured"


def phase_rows(result: ExperimentResult, estimates: list[CellEstimates], keys: Row) -> list[Row]:
    """The phase of every cell, with the reason."""
    rule = result.experiment.classify
    verdicts = [
        rule.classify(_numbers(cell, numbers, rule))
        for cell, numbers in zip(result.cells, estimates)
    ]
    doubtful = doubtful_flat(
        rule,
        [verdict.phase for verdict in verdicts],
        [numbers.mean("train_loss") for numbers in estimates],
    )
    return [
        keys | {"cell_id": cell.cell.cell_id, **vars(verdict), "doubtful": doubt}
        for cell, verdict, doubt in zip(result.cells, verdicts, doubtful)
    ]


def _numbers(result: CellResult, numbers: CellEstimates, rule: Rule) -> CellNumbers:
    return CellNumbers(
        n_runs=len(result.runs),
        n_converged=len(result.converged),
        means={metric: numbers.mean(metric) for metric in rule.metrics},
        pairs={metric: numbers.values(metric) for metric in rule.pair_metrics},
    )
