"""How sure the labels of an experiment's cells are, and the table `phase_probabilities`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from landscape_catalog.catalog.estimates import ESTIMATE
from landscape_catalog.catalog.results import CellResult, ExperimentResult
from landscape_catalog.catalog.shared_errors import MeanError, error_of_cell_mean
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import METRIC_OF, METRICS, QUANTITIES
from landscape_catalog.phases import (
    CellNumbers,
    LabelDistribution,
    ObservedCell,
    Values,
    label_distributions,
)
from landscape_catalog.schema.pairs import PairChoice
from landscape_catalog.schema.tables import Row

# The variance of Student's t is d/(d - 2), infinite for two degrees of freedom.
FEW_DEGREES, LARGEST_INFLATION = 3, 3.0


def label_distributions_of(
    result: ExperimentResult, estimates: list[list[Row]], numbers: Sequence[CellNumbers]
) -> list[LabelDistribution]:
    """The probability of each phase for each cell, or why it is not known.

    Args:
        result: of the experiment.
        estimates: for each cell, its rows of the table `estimates`.
        numbers: by which each cell is classified.
    """
    rule = result.experiment.classify
    metrics = rule.drawn_metrics
    logarithmic = {name for name in metrics if _is_logarithmic(name, estimates)}
    cells = [
        _observed(cell, rows, metrics, logarithmic, result)
        for cell, rows in zip(result.cells, estimates)
    ]
    return label_distributions(rule, cells, numbers)


def probability_rows(
    cell_ids: Sequence[str], distributions: Sequence[LabelDistribution], keys: Row
) -> Iterator[Row]:
    """One row per cell and phase; none for a cell whose probabilities are not known.

    Args:
        cell_ids: of the cells.
        distributions: the probabilities of each cell's phases.
        keys: the columns that all rows have in common.
    """
    for cell_id, found in zip(cell_ids, distributions):
        for phase, probability in found.probabilities.items():
            yield {**keys, "cell_id": cell_id, "phase": phase, "probability": probability}


def _observed(
    cell: CellResult,
    rows: Sequence[Row],
    metrics: Sequence[str],
    logarithmic: set[str],
    result: ExperimentResult,
) -> ObservedCell:
    places = {run.run.run_id: i for i, run in enumerate(cell.converged)}
    found = {}
    for name in metrics:
        known = [
            row
            for row in rows
            if (row["metric"], row["probe"]) == (name, PRIMARY)
            and row["run_id"] in places
            and not math.isnan(row["value"])
        ]
        if not known:
            continue
        of_pairs = bool(known[0]["other_run_id"])
        error = error_of_cell_mean([row[ESTIMATE] for row in known])
        found[name] = Values(
            values=tuple(row["value"] for row in known),
            members=tuple(
                tuple(places[run] for run in (row["run_id"], row["other_run_id"]) if run)
                for row in known
            ),
            pairs=_pair_choice(name, result.experiment.measure) if of_pairs else None,
            logarithmic=name in logarithmic,
            shared_error=_shared_error(error),
        )
    return ObservedCell(cell.cell.cell_id, len(cell.runs), len(cell.converged), found)


def _shared_error(error: MeanError) -> float:
    """The error by shared draws, larger if it is known from few units (as Student's t is wider).

    A bound of an estimator is none, and an unknown error counts as none.
    """
    if not math.isfinite(error.shared):
        return 0.0
    degrees = error.n_units - 1
    inflation = degrees / (degrees - 2) if degrees > FEW_DEGREES else LARGEST_INFLATION
    return error.shared * math.sqrt(inflation if error.n_units else 1.0)


def _is_logarithmic(name: str, estimates: list[list[Row]]) -> bool:
    """Whether a metric varies by factors: it is shown by its logarithm, and is positive."""
    if name not in QUANTITIES or not QUANTITIES[name].logarithmic:
        return False
    return all(row["value"] > 0 or math.isnan(row["value"])
               for rows in estimates for row in rows if row["metric"] == name)  # fmt: skip


def _pair_choice(name: str, measure: Any) -> PairChoice:
    """Which pairs of a cell's runs the metric's primary probe measures."""
    if name not in METRIC_OF:
        return "all"  # custom metrics
    metric = METRICS[METRIC_OF[name]]
    return metric.pairs(next(iter(metric.select_probes(measure.probes(metric.section)))))
