"""What stands beside the sentences at the top of the page."""

from __future__ import annotations

import re

import polars as pl

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports import build_page
from landscape_catalog.reports.data.metric_columns import Tables
from tests.reports.grids import Catalog


def head(tables: Tables, **more: list[str]) -> str:
    page = build_page(tables, Report(title="A title"), **more)
    found = re.search(r"<header>.*?</header>", page, re.S)
    assert found is not None
    return found[0]


def tables(converged: bool | None = True, **phases: bool) -> Tables:
    found = Catalog({"load.width": [1, 2, 4]}).tables()
    columns = [pl.lit(value).alias(name) for name, value in phases.items()]
    return {
        **found,
        "phases": found["phases"].with_columns(columns),
        "curves": found["curves"].with_columns(pl.lit(converged, pl.Boolean).alias("converged")),
    }


def test_several_warnings_are_named_in_one_line() -> None:
    text = head(tables(converged=False, ambiguous=True))
    assert (
        "<summary>2 things to bear in mind: 3 cells with an ambiguous sign of mode connectivity; "
        "3 of 3 curves not converged</summary>" in text
    )
    assert "Curves whose fit has not converged: 3 of 3 curves." in text
    places = "; ".join(f"width {width}, batch size 128" for width in (1, 2, 4))
    assert f"the sign of mode connectivity is ambiguous: 3 ({places})." in text


def test_one_warning_stands_by_itself() -> None:
    text = head(tables(converged=None))
    assert "<summary>" not in text
    assert "it is not known whether their fit has converged: 3 of 3 curves." in text


def test_nothing_to_bear_in_mind() -> None:
    text = head(tables())
    assert "warning" not in text
    assert "to bear in mind" not in text


def test_remarks_come_first() -> None:
    text = head(tables(ambiguous=True), remarks=["Their <data> differ."])
    assert "2 things to bear in mind: differences in method; 3 cells with an ambiguous" in text
    assert text.index("Their &lt;data&gt; differ.") < text.index("Cells in which the sign")


def test_what_to_train_next_is_left_out_if_there_is_nothing() -> None:
    assert "What to train next" in head(tables())  # three seeds are too few
    assert "What to train next" not in head(Catalog({"load.width": [1, 2]}, seeds=5).tables())
