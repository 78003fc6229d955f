"""Classifies the cells of tables that were stored without phases: published results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import polars as pl

from landscape_catalog.catalog.cell_rows import (
    DOUBTED,
    criterion_rows,
    phase_row,
    unfinished_metrics,
)
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.label_rows import probability_rows
from landscape_catalog.catalog.tables import TABLES, frame_of
from landscape_catalog.catalog.thresholds import stored_thresholds
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import (
    CellNumbers,
    ObservedCell,
    Resolved,
    Rule,
    Values,
    doubtful_flat,
    label_distributions,
)
from landscape_catalog.schema.identity import identify, recipes
from landscape_catalog.schema.strict_json import readable_json
from landscape_catalog.schema.tables import Row

Tables = Mapping[str, pl.DataFrame]
NO_RUNS = "only means over runs were published, and nothing says how runs vary"
READ = ("experiments", "cells", "cell_metrics", "estimates", "runs")
"""The tables that classification reads."""


def classification_id(experiment_id: str, rule: Rule) -> str:
    """The id of an experiment's cells under a rule with its thresholds.

    For thresholds that are `auto` it hashes this word and the recipe by which they are found.
    """
    content = {"experiment": experiment_id, "classify": rule.stored()}
    found = ("auto_thresholds",) if rule.is_automatic else ()
    return identify("classification", content, recipes("phases", *found))


def classified(tables: Tables, rule: Rule) -> dict[str, pl.DataFrame]:
    """The tables with the phases, probabilities and criteria that a rule gives.

    The rule goes by the means in `cell_metrics`; thresholds that are `auto` are found from them
    first, and the probabilities of labels hold them fixed. How sure a label is follows from the
    runs and pairs in `estimates`; where there are none it is unknown, and the phase says why.

    Args:
        tables: of one experiment; at least those in `READ`.
        rule: the phase rule with its thresholds.
    """
    experiment = tables["experiments"].row(0, named=True)
    ids = {
        "experiment_id": experiment["experiment_id"],
        "classification_id": classification_id(experiment["experiment_id"], rule),
    }
    resolved = rule.resolved(diagram_of(tables)) if rule.is_automatic else Resolved(rule)
    declared, rule = rule, resolved.rule
    cells = tables["cells"].sort("position").rows(named=True)
    values = _values(tables, rule)
    numbers = _numbers(tables, rule, cells, values)
    observed = [_observed(cell, values.get(cell["cell_id"], {})) for cell in cells]
    distributions = label_distributions(rule, observed, numbers)
    verdicts = [rule.classify(cell) for cell in numbers]
    doubts = doubtful_flat(
        rule,
        [verdict.phase for verdict in verdicts],
        [cell.mean("train_loss") for cell in numbers],
    )
    phases: list[Row] = []
    unfinished = _statuses(tables, rule)
    for cell, own, verdict, found, doubtful in zip(cells, numbers, verdicts, distributions, doubts):
        remarks = unfinished_metrics(rule, unfinished.get(cell["cell_id"], []))
        row = phase_row(rule, own, verdict, found, doubtful, remarks)
        row["probability_reason"] = _unknown_because(
            rule, own, values.get(cell["cell_id"], {}), row["probability_reason"]
        )
        phases.append({**ids, "cell_id": cell["cell_id"], **row})
    cell_ids = [cell["cell_id"] for cell in cells]
    rows = {
        "phases": phases,
        "phase_probabilities": list(probability_rows(cell_ids, distributions, ids)),
        "criteria": list(criterion_rows(rule, numbers, ids)),
    }
    named = tables["experiments"].with_columns(
        pl.lit(ids["classification_id"]).alias("classification_id"),
        pl.lit(readable_json(declared.stored())).alias("classify"),
        pl.lit(stored_thresholds(resolved.found)).alias("thresholds"),
    )
    found_tables = {name: frame_of(TABLES[name], rows[name]) for name in rows}
    return {**tables, "experiments": named, **found_tables}


def _unknown_because(
    rule: Rule, cell: CellNumbers, values: Members, reason: str | None
) -> str | None:
    """Why a probability is unknown, where it is so since only means were published."""
    if reason is None or not values:
        return reason if values else NO_RUNS
    only_means = [m for m in rule.metrics if m not in values and not math.isnan(cell.mean(m))]
    if not only_means:
        return reason
    return f"{only_means[0]} is known for the cell only, and nothing says how it varies over runs"


Members = dict[str, list[tuple[tuple[str, ...], float]]]  # metric -> its runs, and the value


def _values(tables: Tables, rule: Rule) -> dict[str, Members]:
    """By cell: the values of each metric for converged runs and their pairs."""
    metrics = {*rule.metrics, *rule.pair_metrics, *DOUBTED}
    excluded = tables["runs"].filter(pl.col("status") == "NC")["run_id"].implode()
    known = tables["estimates"].filter(
        pl.col("metric").is_in(list(metrics)),
        pl.col("probe") == PRIMARY,
        pl.col("value").is_not_null(),
        ~pl.col("run_id").is_in(excluded),
        ~pl.col("other_run_id").is_in(excluded),
    )
    columns = ("cell_id", "metric", "run_id", "other_run_id", "value")
    found: dict[str, Members] = {}
    for cell, metric, run, other, value in known.select(columns).iter_rows():
        members = tuple(filter(None, (run, other)))
        found.setdefault(cell, {}).setdefault(metric, []).append((members, value))
    return found


def _statuses(tables: Tables, rule: Rule) -> dict[str, list[Row]]:
    """By cell: the status of every estimate of the metrics that decide."""
    deciding = tables["estimates"].filter(pl.col("metric").is_in(list(rule.metrics)))
    rows = deciding.select("cell_id", "metric", "probe", "status").rows(named=True)
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["cell_id"], []).append(row)
    return found


def _numbers(
    tables: Tables, rule: Rule, cells: Sequence[Row], values: Mapping[str, Members]
) -> list[CellNumbers]:
    """The numbers by which each cell is classified."""
    primary = tables["cell_metrics"].filter(
        pl.col("probe") == PRIMARY, pl.col("mean").is_not_null()
    )
    rows = primary.select("cell_id", "metric", "mean").sort("cell_id").iter_rows()
    means = {
        cell: {metric: mean for _, metric, mean in own}
        for cell, own in groupby(rows, key=lambda row: row[0])
    }
    return [
        CellNumbers(
            n_runs=_n_runs(cell),
            n_converged=_n_converged(cell),
            means=means.get(cell["cell_id"], {}),
            pairs={
                metric: [value for _, value in known]
                for metric, known in values.get(cell["cell_id"], {}).items()
            },
        )
        for cell in cells
    ]


def _n_runs(cell: Row) -> int:
    return int(cell["n_runs"] or 0)


def _n_converged(cell: Row) -> int:
    """The runs that have converged: all, if nothing is known about it."""
    n = cell["n_converged"]
    return _n_runs(cell) if n is None else int(n)


def _observed(cell: Row, values: Members) -> ObservedCell:
    runs = sorted({run for known in values.values() for members, _ in known for run in members})
    places = {run: i for i, run in enumerate(runs)}
    return ObservedCell(
        cell["cell_id"],
        _n_runs(cell),
        _n_converged(cell),
        {metric: _with_places(metric, known, places) for metric, known in values.items()},
    )


def _with_places(
    metric: str, known: list[tuple[tuple[str, ...], float]], places: Mapping[str, int]
) -> Values:
    of_pairs = any(len(members) > 1 for members, _ in known)
    quantity: Any = QUANTITIES.get(metric)
    positive = all(value > 0 and math.isfinite(value) for _, value in known)
    return Values(
        values=tuple(value for _, value in known),
        members=tuple(tuple(places[run] for run in members) for members, _ in known),
        pairs="all" if of_pairs else None,
        logarithmic=bool(quantity and quantity.logarithmic and positive),
    )
