"""The section on what the diagram shows."""

from __future__ import annotations

import re
import time
from typing import Any

import polars as pl
import pytest

from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.facts import facts_of_tables
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports.page.facts import facts_section
from landscape_catalog.reports.page.page import build_page
from tests.reports.grids import Catalog

GRID = {"load.width": [1, 2, 4, 8, 16], "temperature.batch_size": [8, 16, 32, 64, 128, 256]}


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_it_has_the_best_cell_areas_and_boundaries() -> None:
    tables = Catalog(GRID, variants=("base", "decay")).tables()
    page, facts = facts_section(tables, diagram_of(tables)), facts_of_tables(tables)
    for best in facts.best:
        assert best.words in plain(page)
    assert facts.gains[0].words in plain(page)
    for areas in facts.areas[1:]:
        counts = "".join(f"<td>{one.count}</td>" for one in areas.phases)
        assert f"<td>cells</td>{counts}" in page
    assert "<th>decay</th><th>I</th>" in page
    sharpness = next(one for one in facts.boundaries if one.division == "sharpness")
    assert f"<td>flat → sharp</td><td>batch size</td><td>{sharpness.n_changing} of 10" in page
    changing = [line for line in sharpness.lines if line.position is not None]
    assert changing
    for line in changing:
        band = f"{line.low:g} to {line.high:g}, 1 change"
        assert f'<td title="{band}">{line.position:.3g}</td>' in page


def test_it_follows_the_charts_of_cells_and_is_the_same_at_every_call() -> None:
    tables = Catalog(GRID).tables()
    first, second = (build_page(tables, Report()) for _ in range(2))
    assert first == second
    heads = re.findall("<h2>(.*?)</h2>", first)
    assert heads[heads.index("What the diagram shows") - 1] == "Slices"
    assert heads[heads.index("What the diagram shows") + 1] == "Parallel coordinates"


def test_probabilities_give_bands() -> None:
    tables = Catalog(GRID).tables()
    cells = tables["cells"]["cell_id"].to_list()
    given = [{"cell_id": cell, "phase": "II", "probability": 0.5} for cell in cells]
    given += [{"cell_id": cell, "phase": "I", "probability": 0.5} for cell in cells]
    schema = tables["phase_probabilities"].schema
    rows_of = [{name: row.get(name) for name in schema} for row in given]
    tables["phase_probabilities"] = pl.DataFrame(rows_of, schema=schema)
    assert "<td>cells, fresh runs</td><td>11 to 19</td><td>11 to 19</td>" in facts_section(
        tables, diagram_of(tables)
    )


@pytest.mark.parametrize(
    "axes",
    [
        {"load.width": [4]},
        {"load.width": [1, 2], "load.extra.activation": ["<b>", "tanh"]},
        {"temperature.lr": [0.01, 0.02, 0.04]},
    ],
)
def test_small_grids_are_drawn_and_escaped(axes: dict[str, Any]) -> None:
    tables = Catalog(axes).tables()
    page = facts_section(tables, diagram_of(tables))
    assert "What the diagram shows" in page
    assert "<b>" not in page


def test_it_is_hidden_if_nothing_can_be_said() -> None:
    tables = Catalog(GRID).tables()
    tables["phases"] = tables["phases"].clear()
    tables["cell_metrics"] = tables["cell_metrics"].clear()
    assert facts_section(tables, diagram_of(tables)) == ""


def test_a_large_grid_takes_less_than_three_seconds() -> None:
    axes = {
        "load.width": [2**i for i in range(13)],
        "load.samples": [1000 * i for i in range(1, 11)],
        "temperature.batch_size": [8 * i for i in range(1, 14)],
    }
    tables = Catalog(axes, epochs=1, seeds=2).tables()
    start = time.process_time()
    facts_section(tables, diagram_of(tables))
    assert time.process_time() - start < 3
