"""The catalog's tables of a published grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from landscape_catalog.catalog.tables import LOAD, TABLES, TEMPERATURE, frame_of
from landscape_catalog.exchange.imports.cell_rows import metric_rows
from landscape_catalog.exchange.imports.grid import PublishedCell, PublishedGrid
from landscape_catalog.exchange.imports.run_rows import add_run_rows
from landscape_catalog.schema.identity import identify
from landscape_catalog.schema.strict_json import readable_json
from landscape_catalog.schema.tables import Row

FACT = "published."  # begins the keys of a cell's other facts in the column `extra`
_COLUMNS = {f"load.{name}": name for name, *_ in LOAD} | {
    f"temperature.{name}": name for name, *_ in TEMPERATURE
}


class Ids:
    """The ids of what a source holds: hashes of its format, recipe, SHA-256 and coordinates.

    The name under which it is imported has no part in them.
    """

    def __init__(self, grid: PublishedGrid, recipe: int) -> None:
        source = grid.source
        self._content: dict[str, Any] = {"format": source.format, "sha256": source.sha256}
        if source.stated:
            self._content["stated"] = dict(source.stated)
        self._recipes = {f"import.{source.format}": recipe}

    def experiment(self) -> str:
        """Of all of it."""
        return identify("experiment", self._content, self._recipes)

    def of(self, kind: str, coordinates: Mapping[str, Any], **more: Any) -> str:
        """Of a cell, landscape or run."""
        content = self._content | {"coordinates": dict(coordinates)} | more
        return identify(kind, content, self._recipes)


def tables_of(grid: PublishedGrid, recipe: int) -> dict[str, pl.DataFrame]:
    """Every table of the catalog, sorted, with the columns declared in `TABLES`.

    The tables of phases are empty: imports are classified when they are read.

    Args:
        grid: what was read.
        recipe: number of the importer's recipe.
    """
    ids = Ids(grid, recipe)
    keys = {"experiment_id": ids.experiment()}
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    rows["experiments"] = [keys | _experiment_row(grid)]
    rows["probes"] = [
        keys | {"position": i, **vars(probe), "parameters": readable_json(dict(probe.parameters))}
        for i, probe in enumerate(grid.probes)
    ]
    landscapes: dict[str, Row] = {}
    for position, cell in enumerate(grid.ordered_cells):
        cell_id = ids.of("cell", cell.coordinates)
        run_ids = {run.seed: ids.of("run", cell.coordinates, seed=run.seed) for run in cell.runs}
        load = {path: value for path, value in cell.coordinates.items() if _is_load(path)}
        landscape_id = ids.of("landscape", load)
        landscapes.setdefault(landscape_id, _landscape_row(grid, cell, landscape_id))
        of_cell = keys | {"cell_id": cell_id}
        row = {"landscape_id": landscape_id, "position": position} | _cell_row(grid, cell)
        rows["cells"].append(of_cell | row)
        rows["cell_metrics"] += [of_cell | row for row in metric_rows(grid, cell)]
        add_run_rows(rows, grid, cell, cell_id, run_ids)
    rows["landscapes"] = list(landscapes.values())
    return {name: frame_of(table, rows[name]) for name, table in TABLES.items()}


def _is_load(path: str) -> bool:
    return path.startswith("load.")


def _experiment_row(grid: PublishedGrid) -> Row:
    units = {metric.key: metric.unit for metric in grid.metrics}
    runs = [cell.n_runs for cell in grid.cells]
    values = {path: grid.values(path) for path in grid.axes}
    axes = [{"path": path, "values": of_axis} for path, of_axis in values.items()]
    return {
        "dataset": grid.dataset,
        "model": grid.model,
        "kind": grid.kind,
        "connectivity_unit": units.get(("mode_connectivity", "primary")),
        "n_cells": len(grid.cells),
        "n_runs": None if None in runs else sum(n for n in runs if n is not None),
        "axes": readable_json([axis for axis in axes if len(axis["values"]) > 1]),
        "variants": readable_json(["base"]),
        "spec": readable_json(_spec(grid, values)),
        "performance_metric": grid.performance_metric,
    }


def _spec(grid: PublishedGrid, values: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The sections of an experiment, as far as they are known."""
    spec: dict[str, Any] = {
        "dataset": {} if grid.dataset is None else {"name": grid.dataset},
        "model": {} if grid.model is None else {"name": grid.model},
        "load": {},
        "temperature": {},
        "train": {},
        "measure": {},
    }
    listed = {path: of_axis if len(of_axis) > 1 else of_axis[0] for path, of_axis in values.items()}
    for path, value in {**listed, **grid.fixed}.items():
        section, *within, name = path.split(".")
        target = spec[section]
        for part in within:
            target = target.setdefault(part, {})
        target[name] = value
    for section, known in grid.sections.items():
        spec[section] |= known
    return spec


def _cell_row(grid: PublishedGrid, cell: PublishedCell) -> Row:
    known = {**grid.fixed, **cell.coordinates}
    own = {path: value for path, value in known.items() if path not in _COLUMNS}
    extra = own | {f"{FACT}{name}": value for name, value in cell.facts.items()}
    judged = bool(cell.runs) and all(run.judged for run in cell.runs)
    return {
        "variant": "base",
        **{column: known.get(path) for path, column in _COLUMNS.items()},
        "lr_in_effect": known.get("temperature.lr"),
        "extra": readable_json(extra, sort_keys=True),
        "n_runs": cell.n_runs,
        "n_converged": len(cell.converged) if judged else None,
    }


def _landscape_row(grid: PublishedGrid, cell: PublishedCell, landscape_id: str) -> Row:
    known = {**grid.fixed, **cell.coordinates}
    own = {path for path in known if _is_load(path) and path not in _COLUMNS}
    extra = {path.rsplit(".", 1)[-1]: known[path] for path in sorted(own)}
    return {
        "landscape_id": landscape_id,
        "dataset": grid.dataset,
        "model": grid.model,
        **{name: known.get(f"load.{name}") for name, *_ in LOAD},
        "extra": readable_json(extra, sort_keys=True),
        "n_parameters": cell.n_parameters,
        **grid.landscape,
    }
