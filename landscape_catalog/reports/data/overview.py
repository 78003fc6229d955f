"""One experiment in a line of the index: its grid, phases, sure labels, and best cell."""

from __future__ import annotations

import json
from dataclasses import dataclass

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.phases import SURE
from landscape_catalog.reports.data.cells import ReportData, report_data
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.schema.parameters import parameter
from landscape_catalog.schema.tables import Row

READ = ("experiments", "cells", "cell_metrics", "phases", "probes", "criteria")
"""The tables that an overview needs."""


@dataclass(frozen=True)
class Overview:
    """What the index says of an experiment.

    Attributes:
        title: of its report.
        dataset: its name.
        network: its name.
        axes: each axis of the grid in words, with its number of values.
        n_cells: number of cells.
        phases: name, colour and number of cells of each phase that occurs.
        sure: number of labels that are sure; None if no probability is known.
        best: the best performance with its unit; empty if there is none.
        best_at: where it lies, and in which phase.
        best_value: as a number.
    """

    title: str
    dataset: str
    network: str
    axes: tuple[str, ...]
    n_cells: int
    phases: tuple[tuple[str, str, int], ...]
    sure: int | None
    best: str
    best_at: str
    best_value: float | None


def overview(tables: Tables, settings: Report) -> Overview:
    """The line of an experiment.

    Args:
        tables: at least those in `READ`.
        settings: of its report.
    """
    experiment = tables["experiments"].row(0, named=True)
    data = report_data(tables, settings)
    names = tables["phases"]["phase"].to_list()
    known = tables["phases"]["phase_probability"].drop_nulls()
    best = data.best_of(data.cells)
    axes = [
        f"{parameter(axis['path']).title} ({len(axis['values'])})"
        for axis in json.loads(experiment["axes"])
    ]
    variants = json.loads(experiment["variants"])
    axes += [f"variants ({len(variants)})"] if len(variants) > 1 else []
    return Overview(
        title=settings.title,
        dataset=experiment["dataset"],
        network=experiment["model"],
        axes=tuple(axes),
        n_cells=len(names),
        phases=tuple(
            (phase.name, phase.colour, names.count(phase.name))
            for phase in data.rule.phases
            if phase.name in names
        ),
        sure=None if known.is_empty() else int((known >= SURE).sum()),
        best=_best_words(data, best) if best is not None else "",
        best_at=f"{data.place_words(best)}, in {best['phase']}" if best is not None else "",
        best_value=best[data.performance.metric] if best is not None else None,
    )


def _best_words(data: ReportData, best: Row) -> str:
    """The performance of a cell with its unit."""
    metric = data.performance
    unit = metric.unit if metric.unit == "%" else f" {metric.unit}"
    return f"{metric.title} {best[metric.metric]:.4g}{unit}".strip()
