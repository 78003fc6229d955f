"""Table rows about cells: position in the grid, metrics and phase."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence

from landscape_catalog.catalog.estimates import ESTIMATE, is_of_pairs, method_of
from landscape_catalog.catalog.results import CellResult, ExperimentResult
from landscape_catalog.catalog.run_errors import standard_error_over_runs
from landscape_catalog.catalog.shared_errors import error_of_cell_mean
from landscape_catalog.catalog.tables import MOVED_COLUMNS
from landscape_catalog.metrics.estimate import mean_of, spread_of
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import (
    CellNumbers,
    LabelDistribution,
    Rule,
    Verdict,
    differing_statistics,
    doubtful_flat,
    sensitivities,
)
from landscape_catalog.schema.tables import Row

# What the doubts about a cell go by, besides its rule's metrics.
DOUBTED = ("train_loss", "train_loss_running", "train_loss_recomputed")


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
    cell: CellResult, estimates: Sequence[Row], result: ExperimentResult
) -> Iterator[Row]:
    """Mean, spread, error and count of every metric of a cell, for every probe and snapshot.

    Args:
        cell: the cell.
        estimates: its rows of the table `estimates`.
        result: of the experiment.
    """
    names = [*QUANTITIES, *(value.metric for value in result.custom_values)]
    found: dict[tuple[str, str], list[Row]] = {(name, PRIMARY): [] for name in names}
    for row in _counted(cell, estimates):
        found.setdefault((row["metric"], row["probe"]), []).append(row)
    for (metric, probe), rows in found.items():
        known = [row for row in rows if not math.isnan(row["value"])]
        values = [row["value"] for row in known]
        members = [tuple(filter(None, (row["run_id"], row["other_run_id"]))) for row in known]
        of_pairs = is_of_pairs(metric, result)
        error = error_of_cell_mean([row[ESTIMATE] for row in known]) if known else None
        status, reason = _status(len(cell.converged), of_pairs, rows, known)
        yield {
            "metric": metric,
            "probe": probe,
            "method": rows[0]["method"] if rows else method_of(metric, probe, result),
            "mean": mean_of(values) if values else None,
            "sd": spread_of(values),
            "n": len(values),
            "standard_error": standard_error_over_runs(values, members) if values else None,
            "measurement_error": error.total if error else None,
            "measurement_error_kind": error.combination if error else None,
            "status": status,
            "reason": reason,
            "source": "measured",
            "unit": _unit(metric, rows),
        }


def _counted(cell: CellResult, estimates: Sequence[Row]) -> list[Row]:
    """The estimates of converged runs and of their pairs, of which a cell's metrics are means."""
    converged = {run.run.run_id for run in cell.converged}
    return [row for row in estimates if row["run_id"] in converged]


def _values(cell: CellResult, estimates: Sequence[Row], metric: str) -> list[float]:
    """The non-missing values of a metric, measured by its primary probe."""
    return [
        row["value"]
        for row in _counted(cell, estimates)
        if (row["metric"], row["probe"]) == (metric, PRIMARY) and not math.isnan(row["value"])
    ]


def _unit(metric: str, rows: list[Row]) -> str | None:
    """The unit of the estimates, or the metric's default unit if they carry none."""
    default = QUANTITIES[metric].unit if metric in QUANTITIES else ""
    return next((row["unit"] for row in rows if row["unit"]), default) or None


def _status(
    n_converged: int, of_pairs: bool, rows: list[Row], known: list[Row]
) -> tuple[str, str | None]:
    """Status of a mean, and the reason if it is missing or some estimate has not converged."""
    problematic = [row for row in rows if row["status"] != "ok"]
    if problematic:
        present = {row["status"] for row in known}
        status = "missing" if not present else max(present, key=("ok", "not converged").index)
        return status, f"{len(problematic)} of {len(rows)}: {problematic[0]['reason']}"
    if known:
        return "ok", None
    if n_converged == 0:
        return "missing", "no run has converged"
    if n_converged == 1 and of_pairs:
        return "missing", "only one run has converged, and a pair needs two"
    return "missing", "it was not measured"


