"""Sliders: the page evaluates the rule's table as Python does, and draws what follows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from landscape_catalog.phases import Yang2021
from landscape_catalog.phases.decision_table import DecisionTable
from landscape_catalog.reports.data.about import encoded
from landscape_catalog.reports.page.embed import resource
from tests.browsing import wait
from tests.phases.rules import random_means
from tests.reports.browser.conftest import Visit
from tests.reports.browser.test_linked import TALL, rows_of
from tests.reports.catalogs import CATALOGS

N = 10_000
EVALUATE = """([table, columns, moved]) => {
  const thresholds = movedThresholds(table, moved);
  const means = Object.entries(columns).map(([name, values]) => [name, values.map(number)]);
  return Array.from({length: means[0][1].length}, (_, i) =>
    phaseFrom(table, Object.fromEntries(means.map(([name, values]) => [name, values[i]])), thresholds));
}"""


def table_of(rule: Yang2021) -> DecisionTable:
    assert rule.table is not None
    return rule.table


def test_the_page_and_python_agree_on_random_cells(browser: Any) -> None:
    """The functions of scripts/thresholds.js alone, with cells as a page has them."""
    page = browser.new_page()
    page.add_script_tag(content="const about = {rule: null};\n" + resource("scripts/thresholds.js"))
    rules = (Yang2021(), Yang2021.model_validate({"rule": "yang2021", "train_loss": None}))
    moves: tuple[dict[str, float], ...] = (
        {}, {"connectivity.tolerance": 2.5}, {"cka.threshold": 0.75, "hessian.threshold": 10.0},
    )  # fmt: skip
    for rule in rules:
        table = table_of(rule)
        means = random_means(table, N)
        columns = {name: encoded(column) for name, column in means.items()}
        written = json.loads(json.dumps([table.to_dict(), columns], allow_nan=False))
        for moved in moves:
            expected = table.phases(means, table.moved(moved))
            assert page.evaluate(EVALUATE, [*written, moved]) == expected.tolist()
            assert len(set(expected)) == 6
    page.close()


def move(page: Any, setting: str, value: float, declared: float) -> None:
    """Put a slider where it gives this value, as its thumb would be moved."""
    slider = page.locator(f"input[data-setting='{setting}']")
    slider.fill(str(round(500 + 500 * float(np.log(value / declared)) / float(np.log(20)))))


def names(page: Any, chart: str = "phases-0") -> list[str]:
    return [text for text in page.evaluate("id => seen.text(id)", chart) if text not in ("A", "B")]


def changed_frames(page: Any) -> int:
    marks = page.evaluate("seen.marks('phases-0', 'rect')")
    return sum(one["dash"] == "2,2" and one["stroke"] == "#1d1d1d" for one in marks)


def test_sliders_change_the_labels_on_the_map(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    page.locator("#panel-cka").scroll_into_view_if_needed()
    page.wait_for_selector("#panel-cka[data-state=drawn]")
    cells, rule = rows_of("linked", "cells"), Yang2021()
    outlines = "seen.marks('panel-cka', 'rule').map(one => [one.x, one.y].join()).sort()"
    before = (
        names(page),
        page.evaluate(outlines),
        page.evaluate("seen.cells('phases-0').map(o => [o.fill, o.opacity])"),
    )
    assert any("/" in name for name in before[0])  # second phases of doubtful cells
    table = table_of(rule)
    tables = CATALOGS["linked"]()
    means = {}
    for metric in dict.fromkeys(one.metric for one in table.criteria):
        own = tables["cell_metrics"].filter(metric=metric, probe="primary")
        values = dict(own.select("cell_id", "mean").iter_rows())
        means[metric] = np.array([values[cell["cell_id"]] for cell in cells])
    assert table.phases(means).tolist() == [cell["phase"] for cell in cells]

    move(page, "train_loss", 1.0, 0.05)  # to the right end: 20 times as much
    expected = table.phases(means, table.moved({"train_loss": 1.0}))
    n_changed = int(sum(expected != np.array([cell["phase"] for cell in cells])))
    assert n_changed > 3
    wait(page, "!seen.text('phases-0').some(text => text.includes('/'))")
    assert sorted(names(page)) == sorted(expected)
    assert changed_frames(page) == n_changed
    assert (
        f"Moved: training loss 1. {n_changed} of 20 labels" in page.locator("#moved").inner_text()
    )
    assert (
        "Probabilities hold for these only and are hidden." in page.locator("#moved").inner_text()
    )
    colours = {phase.name: phase.colour for phase in rule.phases}
    drawn = page.evaluate(
        "seen.cells('phases-0').filter(one => one.fill !== '#ffffff').map(o => [o.fill, o.opacity])"
    )
    assert sorted(drawn) == sorted([colours[phase], 1] for phase in expected)
    wait(page, f"before => JSON.stringify({outlines}) !== JSON.stringify(before)", before[1])
    counts = {
        row.get_attribute("data-phase"): row.inner_text()
        for row in page.locator("[data-phase]").all()
    }
    assert {name: int(count) for name, count in counts.items() if int(count)} == {
        name: expected.tolist().count(name) for name in set(expected)
    }
    page.get_by_text("Restore the declared thresholds").click()
    wait(page, "seen.text('phases-0').some(text => text.includes('/'))")
    assert sorted(names(page)) == sorted(before[0])
    wait(page, f"before => JSON.stringify({outlines}) === JSON.stringify(before)", before[1])
    after = page.evaluate("seen.cells('phases-0').map(o => [o.fill, o.opacity])")
    assert sorted(after) == sorted(before[2])
    assert changed_frames(page) == 0
    assert not page.locator("#restore").is_visible()


def test_the_drawer_says_that_thresholds_are_moved(visit: Visit) -> None:
    page = visit("linked")
    cells = rows_of("linked", "cells")
    move(page, "train_loss", 1.0, 0.05)
    page.locator("#phases-0").focus()
    page.keyboard.press("ArrowRight")
    said = page.locator("#drawer p").first.inner_text()
    assert f"declared: {cells[0]['phase']}" in said
    assert "probability" not in said
    page.get_by_text("Restore the declared thresholds").click()
    wait(page, "document.querySelector('#drawer p').innerText.includes('probability')")


def test_cka_does_not_exceed_one(visit: Visit) -> None:
    page = visit("linked")
    move(page, "cka.threshold", 10.0, 0.5)
    assert page.locator("#value-cka\\.threshold").inner_text() == "1"
