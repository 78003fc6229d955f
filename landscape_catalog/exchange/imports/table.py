"""Anyone's grid from a CSV or Parquet file, with a map of its columns."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landscape_catalog.exchange.imports.delimited import (
    read_columns,
    read_source,
    require_columns,
)
from landscape_catalog.exchange.imports.grid import PublishedGrid, PublishedMetric, Source
from landscape_catalog.exchange.imports.parquet_columns import is_parquet, read_parquet_columns
from landscape_catalog.exchange.imports.settings import cifar_settings
from landscape_catalog.exchange.imports.table_map import TableMap, read_map
from landscape_catalog.exchange.imports.table_rows import read_cells
from landscape_catalog.exchange.imports.table_units import stored_unit
from landscape_catalog.schema.identity import checksum
from landscape_catalog.schema.tables import Row

FORMAT = "table"


def read_table(path: Path, *, columns: Path) -> PublishedGrid:
    """Read a grid.

    Args:
        path: the CSV or Parquet file.
        columns: the map of its columns, a YAML file.

    Raises:
        SpecError: if the map is invalid.
        PublishedError: if the file is not as the map says, or a cell is there twice.
    """
    chosen = read_map(columns)
    content = read_source(path)
    read = read_parquet_columns if is_parquet(content) else read_columns
    table = read(content, path.name)
    require_columns(table, _needed(chosen), path.name)
    cells = read_cells(chosen, table, path.name)
    left_out = [name for name in table if name not in _needed(chosen)]
    settings = cifar_settings(f"{chosen.citation}: {path.stem}")
    if chosen.classify is not None:
        settings["classify"] = chosen.classify.stored()
    settings["report"] = _report(chosen, settings["report"])
    return PublishedGrid(
        source=Source(
            format=FORMAT,
            sha256=hashlib.sha256(content).hexdigest(),
            file=path.name,
            citation=chosen.citation,
            url=chosen.url,
            note=chosen.note,
            stated={"map": checksum(chosen.content())},
        ),
        dataset=chosen.dataset,
        model=chosen.model,
        kind=chosen.kind,
        axes=tuple(chosen.coordinates),
        fixed=dict(chosen.fixed),
        sections={"measure": {"snapshots": ["final"]}},
        metrics=tuple(
            PublishedMetric(name, metric.method, stored_unit(name, metric.unit))
            for name, metric in chosen.metrics.items()
        ),
        cells=tuple(cells),
        performance_metric=chosen.performance_metric,
        landscape=_landscape(chosen),
        settings=settings,
        notes=(f"columns left out: {', '.join(left_out)}",) if left_out else (),
    )


def _needed(chosen: TableMap) -> list[str]:
    """Every column that the map names."""
    metrics = chosen.metrics.values()
    optional = [chosen.seed, chosen.n_runs, *(m.sd for m in metrics), *(m.n for m in metrics)]
    optional += [metric.standard_error for metric in metrics]
    named = [column for column in optional if isinstance(column, str)]
    every = [*chosen.coordinates.values(), *(m.column for m in metrics), *named, *chosen.facts]
    return list(dict.fromkeys(every))


def _landscape(chosen: TableMap) -> Row:
    if chosen.n_classes is None:
        return {}
    return {"n_classes": chosen.n_classes, "frequency_loss": math.log(chosen.n_classes)}


def _report(chosen: TableMap, usual: Mapping[str, Any]) -> dict[str, Any]:
    """The report settings: as the map says, or the first parameter of either kind on the axes."""
    if chosen.report is not None:
        return chosen.report.stored()
    found: dict[str, Any] = {"title": usual["title"]}
    for axis, section in (("x", "load."), ("y", "temperature.")):
        path = next((path for path in chosen.coordinates if path.startswith(section)), None)
        if path is not None:
            found[axis] = path
    return found
