"""Claims on catalogs: the command, JSON, the Polars frame, and the section of the report."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from html import escape
from pathlib import Path

import polars as pl
import pytest

from landscape_catalog.api.catalog import Catalog as OpenedCatalog
from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog.claims import SCHEMA, claims_frame, judged_claims
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.catalog.sources import CURRENT, source_named
from landscape_catalog.commands.claims import describe_claims
from landscape_catalog.errors import MissingArtifactError, QueryError
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.paths import Project
from landscape_catalog.phases.claims import CLAIMS, judge_claims, revisions_words
from landscape_catalog.reports import build_page, compared_tables, sides
from landscape_catalog.reports.page.claims import claims_section
from tests.catalog.test_query import write_tables
from tests.reports.grids import Catalog

AXES = {
    "load.width": [1, 2, 4, 8, 16, 32],
    "temperature.batch_size": [8, 16, 32, 64, 128, 256],
}
NAMES = [claim.name for claim in CLAIMS]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose catalog is a smooth grid of 36 cells."""
    root = tmp_path_factory.mktemp("project")
    write_tables(root / "data" / "catalog", **Catalog(AXES).tables())
    return root


def test_the_command_lists_every_claim_with_its_verdict_and_why(project: Path) -> None:
    text = describe_claims(project)
    table, rule, reasons = text.split("\n\n", maxsplit=2)
    rows = table.splitlines()
    assert rows[0].split() == ["claim", "along", "effect", "interval", "unit", "verdict"]
    assert [row.split()[0] for row in rows[1:]] == NAMES
    assert "claims can be tested" in rule
    assert revisions_words() in " ".join(rule.split())
    for claim in CLAIMS:
        assert f"{claim.name}: " in reasons
        assert claim.statement in reasons
    verdicts = {row.split()[0]: row for row in rows}
    assert verdicts["width-improves-connectivity"].endswith("  supported")
    assert verdicts["pixel-noise-lowers-cka"].endswith("  cannot be tested")


def test_json_has_the_same_numbers_as_the_frame(project: Path) -> None:
    found = json.loads(describe_claims(project, as_json=True), parse_constant=refuse)
    assert found["source"] == CURRENT
    assert found["n_cells"] == 36
    frame = open_catalog(project).claims()
    assert frame["claim"].to_list() == NAMES
    assert pl.DataFrame(found["claims"], schema=SCHEMA).equals(frame)
    assert set(frame["verdict"]) <= {"supported", "not supported", "cannot be tested"}
    tested = frame.filter(pl.col("verdict") != "cannot be tested")
    assert (tested["low"] <= tested["effect"]).all()
    assert (tested["effect"] <= tested["high"]).all()
    assert tested["parts"].list.len().min() >= 1
    assert frame.filter(pl.col("verdict") == "cannot be tested")["effect"].null_count() > 0


def test_a_limit_at_the_end_of_its_range_is_a_number_like_any(
    project: Path,
) -> None:
    judged = judge_claims(diagram_of(source_named(Project(project), CURRENT).tables()))
    at_limits = [
        replace(one, parts=tuple(replace(part, low=0, high=1) for part in one.parts))
        for one in judged
    ]
    assert claims_frame(at_limits).select("low", "high").drop_nulls().unique().rows() == [(0, 1)]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def test_claims_are_judged_on_one_source(project: Path) -> None:
    source = source_named(Project(project), CURRENT)
    with pytest.raises(QueryError, match=r"claims are those of one experiment: got 2 sources"):
        OpenedCatalog(Project(project), [source, source]).claims()
    with pytest.raises(QueryError, match="there is no source"):
        describe_claims(project, "nobody")


def test_without_a_catalog(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError, match="no catalog yet"):
        describe_claims(tmp_path)


def test_a_catalog_without_an_experiment_has_no_verdicts(tmp_path: Path) -> None:
    write_tables(tmp_path / "data" / "catalog")
    assert describe_claims(tmp_path) == "No claim can be tested on this catalog."
    assert open_catalog(tmp_path).claims().is_empty()


def test_the_section_stands_before_the_provenance_and_is_deterministic() -> None:
    tables = Catalog(AXES).tables()
    page = build_page(tables, Report())
    claims, provenance = page.index("<h2>Claims of the paper"), page.index("<h2>Provenance")
    assert page.index("All cells with their phases") < claims < provenance
    section = claims_section(diagram_of(tables))
    assert section in page
    assert section == claims_section(diagram_of(Catalog(AXES).tables()))
    assert "A larger width improves connectivity." in section
    assert section.count("<details>") == 2
    assert escape(revisions_words()) in section


AXES_OF_THREE: dict[str, list[float]] = {
    "load.width": [1, 2, 4, 8, 16, 32],
    "temperature.batch_size": [8, 16, 32, 64, 128, 256],
    "temperature.lr": [0.1, 0.2, 0.3, 0.4],
}


def test_effects_along_two_axes_are_shown_one_below_the_other(tmp_path: Path) -> None:
    tables = Catalog(AXES_OF_THREE, seeds=2, epochs=1).tables()
    judged = {one.claim.name: one for one in judged_claims(tables)}
    several = [one for one in judged.values() if len(one.by_axis) > 1]
    assert several
    section = claims_section(diagram_of(tables))
    assert section.count('<span class="verdict') == sum(len(one.by_axis) for one in judged.values())
    write_tables(tmp_path / "data" / "catalog", **tables)
    rows = describe_claims(tmp_path).split("\n\n")[0].splitlines()
    place = next(i for i, row in enumerate(rows) if row.startswith(several[0].claim.name))
    for row, part in zip(rows[place:], several[0].by_axis):
        assert f"  {part.axis}  " in row
        assert part.interval in row
    frame = open_catalog(tmp_path).claims()
    along = dict(frame.select("claim", "along").iter_rows())
    assert along[several[0].claim.name] == several[0].by_axis[0].along
    assert along["hessian-insufficient"] is None


def test_the_section_is_hidden_where_nothing_can_be_tested() -> None:
    small = Catalog({"load.width": [1, 2], "temperature.batch_size": [8, 16]}).tables()
    assert claims_section(diagram_of(small)) == ""
    assert "Claims of the paper" not in build_page(small, Report())
    tables = Catalog(AXES).tables()
    both = compared_tables("one", tables, "other", tables)
    compared = sides("one", tables, "other", tables)
    assert "Claims of the paper" in build_page(tables, Report())
    assert "Claims of the paper" not in build_page(both, Report(), sides=compared)


def test_the_section_is_quick_on_a_large_grid() -> None:
    axes = {
        "load.width": list(range(1, 14)),
        "load.samples": list(range(1000, 11000, 1000)),
        "temperature.batch_size": [2**i for i in range(13)],
    }
    tables = Catalog(axes, seeds=2, epochs=1).tables()
    started = time.process_time()
    assert claims_section(diagram_of(tables))
    assert time.process_time() - started < 6  # about 1.5 on an idle machine
