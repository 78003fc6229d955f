"""The facts of a catalog agree with SQL on its tables and views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from landscape_catalog.api.catalog import Catalog, open_catalog
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.facts import facts_of_tables, label_probabilities
from landscape_catalog.catalog.sources import source_named
from landscape_catalog.commands.imports import import_results
from landscape_catalog.errors import QueryError
from landscape_catalog.paths import Project
from tests.exchange.imports.sources import ARCHIVE, CSV, needs_published
from tests.reports.grids import Catalog as MadeUp

Finished = tuple[Path, Path]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with both published grids."""
    folder = tmp_path_factory.mktemp("published")
    for name, file in (("zhou2024", CSV), ("yang2021", ARCHIVE)):
        import_results(folder, name, file, None)
    return folder


def test_facts_of_a_finished_project(finished: Finished) -> None:
    catalog = open_catalog(finished[0])
    facts = catalog.facts()
    counted = dict(catalog.sql("SELECT phase, count(*) FROM cells GROUP BY phase").iter_rows())
    assert {one.phase: one.count for one in facts.areas[0].phases if one.count} == counted
    assert facts.best[0].value == catalog.cells["test_accuracy"].max()


@needs_published
@pytest.mark.parametrize("source", ["zhou2024", "yang2021"])
def test_peaks_are_dips_of_the_view(published: Path, source: str) -> None:
    """The size of each peak is the `dip` of its cell on a slice along the same axis."""
    catalog = open_catalog(published, source=source)
    rows = catalog.sql("SELECT axis, cell_id, dip FROM double_descent WHERE dip > 0")
    dips = {(axis, cell): dip for axis, cell, dip in rows.iter_rows()}
    found = catalog.facts().descents
    assert found
    for one in found:
        for bump in one.bumps:
            assert bump.size == pytest.approx(dips[one.axis, bump.cell_id], abs=1e-9)
        with_dip = catalog.sql(
            f"SELECT DISTINCT slice FROM double_descent WHERE axis = '{one.axis}' AND dip > 0"
        ).height
        assert len(one.bumps) <= with_dip
        assert len(one.bumps) >= 0.95 * with_dip  # T is the largest elsewhere on few lines


@needs_published
def test_the_flat_sharp_boundary_is_that_of_a_query(published: Path) -> None:
    """On each line of the published grid that changes once, the two cells beside the change."""
    catalog = open_catalog(published, source="zhou2024")
    rows = catalog.sql("""
        SELECT width, samples, batch_size, hotter FROM (
            SELECT width, samples, batch_size, phase IN ('I', 'II') AS sharp,
                lead(batch_size) OVER line AS hotter,
                lead(phase IN ('I', 'II')) OVER line AS next_sharp
            FROM cells WINDOW line AS (PARTITION BY width, samples ORDER BY batch_size DESC)
        ) WHERE sharp <> next_sharp""")
    expected = {(w, n): (float(hot), float(cold)) for w, n, cold, hot in rows.iter_rows()}
    (sharpness,) = [one for one in catalog.facts().boundaries if one.division == "sharpness"]
    found = {
        (line.settings["load.width"], line.settings["load.samples"]): line
        for line in sharpness.lines
        if line.position is not None
    }
    assert len(expected) == rows.height == 107
    assert {key: (line.low, line.high) for key, line in found.items()} == expected
    for key, line in found.items():
        assert line.position == pytest.approx(np.sqrt(np.prod(expected[key])))


@needs_published
def test_areas_of_the_published_grid_by_polars(published: Path) -> None:
    """Cells of log width x log samples x log batch size, with the edges midway between values."""
    catalog = open_catalog(published, source="zhou2024")
    cells = catalog.cells.select("width", "samples", "batch_size", "phase")
    area = pl.lit(1.0)
    for name in ("width", "samples", "batch_size"):
        values = cells[name].unique().sort().cast(pl.Float64).log()
        inner = ((values[1:] + values[:-1]) / 2).to_list()
        edges = [2 * values[0] - inner[0], *inner, 2 * values[-1] - inner[-1]]
        lengths = dict(zip(cells[name].unique().sort(), np.diff(edges).tolist()))
        area = area * pl.col(name).replace_strict(lengths)
    whole = cells.with_columns(area.alias("area")).group_by("phase").agg(pl.col("area").sum())
    expected = {row["phase"]: row["area"] / whole["area"].sum() for row in whole.to_dicts()}
    found = {one.phase: one.area for one in catalog.facts().areas[0].phases}
    assert found == pytest.approx(expected)


@needs_published
def test_facts_of_several_sources_are_refused(published: Path) -> None:
    with pytest.raises(
        QueryError, match=r"got 2 sources \(yang2021, zhou2024\); allowed: the name"
    ):
        open_catalog(published, source="all").facts()


def test_probabilities_are_those_of_the_table(finished: Finished) -> None:
    source = source_named(Project(finished[0]), "current")
    tables = source.tables()
    found = diagram_of(tables)
    given = [
        {"experiment_id": "e", "classification_id": "k", "cell_id": found.cell_ids[1],
         "phase": phase, "probability": p}
        for phase, p in (("I", 0.25), ("II", 0.75))
    ]  # fmt: skip
    rows = pl.DataFrame(given, schema=tables["phase_probabilities"].schema)
    known = label_probabilities({**tables, "phase_probabilities": rows}, found)
    assert known is not None
    np.testing.assert_array_equal(known["II"], [np.nan, 0.75, np.nan, np.nan])
    empty = {**tables, "phase_probabilities": rows.clear()}
    assert label_probabilities(empty, found) is None


def test_a_catalog_without_an_experiment_has_no_facts() -> None:
    tables = MadeUp({"load.width": [1, 2]}).tables()
    assert facts_of_tables({**tables, "experiments": tables["experiments"].clear()}).words == ()


def test_it_is_a_method_of_the_catalog() -> None:
    assert Catalog.facts.__doc__
