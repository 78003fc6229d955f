"""The catalog's benchmark at toy size: its results are whole, and it times what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import catalog, catalog_steps
from benchmarks.made_up_project import write_project
from benchmarks.made_up_results import made_up
from landscape_catalog.catalog import build_tables, query, read_tables
from landscape_catalog.catalog.sources import current_source
from tests.stages import plan, run_stages, uses_store

CELLS = 24


def test_made_up_results_are_those_of_a_whole_experiment() -> None:
    """Five runs and ten pairs a cell where all runs converge, histories of a tenth of the runs."""
    tables = build_tables(made_up(CELLS))
    heights = {name: frame.height for name, frame in tables.items()}
    assert heights["cells"] == CELLS
    assert heights["runs"] == 5 * CELLS
    counts = tables["cells"]["n_converged"].to_list()
    assert heights["pairs"] == sum(n * (n - 1) // 2 for n in counts)
    assert max(counts) == 5
    epochs = tables["epochs"].group_by("run_id").len()
    assert set(epochs["len"]) == {150}
    assert 0 < epochs.height < heights["runs"] / 4
    missing = tables["cell_metrics"].filter(pl.col("status") == "missing")
    assert set(missing["metric"]) <= {"density"}
    assert tables["phases"]["phase_probability"].null_count() == sum(n < 3 for n in counts)
    assert tables["phases"]["phase"].n_unique() > 1
    assert not build_tables(made_up(CELLS, key=1))["phases"].equals(tables["phases"])


def test_a_made_up_project_is_finished(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with uses_store(store):
        write_project(tmp_path / "project", 4)
    assert "nothing to do" in plan(tmp_path / "project", store)
    run_stages(tmp_path / "project", store, "aggregate", "report")
    stored = read_tables(tmp_path / "project" / "data" / "catalog")
    made = build_tables(made_up(4))
    assert stored["estimates"].equals(made["estimates"])
    assert stored["experiments"]["experiment_id"].equals(made["experiments"]["experiment_id"])


@pytest.mark.slow
def test_the_benchmark_times_a_build_and_asks_it(tmp_path: Path, capsys: Any) -> None:
    found = catalog.main(["--quick", "query", "plan", "--json", str(tmp_path / "found.json")])
    assert json.loads((tmp_path / "found.json").read_text())["build"] == found["build"]
    assert found["build"]["runs"] == 5 * catalog_steps.QUICK.cells
    assert found["build"]["rows"] == sum(found["build"]["tables"].values())
    assert set(found["build"]["steps"]) == {"tables", "Parquet", "DuckDB"}
    assert found["build"]["peak_mb"] > 50
    assert {"query cold", "query warm", "file cold", "file warm", "pivot"} < set(found["query"])
    assert [one["results"] > 0 for one in found["plan"].values()] == [False, True, False, True]
    assert "40 runs" in capsys.readouterr().out


def test_the_benchmark_refuses_a_part_that_it_does_not_have() -> None:
    with pytest.raises(SystemExit):
        catalog.main(["plans"])


def test_the_naive_pivot_has_what_the_view_has(tmp_path: Path) -> None:
    """Beside each other they compute the same, for a cell of every kind."""
    from benchmarks.catalog_parts import WIDE, build, wide_in_python

    build(4, tmp_path)
    source = current_source(tmp_path / "catalog")
    wide = wide_in_python(read_tables(source.folder))
    for row in query(WIDE, sources=[source]).to_dicts():
        own = wide[row["cell_id"]]
        shared = row.keys() & own.keys()
        assert len(shared) > 100
        assert {name: own[name] for name in shared - {"reason"}} == {
            name: row[name] for name in shared - {"reason"}
        }