def cell_numbers(result: ExperimentResult, estimates: list[list[Row]]) -> list[CellNumbers]:
    """The numbers by which each cell is classified.

    Args:
        result: of the experiment.
        estimates: for each cell, its rows of the table `estimates`.
    """
    rule = result.experiment.classify
    metrics = {*rule.metrics, *rule.pair_metrics, *DOUBTED}
    found = []
    for cell, rows in zip(result.cells, estimates):
        values = {metric: _values(cell, rows, metric) for metric in metrics}
        means = {metric: _mean(of_metric) for metric, of_metric in values.items()}
        found.append(CellNumbers(len(cell.runs), len(cell.converged), means, values))
    return found


def criterion_rows(rule: Rule, numbers: list[CellNumbers], keys: Row) -> Iterator[Row]:
    """How many labels hang on each criterion of the rule."""
    for position, found in enumerate(sensitivities(rule, numbers)):
        criterion = found.criterion
        yield {
            **keys,
            "position": position,
            "criterion": criterion.name,
            "metric": criterion.metric,
            "relation": criterion.relation,
            "threshold": criterion.threshold,
            "changed_without": found.without,
            **dict(zip(MOVED_COLUMNS, found.moved)),
        }


def phase_rows(
    result: ExperimentResult,
    estimates: list[list[Row]],
    numbers: list[CellNumbers],
    distributions: Sequence[LabelDistribution],
    keys: Row,
) -> list[Row]:
    """The phase of every cell, with the reason and how sure it is.

    Args:
        result: of the experiment.
        estimates: for each cell, its rows of the table `estimates`.
        numbers: by which each cell is classified.
        distributions: the probabilities of each cell's phases.
        keys: the columns that all rows have in common.
    """
    rule = result.experiment.classify
    verdicts = [rule.classify(cell) for cell in numbers]
    doubtful = doubtful_flat(
        rule,
        [verdict.phase for verdict in verdicts],
        [cell.mean("train_loss") for cell in numbers],
    )
    return [
        keys
        | {"cell_id": cell.cell.cell_id}
        | phase_row(rule, own, verdict, found, doubt, unfinished_metrics(rule, rows))
        for cell, rows, own, verdict, found, doubt in zip(
            result.cells, estimates, numbers, verdicts, distributions, doubtful
        )
    ]


def phase_row(
    rule: Rule,
    cell: CellNumbers,
    verdict: Verdict,
    found: LabelDistribution,
    doubtful: bool,
    remarks: Iterable[str] = (),
) -> Row:
    """A cell's phase, the reason, and how sure it is.

    Args:
        rule: which classified the cell.
        cell: its numbers.
        verdict: of the rule.
        found: the probabilities of its phases.
        doubtful: whether it is flat with a high training loss.
        remarks: what else to bear in mind about the numbers that decide.
    """
    words = (found.words, verdict.reason, *remarks, differing_statistics(cell))
    return {
        "phase": verdict.phase,
        "phase_probability": found.probability,
        "second_phase": found.second,
        "reason": "; ".join(filter(None, words)),
        "probability_reason": found.reason,
        "ambiguous": verdict.ambiguous,
        "doubtful": doubtful,
    }


def unfinished_metrics(rule: Rule, rows: Sequence[Row]) -> Iterator[str]:
    """The metrics that decide and some of whose estimates have not converged."""
    for metric in rule.metrics:
        deciding = [row for row in rows if (row["metric"], row["probe"]) == (metric, PRIMARY)]
        unfinished = sum(row["status"] == "not converged" for row in deciding)
        if unfinished:
            words = metric.replace("_", " ")
            yield f"{words} has not converged for {unfinished} of {len(deciding)}"


def _mean(values: list[float]) -> float:
    return mean_of(values) if values else math.nan
