"""Thresholds that are `auto`: found when tables are classified, stored, and used everywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.made_up_results import made_up
from benchmarks.planted_grids import planted_grid
from landscape_catalog.catalog import (
    ExperimentResult,
    build_rows,
    build_tables,
    read_tables,
    table_rows,
)
from landscape_catalog.catalog.classification import classification_id, classified
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.sources import source_named
from landscape_catalog.catalog.summary import summary_metrics
from landscape_catalog.catalog.thresholds import found_thresholds, rule_in_effect
from landscape_catalog.commands.phases import describe_phases
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.paths import Project
from landscape_catalog.phases import Yang2021
from landscape_catalog.pipeline.aggregate.stage import run_aggregate
from landscape_catalog.reports import build_page
from landscape_catalog.reports.compared import differences
from landscape_catalog.schema.identity import RECIPES
from tests.catalog.source_folders import published, write_import
from tests.reports.grids import Catalog

SECTION: dict[str, Any] = {
    "connectivity": {"tolerance": "auto"},
    "hessian": {"threshold": "auto"},
    "cka": {"threshold": "auto"},
    "train_loss": "auto",
}
RULE = Yang2021.model_validate(SECTION)
ALL_FLAT = Yang2021.model_validate({**SECTION, "hessian": {"threshold": 1e3}, "train_loss": 3.0})
ASSIGNED = ("phases", "phase_probabilities", "criteria")


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    """The tables of a grid with a planted boundary, for which means alone are known."""
    diagram = planted_grid(501).diagram
    grid = Catalog({axis.path: list(axis.values) for axis in diagram.axes}).tables()
    cells = grid["cells"]["cell_id"]
    planted = pl.concat(
        pl.DataFrame({"cell_id": cells, "metric": name, "planted": values})
        for name, values in diagram.means.items()
    )
    metrics = grid["cell_metrics"].join(planted, on=["cell_id", "metric"], how="left")
    columns = grid["cell_metrics"].columns
    metrics = metrics.with_columns(mean=pl.coalesce("planted", "mean")).select(columns)
    return {**grid, "cell_metrics": metrics, "estimates": grid["estimates"].clear()}


def test_what_is_found_is_stored_and_classifies(tables: dict[str, pl.DataFrame]) -> None:
    found = classified(tables, RULE)
    experiment = found["experiments"].row(0, named=True)
    resolved = RULE.resolved(diagram_of(tables))
    assert json.loads(experiment["classify"]) == {**RULE.stored()}
    assert json.loads(experiment["classify"])["hessian"]["threshold"] == "auto"
    assert found_thresholds(experiment) == resolved.found
    assert [one.name for one in resolved.found if not one.fallback][:2] == [
        "train_loss",
        "hessian.threshold",
    ]
    assert rule_in_effect(experiment) == resolved.rule
    numeric = classified(tables, resolved.rule)
    for name in ASSIGNED:
        same = [column for column in numeric[name].columns if column != "classification_id"]
        assert_frame_equal(found[name].select(same), numeric[name].select(same))
    assert json.loads(numeric["experiments"]["thresholds"].item()) == []


def test_the_rule_is_found_again_from_tables_with_phases(tables: dict[str, pl.DataFrame]) -> None:
    once = classified(tables, RULE)
    twice = classified(once, RULE)
    for name in once:
        assert_frame_equal(once[name], twice[name])


def test_ids_hash_auto_and_its_recipe_but_not_what_is_found(
    tables: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    numeric = RULE.resolved(diagram_of(tables)).rule
    ids = {classification_id("e", rule) for rule in (RULE, numeric, Yang2021())}
    assert len(ids) == 3
    assert (
        classification_id("e", RULE)
        == classified(tables, RULE)["experiments"]["classification_id"].item()
    )
    assert classification_id("e", RULE) == "11357c30ab963c36"
    assert classification_id("e", Yang2021()) == "58920c93798ba900"
    before = classification_id("e", RULE), classification_id("e", Yang2021())
    monkeypatch.setitem(RECIPES, "auto_thresholds", RECIPES["auto_thresholds"] + 1)
    assert classification_id("e", RULE) != before[0]
    assert classification_id("e", Yang2021()) == before[1]


def test_the_report_and_the_summary_say_what_is_in_effect(tables: dict[str, pl.DataFrame]) -> None:
    found = classified(tables, RULE)
    page = build_page(found, Report())
    loss, hessian = found_thresholds(found["experiments"].row(0, named=True))[:2]
    assert f"training loss &gt; {loss.value:g} nats" in page
    assert f"Hessian top eigenvalue &gt; {hessian.value:g}" in page
    assert f"train_loss: {loss.value:g} ({loss.low:g} to {loss.high:g}), found: a joint" in page
    counts = summary_metrics(found)["phases"]
    assert sum(counts.values()) == found["cells"].height
    other = classified(tables, Yang2021())
    assert "Found from the grid" in page
    assert "Found from the grid" not in build_page(other, Report())
    (words,) = differences("a", found, "b", other)
    assert f"Hessian top eigenvalue > {hessian.value:g}" in words
    assert "Hessian top eigenvalue > 76" in words


def test_an_import_is_classified_by_what_its_grid_shows(
    tables: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    project = Project(tmp_path)
    settings = "classify: " + json.dumps(SECTION).replace('"', "") + "\nreport: {title: x}\n"
    write_import(project, "planted", published(tables, "p"), settings)
    source = source_named(project, "planted")
    stored = source.tables()
    experiment = stored["experiments"].row(0, named=True)
    assert source.ids == ("p", experiment["classification_id"])
    assert source.ids[1] == classification_id("p", RULE)
    loss = found_thresholds(experiment)[0]
    assert stored["criteria"].filter(pl.col("metric") == "train_loss")["threshold"].item() == (
        loss.value
    )
    lines = describe_phases(tmp_path, "planted").splitlines()
    at = lines.index("Thresholds found from the grid:")
    assert lines[at + 1] == f"train_loss: {loss.words}"
    assert [line.partition(":")[0] for line in lines[at + 1 : at + 5]] == [
        "train_loss",
        "hessian.threshold",
        "connectivity.tolerance",
        "cka.threshold",
    ]


def test_own_results_are_classified_when_all_cells_are_known(
    fresh_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny grid has too few temperatures: every threshold falls back, and says so."""
    folder, store = fresh_copy
    monkeypatch.setenv("LANDSCAPE_STORE", str(store))
    params = folder / "params.yaml"
    text = params.read_text()
    section = text[text.index("classify:") : text.index("report:")]
    params.write_text(text.replace(section, f"classify: {json.dumps(SECTION)}\n"))
    run_aggregate(folder)
    tables = read_tables(Project(folder).catalog)
    experiment = tables["experiments"].row(0, named=True)
    found = found_thresholds(experiment)
    assert [one.fallback for one in found] == [True] * 4
    assert [one.value for one in found] == [0.05, 76.0, 1.0, 0.5]
    assert experiment["classification_id"] == classification_id(experiment["experiment_id"], RULE)
    again = classified(tables, RULE)
    for name in ("experiments", *ASSIGNED):
        assert_frame_equal(again[name], tables[name])
    assert "no line along temperature.batch_size" in describe_phases(folder)
    assert np.isfinite(tables["criteria"]["threshold"].to_numpy()).all()


def with_auto(cells: int) -> ExperimentResult:
    """Made-up results, whose training losses and Hessians are smooth, classified as flat."""
    result = made_up(cells)
    return replace(result, experiment=result.experiment.model_copy(update={"classify": ALL_FLAT}))


def test_own_results_have_the_thresholds_of_their_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found from the rows when all cells have been read, in memory and on disk."""
    tables = build_tables(with_auto(24))
    found = {one.name: one for one in found_thresholds(tables["experiments"].row(0, named=True))}
    assert "standard errors of mc in" in found["connectivity.tolerance"].reason
    assert not found["connectivity.tolerance"].fallback
    again = classified(tables, ALL_FLAT)
    assert_frame_equal(again["experiments"], tables["experiments"])
    assert again["phases"]["phase"].to_list() == tables["phases"]["phase"].to_list()
    assert again["criteria"]["threshold"].to_list() == tables["criteria"]["threshold"].to_list()
    monkeypatch.setattr(table_rows, "AT_ONCE", 20)
    monkeypatch.setattr(table_rows, "IN_MEMORY", 100)
    on_disk = build_rows(with_auto(24), tmp_path)
    for name, rows in on_disk.items():
        assert_frame_equal(rows.frame(), tables[name])
