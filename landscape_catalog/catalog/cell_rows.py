"""Table rows about cells: position in the grid, metrics and phase."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from landscape_catalog.catalog.cell_estimates import CellEstimates
from landscape_catalog.catalog.estimates import is_of_pairs, method_of
from landscape_catalog.catalog.results import CellResult, ExperimentResult
from landscape_catalog.catalog.run_errors import standard_error_over_runs
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
from landscape_catalog.schema.strict_json import readable_json
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import in_words

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
        "extra": readable_json(extra, sort_keys=True),
        "n_runs": len(result.runs),
        "n_converged": len(result.converged),
    }


def metric_rows(estimates: CellEstimates, result: ExperimentResult) -> Iterator[Row]:
    """Mean, spread, error and count of every metric of a cell, for every probe and snapshot.

    Args:
        estimates: of the cell.
        result: of the experiment.
    """
    cell = estimates.cell
    names = [*QUANTITIES, *(value.metric for value in result.custom_values)]
    for metric, probe in dict.fromkeys([*((name, PRIMARY) for name in names), *estimates.counted]):
        rows, known = estimates.counted.get((metric, probe), []), estimates.known(metric, probe)
        values = [row["value"] for row in known]
        members = [tuple(filter(None, (row["run_id"], row["other_run_id"]))) for row in known]
        of_pairs = is_of_pairs(metric, result)
        error = estimates.error(metric, probe) if known else None
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


def cell_numbers(estimates: CellEstimates, rule: Rule) -> CellNumbers:
    """The numbers by which a cell is classified."""
    cell = estimates.cell
    metrics = dict.fromkeys((*rule.metrics, *rule.pair_metrics, *DOUBTED))
    values = {metric: estimates.values(metric) for metric in metrics}
    means = {metric: _mean(of_metric) for metric, of_metric in values.items()}
    return CellNumbers(len(cell.runs), len(cell.converged), means, values)


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
    rule: Rule,
    cell_ids: Sequence[str],
    numbers: Sequence[CellNumbers],
    distributions: Sequence[LabelDistribution],
    remarks: Sequence[Iterable[str]],
) -> Iterator[Row]:
    """The phase of every cell, with the reason and how sure it is.

    Args:
        rule: which classifies the cells.
        cell_ids: of the cells.
        numbers: by which each cell is classified.
        distributions: the probabilities of each cell's phases.
        remarks: what else to bear in mind about the numbers that decide.
    """
    verdicts = [rule.classify(cell) for cell in numbers]
    doubtful = doubtful_flat(
        rule,
        [verdict.phase for verdict in verdicts],
        [cell.mean("train_loss") for cell in numbers],
    )
    for cell_id, *of_cell in zip(cell_ids, numbers, verdicts, distributions, doubtful, remarks):
        yield {"cell_id": cell_id, **phase_row(rule, *of_cell)}


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
            words = in_words(metric)
            yield f"{words} has not converged for {unfinished} of {len(deciding)}"


def _mean(values: Sequence[float]) -> float:
    return mean_of(values) if values else math.nan
