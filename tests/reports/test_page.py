"""The page: its text, and that it is self-contained. What it does: tests/reports/browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from landscape_catalog.catalog import read_tables
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.phases import RULES
from landscape_catalog.reports import build_page
from tests.phases.rules import ByLoss
from tests.reports.catalogs import CATALOGS, page_of
from tests.reports.grids import Catalog

SMALL = {"load.width": [1, 2], "temperature.batch_size": [16, 32]}


@pytest.fixture
def tables(finished: tuple[Path, Path]) -> dict[str, Any]:
    return read_tables(finished[0] / "data" / "catalog")


def test_the_page_is_a_function_of_the_catalog(tables: dict[str, Any]) -> None:
    assert build_page(tables, Report()) == build_page(tables, Report())
    assert "A &lt;b&gt; title" in build_page(tables, Report(title="A <b> title"))


def test_the_page_needs_no_network(finished: tuple[Path, Path]) -> None:
    page = (finished[0] / "reports" / "phases.html").read_text()
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?https?:", page)
    assert len(page) < 3_000_000


def embedded(page: str, name: str) -> dict[str, Any]:
    """The constant `tables` or `charts` of the page's script."""
    (line,) = re.findall(rf"^(?:<script type='module'>)?const {name} = (.*);$", page, re.MULTILINE)
    return json.loads(line)


@pytest.mark.parametrize("name", CATALOGS)
def test_every_chart_has_a_slot_and_every_slot_a_chart(name: str) -> None:
    page = page_of(name)
    charts = embedded(page, "charts")
    slots = re.findall(r'<div id="([^"]+)" aria-label="[^"]+" role=[^>]* class="[^"]*chart">', page)
    of_a_cell = {one for one in charts if one.startswith("drawer-")}
    assert sorted(slots) == sorted(set(charts) - of_a_cell)
    named = set(re.findall(r'"data": \{"name": "([^"]+)"', json.dumps(charts)))
    assert named == set(embedded(page, "tables"))


def test_a_large_grid_stays_small() -> None:
    """15 x 15 cells of five seeds with a history each."""
    axes = {"load.width": list(range(1, 16)), "temperature.batch_size": list(range(16, 31))}
    page = build_page(Catalog(axes, seeds=5, epochs=150).tables(), Report())
    assert len(page.encode()) < 5_000_000
    training = embedded(page, "tables")["training"]
    assert [len(epochs) for epochs in training["dictionaries"]["epoch"]] == [40]
    losses = [row[training["columns"].index("train_loss")] for row in training["rows"]]
    assert len(losses) == 15 * 15 * 5
    assert all(len(f"{loss:.4g}") >= len(f"{loss:g}") for line in losses for loss in line)


def test_quantities_are_described_in_their_unit() -> None:
    page = page_of("text")
    assert "mode connectivity &lt; −1 nats" in page
    assert "Training loss in nats along the fitted Bezier curve" in page
    assert "of training error" not in page
    images = page_of("rich")
    assert "mode connectivity &lt; −1 % of training error" in images
    assert "Training error in % along the fitted Bezier curve" in images


@pytest.mark.parametrize(
    ("verdicts", "failed", "unknown"),
    [
        ([True, True, True, True], None, None),
        ([True, False, True, True], "1 of 4 curves", None),
        ([None, None, None, None], None, "4 of 4 curves"),
        ([False, None, False, True], "2 of 4 curves", "1 of 4 curves"),
    ],
)
def test_fits_that_may_not_have_converged_are_counted(
    verdicts: list[bool | None], failed: str | None, unknown: str | None
) -> None:
    tables = Catalog(SMALL).tables()
    verdict = pl.Series(verdicts, dtype=pl.Boolean)
    tables["curves"] = tables["curves"].with_columns(converged=verdict)
    page = build_page(tables, Report())
    begin = "Curves whose fit has not converged: "
    assert (begin in page) == (failed is not None)
    assert failed is None or f"{begin}{failed}." in page
    begin = "Curves of which it is not known whether their fit has converged: "
    assert (begin in page) == (unknown is not None)
    assert unknown is None or f"{begin}{unknown}." in page
    assert ("Faded: the fit has not converged" in page) == (False in verdicts)


def test_empty_sections_are_left_out() -> None:
    page = page_of("one cell and seed")
    assert "Slices" not in page.split("<script")[0]
    assert "Parallel coordinates" not in page.split("<script")[0]
    assert "Gain of the variants" not in page
    assert "No cell has two converged runs" in page
    rich = page_of("rich")
    assert "<h2>Slices</h2>" in rich
    assert "<h2>Gain of the variants</h2>" in rich
    assert "is well connected at" in rich


def test_curves_of_each_probe_are_collapsed() -> None:
    page = page_of("rich")
    for name, chart in (
        ("the primary one", "all-curves"),
        (r"the small\.rate\[0\] one", "all-curves-1"),
    ):
        collapsed = re.search(
            rf"<details><summary>Curves of all cells \({name}: .*?</details>", page, re.DOTALL
        )
        assert collapsed
        assert re.findall(r'id="([^"]+)"', collapsed.group()) == [chart]


def test_a_rule_without_a_table_has_no_sliders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "by_loss", ByLoss)
    tables = Catalog(SMALL, classify={"rule": "by_loss", "train_loss": 0.2}).tables()
    names = ["hot", "hot", "cold", "cold"]
    page = build_page(
        tables | {"phases": tables["phases"].with_columns(phase=pl.Series(names))}, Report()
    )
    body = page.split("<script")[0]
    assert "data-setting" not in body
    assert 'id="restore"' not in body
    assert "label changes after" not in json.dumps(embedded(page, "charts"))
    assert embedded(page, "about")["rule"] is None
    assert "data-setting" in page_of("rich").split("<script")[0]


def test_text_of_a_catalog_cannot_end_the_script() -> None:
    rich = Catalog(SMALL, similarity=("primary", "</script><!--<b>"))
    page = build_page(rich.tables(), Report())
    assert page.count("</script>") == 2
    assert "<b>" not in page.split("<script")[0]


SOURCE: dict[str, Any] = dict.fromkeys(
    (
        "format",
        "citation",
        "url",
        "file",
        "sha256",
        "repository",
        "revision",
        "refs",
        "path",
        "note",
    )
)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "the specification below in params.yaml, then: dvc repro"),
        (
            [SOURCE | {"kind": "imported", "name": "own", "format": "zhou2024", "file": "a.csv"}],
            "landscape import zhou2024 a.csv, then: landscape report --source own",
        ),
        (
            [SOURCE | {"kind": "collected", "name": "far", "revision": "1a2b3c"}],
            "git checkout 1a2b3c, then: dvc repro",
        ),
    ],
)
def test_the_provenance_says_how_to_reproduce(found: list[dict[str, Any]], words: str) -> None:
    tables = Catalog(SMALL).tables()
    assert f"<td>{words}</td>" in build_page(tables, Report(), found)
