"""The index: a line for each experiment, with numbers of the catalog."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from landscape_catalog.commands.other_report import report_comparing
from landscape_catalog.commands.report_index import write_index
from landscape_catalog.errors import LandscapeError
from landscape_catalog.paths import Project
from landscape_catalog.reports.page.index import COLUMNS, Entry, build_index
from tests.catalog.source_folders import GRID, identified, published, write_import, write_source
from tests.conftest import ROOT
from tests.reports.grids import Catalog

OWN = identified(GRID.tables(), "e")
NAME = "<script>alert(1)</script> & 'more'"
NOISY = Catalog(
    {"load.width": [2, 4], "temperature.batch_size": [16, 64], "load.label_noise": [0.0, 0.1]}
)


class Lines(HTMLParser):
    """The cells of each row as text, the links, and the widths of the bars."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.bars: list[list[tuple[int, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "a":
            self.links.append(known["href"] or "")
        if known.get("class") == "bar":
            self.bars.append([])
        part = re.fullmatch(r"flex-grow:(\d+);background:(#\w+)", known.get("style") or "")
        if part:
            self.bars[-1].append((int(part[1]), part[2]))

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    write_source(project.catalog, OWN)
    write_import(project, "theirs", published(OWN, "p"))
    noisy = identified(NOISY.tables(), "n")
    noisy["experiments"] = noisy["experiments"].with_columns(dataset=pl.lit(NAME))
    write_source(project.collected / "n-k", noisy, {})
    write_source(project.collected / "again", OWN, {})
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return project


def lines(project: Project) -> Lines:
    assert write_index(project.root) == "report: reports/index.html"
    return Lines((project.root / "reports" / "index.html").read_text())


def test_each_line_says_what_the_catalog_has(project: Project) -> None:
    found = lines(project)
    head, own, theirs, noisy = found.rows
    assert [name.strip() for name in head] == list(COLUMNS)
    assert own[0].endswith("current; the same as again")
    assert theirs[0] == "Published resultstheirs, imported"
    assert [own[1], own[2], own[3]] == ["made up", "resnet18", "width (3) × batch size (2)"]
    assert noisy[1] == NAME
    assert noisy[3] == "width (2) × batch size (2) × label noise (2)"
    accuracy = OWN["cell_metrics"].filter(pl.col("metric") == "test_accuracy", pl.col("n") > 0)
    best = accuracy.sort("mean", descending=True).row(0, named=True)
    cell = OWN["cells"].filter(pl.col("cell_id") == best["cell_id"]).row(0, named=True)
    phase = OWN["phases"].filter(pl.col("cell_id") == best["cell_id"])["phase"].item()
    where = f"width {cell['width']}, batch size {cell['batch_size']}, in {phase}"
    assert own[6] == f"Test accuracy {best['mean']:.4g}%{where}"


def test_a_collected_experiment_is_called_by_its_branches(project: Project) -> None:
    other = identified(Catalog({"load.width": [2, 4]}).tables(), "o")
    place = {"repository": "/elsewhere", "revision": "c" * 40, "refs": ["wide", "main"]}
    write_source(project.collected / "o-k", other, place)
    (line,) = [row for row in lines(project).rows if "o-k" in row[0]]
    assert line[0] == "Phases of training: wide, maino-k, collected"


def test_bars_are_the_cells_by_phase(project: Project) -> None:
    found = lines(project)
    counts = OWN["phases"]["phase"].value_counts()
    expected = {row["phase"]: row["count"] for row in counts.iter_rows(named=True)}
    said = dict(part.rsplit(" ", 1) for part in found.rows[1][4].split(", "))
    assert {name: int(count) for name, count in said.items()} == expected
    assert [n for n, _ in found.bars[0]] == [int(count) for count in said.values()]
    assert len({colour for _, colour in found.bars[0]}) == len(expected)


def test_sure_labels(project: Project) -> None:
    assert lines(project).rows[1][5] == "unknown"
    sure = OWN["phases"].with_columns(
        phase_probability=pl.when(pl.int_range(pl.len()) < 4).then(0.99).otherwise(0.5)
    )
    write_source(project.collected / "sure", identified({**OWN, "phases": sure}, "s"), {})
    assert [row[5] for row in lines(project).rows if "sure" in row[0]] == ["4 of 6"]


def test_links_lead_to_reports_that_exist(project: Project) -> None:
    found = lines(project)
    assert found.links == []
    assert found.rows[1][7] == "not written yet:dvc repro"
    assert found.rows[2][7] == "not written yet:landscape report --source theirs"
    for path in (project.report, project.other_report("theirs")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a report")
    found = lines(project)
    assert found.links == ["phases.html", "other/theirs.html"]
    assert all((project.root / "reports" / link).is_file() for link in found.links)


def test_comparisons_and_revisions_have_links_below(project: Project) -> None:
    index = project.root / "reports" / "index.html"
    lines(project)
    assert "Comparisons" not in index.read_text()
    report_comparing(project.root, "current", "theirs")
    page = project.other_report("feature/<b>")
    page.write_text("<html><head><title>Phases of &lt;b&gt; &amp; more</title></head></html>")
    found = lines(project)
    assert found.links == ["other/current%2Btheirs.html", "other/feature--b-.html"]
    text = index.read_text()
    assert ">current compared with theirs</a>" in text
    assert ">Phases of &lt;b&gt; &amp; more</a>" in text


def test_names_are_text(project: Project) -> None:
    page = (write_index(project.root), (project.root / "reports/index.html").read_text())[1]
    assert "<script>alert" not in page
    assert page.count("<script") == 1
    odd = build_index([Entry('a"b', "collected", problem="<i>", command="x")])
    assert "<i>" not in odd


def test_a_damaged_source_says_so(project: Project) -> None:
    path = project.imports / "theirs" / "cells.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    rows = lines(project).rows
    (damaged,) = [row for row in rows if row[0].startswith("theirs")]
    assert "is damaged; import it again" in damaged[1]
    assert len(rows) == 4


def test_the_same_catalog_gives_the_same_bytes(project: Project) -> None:
    path = project.root / "reports" / "index.html"
    write_index(project.root)
    before = path.read_bytes()
    write_index(project.root)
    assert path.read_bytes() == before
    assert b"http" not in before, "it needs no network"


def test_nothing_to_list(tmp_path: Path) -> None:
    with pytest.raises(LandscapeError, match="there is nothing to list") as error:
        write_index(tmp_path)
    assert error.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []
