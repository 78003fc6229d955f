"""Reports of results that were not computed here, and of two sources side by side."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from landscape_catalog.commands.other_report import report_comparing, report_of
from landscape_catalog.commands.phases import describe_phases
from landscape_catalog.errors import LandscapeError
from landscape_catalog.paths import Project
from landscape_catalog.reports import build_page, compared_tables, differences, sides
from landscape_catalog.reports.data.about import asked_of
from landscape_catalog.reports.data.cell_words import format_mean
from landscape_catalog.reports.data.cells import report_data
from tests.catalog.source_folders import (
    GRID,
    identified,
    published,
    write_import,
    write_source,
)
from tests.reports.grids import Catalog

OWN = identified(GRID.tables(), "e")
NOISY = identified(
    Catalog({"load.width": [2, 4, 8], "temperature.batch_size": [16, 64]}, seeds=4).tables(), "n"
)
# Of runs nothing is known, as in published tables of means.
RUN_TABLES = ("runs", "snapshots", "epochs", "estimates", "pairs", "curves", "curve_points",
              "similarities", "hessians", "densities", "probes")  # fmt: skip


def means_only() -> dict[str, pl.DataFrame]:
    tables = published(OWN, "p")
    unknown = pl.lit(None, pl.Int64)
    cells = tables["cells"].with_columns(unknown.alias("n_converged"))
    spec = json.dumps({"measure": {"snapshots": ["final"]}})
    metrics = tables["cell_metrics"].filter(pl.col("metric") != "l2_distance")
    return {
        **tables,
        **{name: tables[name].clear() for name in RUN_TABLES},
        "cells": cells,
        "cell_metrics": metrics.with_columns(pl.lit(None, pl.Float64).alias("sd")),
        "experiments": tables["experiments"].with_columns(pl.lit(spec).alias("spec")),
    }


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    write_source(project.catalog, OWN)
    write_import(project, "theirs", means_only())
    place = {"repository": "/elsewhere", "revision": "c" * 40, "refs": ["noisy <b>"]}
    write_source(project.collected / "n-k", NOISY, place)
    return project


def test_the_report_of_published_means(project: Project) -> None:
    said = report_of(project.root, "theirs")
    page = project.other_report("theirs").read_text()
    assert said == "report: reports/other/theirs.html"
    assert "<h1>Published results</h1>" in page
    assert "theirs: published by Nobody 2020" in page
    assert "only means over runs were published" in page
    assert "Training of all cells" not in page  # there is no history
    assert "<h2>Curves and training</h2>" not in page
    assert 'id="panel-l2_distance"' not in page  # which the source lacks
    assert 'id="panel-cka"' in page
    assert not project.report.exists()  # the stage's output


def test_the_report_of_what_was_collected(project: Project) -> None:
    report_of(project.root, "n-k")
    page = project.other_report("n-k").read_text()
    assert "Collected from /elsewhere, noisy &lt;b&gt;" in page
    assert "<b>" not in page.partition("<script")[0]


def test_the_report_of_the_current_experiment_names_no_source(project: Project) -> None:
    report_of(project.root, "current")
    assert "Collected from" not in project.other_report("current").read_text()


def test_two_sources_side_by_side(project: Project) -> None:
    tables = compared_tables("ours", OWN, "noisy", NOISY)
    data = report_data(tables)
    assert data.variants == ["ours", "noisy"]
    assert data.x.values == (1, 2, 4, 8)
    assert len(data.cells) == OWN["cells"].height + NOISY["cells"].height
    assert {cell["facet"] for cell in data.cells} == {"ours", "noisy"}
    # Cells that both have keep the numbers of each.
    for name, own in (("ours", OWN), ("noisy", NOISY)):
        accuracies = own["cell_metrics"].filter(pl.col("metric") == "test_accuracy")["mean"]
        found = [cell["test_accuracy"] for cell in data.cells if cell["facet"] == name]
        assert sorted(found) == pytest.approx(sorted(accuracies), rel=1e-5)
    said = report_comparing(project.root, "current", "n-k")
    page = project.other_report("current+n-k").read_text()
    assert said == "report: reports/other/current+n-k.html"
    assert "<h1>current compared with n-k</h1>" in page
    assert 'id="gain-0"' in page


def test_the_drawer_asks_the_source_of_a_cell() -> None:
    """Ids in a page of two experiments have the name of theirs in front, which no catalog has."""
    row = {"name": "the authors'"}
    assert asked_of([], None) == [{"from": 0, "option": "", "prefix": ""}]
    (alone,) = asked_of([row], None)
    assert alone == {"from": 0, "option": "--source 'the authors'\"'\"'' ", "prefix": ""}
    both = sides("current", OWN, "n-k", NOISY)
    assert asked_of([{"name": "n-k"}], both) == [
        {"from": 0, "option": "", "prefix": "current/"},
        {"from": OWN["cells"].height, "option": "--source n-k ", "prefix": "n-k/"},
    ]
    # A page may call a source by the name of its revision, which `landscape sql` does not know.
    known = {"noisy": "n-k", "HEAD": "current"}
    (revision,) = asked_of([{"name": "noisy"}], None, known)
    assert revision["option"] == "--source n-k "
    options = [one["option"] for one in asked_of([], sides("HEAD", OWN, "noisy", NOISY), known)]
    assert options == ["", "--source n-k "]
    tables = compared_tables("current", OWN, "n-k", NOISY)
    for side, own in zip(asked_of([], both), (OWN, NOISY)):
        first = tables["cells"]["cell_id"][side["from"]]
        assert first.removeprefix(side["prefix"]) == own["cells"]["cell_id"][0]
    twice = asked_of([], sides("n-k", NOISY, "n-k", NOISY))
    assert [one["option"] for one in twice] == ["--source n-k "] * 2
    assert [one["prefix"] for one in twice] == ["n-k (1)/", "n-k (2)/"]


def test_what_makes_two_sources_incomparable_is_said(project: Project) -> None:
    other = NOISY["cell_metrics"].with_columns(
        pl.when(pl.col("metric") == "cka").then(pl.lit("CKA <of logits>")).otherwise("method")
        .alias("method")
    )  # fmt: skip
    rule = {"cka": {"threshold": 0.9}}
    experiment = NOISY["experiments"].with_columns(
        pl.lit(json.dumps(rule)).alias("classify"), pl.lit("svhn").alias("dataset")
    )
    tables = {**NOISY, "cell_metrics": other, "experiments": experiment}
    thresholds, data, methods = differences("ours", OWN, "theirs", tables)
    assert "theirs: poorly connected" in thresholds
    assert "alike CKA ≥ 0.9" in thresholds
    assert "made up and svhn" in data
    assert "CKA <of logits>" in methods
    assert "top_eigenvalue" not in methods
    write_source(project.collected / "m-k", identified(tables, "m"))
    report_comparing(project.root, "current", "m-k")
    page = project.other_report("current+m-k").read_text()
    assert "CKA &lt;of logits&gt;" in page
    assert differences("a", OWN, "b", OWN) == []


def test_a_source_compared_with_itself_has_no_gain(project: Project) -> None:
    tables = compared_tables("current", OWN, "current", OWN)
    variants = json.loads(tables["experiments"]["variants"].item())
    assert variants == ["current (1)", "current (2)"]
    assert tables["runs"]["run_id"].n_unique() == 2 * OWN["runs"]["run_id"].n_unique()
    assert build_page(tables, project_report(project)).count("current (1)")


def project_report(project: Project):
    from landscape_catalog.catalog.sources import source_named

    return source_named(project, "current").report


def test_variants_keep_their_names_beside_those_of_the_source() -> None:
    several = identified(Catalog({"load.width": [1]}, variants=("base", "decay")).tables(), "v")
    tables = compared_tables("a", several, "b", OWN)
    assert json.loads(tables["experiments"]["variants"].item()) == ["a: base", "a: decay", "b"]


@pytest.mark.parametrize("names", [("nobody",), ("nobody", "current"), ("current", "../x")])
def test_unknown_sources(project: Project, names: tuple[str, ...]) -> None:
    with pytest.raises(LandscapeError, match="there are current, theirs, n-k"):
        report_of(project.root, *names) if len(names) == 1 else report_comparing(
            project.root, *names
        )
    assert not project.other_report("current").parent.exists()


def test_the_phases_of_a_source_in_words(project: Project) -> None:
    lines = describe_phases(project.root, "theirs").splitlines()
    assert lines[0].split() == ["width", "batch_size", "phase", "probability", "second", "reason"]
    assert len([line for line in lines if "mc" in line]) == OWN["cells"].height
    assert "only means over runs were published" in "\n".join(lines)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ({"mean": 1.5, "sd": None, "n": None}, "1.5"),
        ({"mean": 1.5, "sd": 0.25, "n": 5}, "1.5 ± 0.25 (sd, n = 5)"),
        ({"mean": 1.5, "sd": None, "n": 0}, "missing"),
        ({"mean": None, "sd": None, "n": None}, "missing"),
    ],
)
def test_numbers_of_which_less_is_known(number: dict, words: str) -> None:
    assert format_mean({**number, "measurement_error": None, "reason": None}) == words
