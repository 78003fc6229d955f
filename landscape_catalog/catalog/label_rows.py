"""How sure the labels of an experiment's cells are, and the table `phase_probabilities`."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from landscape_catalog.catalog.cell_estimates import CellEstimates
from landscape_catalog.catalog.shared_errors import MeanError
from landscape_catalog.metrics.registry import METRIC_OF, METRICS, QUANTITIES
from landscape_catalog.phases import (
    CellNumbers,
    LabelDistribution,
    ObservedCell,
    Rule,
    Values,
    label_distributions,
)
from landscape_catalog.phases.predictive.observed import Members
from landscape_catalog.schema.pairs import PairChoice
from landscape_catalog.schema.tables import Row

# The variance of Student's t is d/(d - 2), infinite for two degrees of freedom.
FEW_DEGREES, LARGEST_INFLATION = 3, 3.0


def label_distributions_of(
    rule: Rule,
    cells: Sequence[ObservedCell],
    numbers: Sequence[CellNumbers],
    positive: Collection[str],
) -> list[LabelDistribution]:
    """The probability of each phase for each cell, or why it is not known.

    Args:
        rule: which classifies.
        cells: of the experiment.
        numbers: by which each cell is classified.
        positive: the metrics that have no other values.
    """
    by_factors = {name for name in positive if name in QUANTITIES and QUANTITIES[name].logarithmic}
    marked = [
        replace(
            cell,
            metrics={
                name: replace(values, logarithmic=name in by_factors)
                for name, values in cell.metrics.items()
            },
        )
        for cell in cells
    ]
    return label_distributions(rule, marked, numbers)


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


def observed_cell(estimates: CellEstimates, rule: Rule, measure: Any) -> ObservedCell:
    """What the probabilities of a cell's phases follow from, except which logarithms are modelled.

    Args:
        estimates: of the cell.
        rule: which classifies.
        measure: the section `measure`.
    """
    cell = estimates.cell
    places = {run.run.run_id: i for i, run in enumerate(cell.converged)}
    found = {}
    for name in rule.drawn_metrics:
        known = estimates.known(name)
        if not known:
            continue
        of_pairs = bool(known[0]["other_run_id"])
        found[name] = Values(
            values=estimates.values(name),
            members=_same(
                tuple(
                    tuple(places[run] for run in (row["run_id"], row["other_run_id"]) if run)
                    for row in known
                )
            ),
            pairs=_pair_choice(name, measure) if of_pairs else None,
            shared_error=_shared_error(estimates.error(name)),
        )
    return ObservedCell(cell.cell.cell_id, len(cell.runs), len(cell.converged), found)


@lru_cache(maxsize=1024)
def _same(members: tuple[Members, ...]) -> tuple[Members, ...]:
    """Equal members as one object: most cells of a grid have the same."""
    return members


def is_positive(name: str, rows: Iterable[Row]) -> bool:
    """Whether a metric is positive wherever it has a value in these rows of `estimates`."""
    return all(
        row["value"] > 0 or math.isnan(row["value"]) for row in rows if row["metric"] == name
    )


def _shared_error(error: MeanError) -> float:
    """The error by shared draws, larger if it is known from few units (as Student's t is wider).

    A bound of an estimator is none, and an unknown error counts as none.
    """
    if not math.isfinite(error.shared):
        return 0.0
    degrees = error.n_units - 1
    inflation = degrees / (degrees - 2) if degrees > FEW_DEGREES else LARGEST_INFLATION
    return error.shared * math.sqrt(inflation if error.n_units else 1.0)


def _pair_choice(name: str, measure: Any) -> PairChoice:
    """Which pairs of a cell's runs the metric's primary probe measures."""
    if name not in METRIC_OF:
        return "all"  # custom metrics
    metric = METRICS[METRIC_OF[name]]
    return metric.pairs(next(iter(metric.select_probes(measure.probes(metric.section)))))
