"""The last sections of the page: the table of cells, and the provenance of the results."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import polars as pl

from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.page.markup import collapsible, hint, section, table, text
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted


def cells_section(data: ReportData) -> str:
    """A table with one row per cell: its parameters, its phase and the reason."""
    columns = ["x", "y", "facet", "phase", "reason", "note"]
    head = [data.x.path, data.y.path, "facet", "phase", "reason", "note"]
    if len(data.facets) == 1:
        columns.remove("facet")
        head.remove("facet")
    if not any(cell["note"] for cell in data.cells):
        columns.remove("note")
        head.remove("note")
    rows = [tuple(cell[column] for column in columns) for cell in data.cells]
    inner = table(rows, head=tuple(head))
    return section(collapsible("All cells with their phases and reasons", inner))


def provenance_section(tables: Tables, found: Sequence[Row] = ()) -> str:
    """Ids, content hashes, software, hardware and methods, and where the results come from.

    Args:
        tables: the catalog.
        found: where results that were not computed here come from: rows of the table `sources`.
    """
    experiment = tables["experiments"].row(0, named=True)
    data = tables["landscapes"].select("data_id", "content_hash").unique().sort("data_id")
    machine = ("torch", "device", "cpu")
    runs = tables["runs"].group_by(machine).len().sort(machine).rows()
    rows = [
        ("experiment", experiment["experiment_id"]),
        ("classification", experiment["classification_id"]),
        *_found(found),
        *_again(found),
        *[
            (f"data {data_id}", f"content {content}")
            for data_id, content in data.iter_rows()
            if content is not None
        ],
        *[
            (counted(n, "run"), f"torch {torch}, {device}, {cpu}")
            for torch, device, cpu, n in runs
            if torch is not None
        ],
        *_methods(tables),
    ]
    words = (
        "Ids are hashes of specifications: equal ids mean equal experiments. Method: Yang et al. "
        "(2021), Taxonomizing local versus global structure in neural network loss landscapes."
    )
    spec = json.dumps(json.loads(experiment["spec"]), indent=2)
    return section(
        "<h2>Provenance</h2>",
        hint(words),
        f'<div class="hashes">{table(rows)}</div>',
        collapsible("Specification of the experiment", f"<pre>{text(spec)}</pre>"),
    )


def _found(found: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Every place in which the results were found."""
    for row in found:
        parts = ("format", "citation", "url", "file", "sha256", "repository", "revision", "refs")
        words = [f"{part} {row[part]}" for part in (*parts, "path") if row[part] is not None]
        if words:
            yield f"{row['kind']} as {row['name']}", ", ".join(words)


def _again(found: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """The commands that give these results again."""
    if not found:
        yield "to reproduce", "the specification below in params.yaml, then: dvc repro"
    for row in found:
        if row["kind"] == "imported":
            first = f"landscape import {row['format']} {row['file'] or 'FILE'}"
            words = f"{first}, then: landscape report --source {row['name']}"
        else:
            words = f"git checkout {row['revision'] or 'REVISION'}, then: dvc repro"
        yield f"to reproduce {row['name']}", words


def _methods(tables: Tables) -> list[tuple[str, str]]:
    """The estimator of each metric, one row per probe."""
    probes = tables["probes"].sort("position")
    counts = dict(probes.group_by("metric").agg(pl.len()).iter_rows())
    return [
        (
            row["metric"] + (f", {row['title']}" if counts[row["metric"]] > 1 else ""),
            f"{row['method']}; {_parameters(row['parameters'])}",
        )
        for row in probes.iter_rows(named=True)
    ]


def _parameters(written: str) -> str:
    known = json.loads(written)
    return ", ".join(
        f"{k.replace('_', ' ')} {v}" for k, v in known.items() if k != "name" and v is not None
    )
