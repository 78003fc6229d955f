"""The report takes phases, colours and thresholds from the rule that classified the cells."""

from __future__ import annotations

import polars as pl
import pytest

from landscape_catalog.catalog import TABLES
from landscape_catalog.catalog.summary import summary_metrics
from landscape_catalog.catalog.tables import frame_of
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.phases import RULES, Yang2021
from landscape_catalog.reports.charts import maps
from landscape_catalog.reports.data.cells import report_data
from landscape_catalog.reports.data.gain import best_over_temperatures
from landscape_catalog.reports.page.page import build_page
from tests.phases.rules import ByLoss
from tests.reports.grids import Catalog

AXES = {"load.width": [2, 4, 8], "temperature.batch_size": [16, 32]}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, pl.DataFrame]:
    """A catalog classified by another rule: one cell is NC, one hot, four are cold."""
    monkeypatch.setitem(RULES, "by_loss", ByLoss)
    found = Catalog(
        AXES, ("base", "other"), classify={"rule": "by_loss", "train_loss": 0.2}
    ).tables()
    names = ["NC", "hot"] + ["cold"] * (found["phases"].height - 2)
    return found | {"phases": found["phases"].with_columns(phase=pl.Series(names))}


def test_another_rule_is_drawn_as_it_describes_itself(tables: dict[str, pl.DataFrame]) -> None:
    data = report_data(tables)
    assert data.rule == ByLoss(train_loss=0.2)
    chart = maps.phase_diagram(data).to_dict()
    text = str(chart)
    for phase in data.rule.phases:
        assert phase.name in text
        assert phase.colour in text
    assert "IV-B" not in text
    assert {(cell["phase"], cell["white"]) for cell in data.cells if cell["strength"] == 1} == {
        ("NC", True)
    }
    page = build_page(tables, Report())
    assert "<td>training loss &gt; 0.2 nats</td>" in page
    assert "What decides" not in page  # the rule lists no criteria
    for phase in data.rule.own_phases:
        assert phase.meaning in page
    for phase in Yang2021.own_phases:
        assert phase.meaning not in page
    assert summary_metrics(tables)["phases"] == {
        "cold": tables["phases"].height - 2, "hot": 1, "NC": 1, "unclassified": 0,
    }  # fmt: skip


def test_a_rule_without_connectivity_marks_no_connected_load(
    tables: dict[str, pl.DataFrame],
) -> None:
    assert best_over_temperatures(report_data(tables), "").connected_from is None


def test_the_page_says_what_decides() -> None:
    tables = Catalog(AXES).tables()
    row = {
        "position": 0, "criterion": "a < b", "metric": "cka", "relation": ">", "threshold": 0.5,
        "changed_without": 11, "changed_at_75": 12, "changed_at_90": 13, "changed_at_110": 14,
        "changed_at_125": 15,
    }  # fmt: skip
    tables["criteria"] = frame_of(TABLES["criteria"], [row])
    page = build_page(tables, Report())
    assert "How many of the 6 labels change" in page
    assert "<th>without</th><th>−25%</th><th>−10%</th><th>+10%</th><th>+25%</th>" in page
    assert "".join(f"<td>{value}</td>" for value in ("a &lt; b", 11, 12, 13, 14, 15)) in page
