"""The phase diagram of a catalog agrees with the view `cells`, cell by cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog import read_tables
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.paths import Project

Finished = tuple[Path, Path]


def test_coordinates_metrics_and_phases_are_those_of_the_view(finished: Finished) -> None:
    tables = read_tables(Project(finished[0]).catalog)
    found = diagram_of(tables)
    cells = open_catalog(finished[0]).cells.sort("position")
    assert list(found.cell_ids) == cells["cell_id"].to_list()
    assert list(found.phases) == cells["phase"].to_list()
    assert found.axes
    for axis in found.axes:
        values = found.parameter(axis.path)
        assert values is not None
        assert values.tolist() == cells[axis.name].to_list()
    for metric in ("train_loss", "test_accuracy", "top_eigenvalue", "mode_connectivity", "cka"):
        for array, column in (
            (found.means[metric], metric),
            (found.sds[metric], f"{metric}_sd"),
            (found.counts[metric], f"{metric}_n"),
        ):
            expected = cells[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
            np.testing.assert_array_equal(np.asarray(array, float), expected)


def test_cells_without_phases_have_a_diagram_too(finished: Finished) -> None:
    tables = read_tables(Project(finished[0]).catalog)
    del tables["phases"]
    assert diagram_of(tables).phases == ()
