"""The index in a real browser: sorting by mouse and keyboard, a phone, and the dark scheme."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.reports.data.overview import Overview
from landscape_catalog.reports.page.index import Entry, build_index
from tests.browsing import chromium

PHASES = (("I", "#b8402c", 1), ("IV-B", "#1b8a63", 3))
NAMES = ["beta", "alpha", "gamma"]


def entry(name: str, n_cells: int, sure: int | None, best: float | None) -> Entry:
    words = "" if best is None else f"Test accuracy {best}%"
    known = Overview(
        name, "digits", "resnet18", ("width (2)", "batch size (2)"), n_cells, PHASES, sure, words,
        "width 8, in IV-B", best,
    )  # fmt: skip
    return Entry(name, "collected", known, command=f"landscape report --source {name}")


ENTRIES = [
    entry("beta", 100, 50, 9.5),
    entry("alpha", 20, None, 87.0),
    entry("gamma", 4, 4, None),
    Entry("broken", "imported", problem="cells.parquet is damaged"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def opened(browser: Any, folder: Path, **how: Any) -> tuple[Any, list[str]]:
    (folder / "index.html").write_text(build_index(ENTRIES))
    page = browser.new_context(offline=True, **how).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"file://{folder}/index.html")
    return page, said


def order(page: Any) -> list[str]:
    """Names of the experiments as they stand one below the other."""
    heads = page.query_selector_all("tbody th")
    assert [one.bounding_box()["y"] for one in heads] == sorted(
        one.bounding_box()["y"] for one in heads
    )
    return [one.inner_text().split("\n")[0] for one in heads]


def test_headings_sort(browser: Any, tmp_path: Path) -> None:
    """Numbers as numbers; lines without a value stay last in both directions."""
    page, said = opened(browser, tmp_path)
    assert order(page) == [*NAMES, "broken"]
    for heading, rising in {
        "Experiment": ["alpha", "beta", "broken", "gamma"],
        "Grid": ["gamma", "alpha", "beta", "broken"],
        "Best cell": ["beta", "alpha"],
        "Sure labels": ["alpha", "beta", "gamma", "broken"],
    }.items():
        page.click(f"thead >> text={heading}")
        assert order(page)[: len(rising)] == rising, heading
        assert page.locator("[aria-sort]").count() == 1
        page.click(f"thead >> text={heading}")
        last = ["broken"] if rising[-1] == "broken" else []
        falling = [name for name in rising[::-1] if name not in last]
        assert order(page)[: len(falling)] == falling, heading
        assert page.locator("[aria-sort=descending]").inner_text().startswith(heading)
    assert said == []


def test_the_keyboard_sorts(browser: Any, tmp_path: Path) -> None:
    page, _ = opened(browser, tmp_path)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert order(page) == ["alpha", "beta", "broken", "gamma"]
    page.keyboard.press("Space")
    assert order(page) == ["gamma", "broken", "beta", "alpha"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(scheme: str, browser: Any, tmp_path: Path) -> None:
    how = {"viewport": {"width": 390, "height": 800}, "color_scheme": scheme}
    page, said = opened(browser, tmp_path, **how)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(244, 245, 247)") == (scheme == "light")
    (bar, *_) = page.query_selector_all(".bar")
    first, second = (part.bounding_box() for part in bar.query_selector_all("span"))
    assert second["width"] == pytest.approx(3 * first["width"], abs=3)
    colour = bar.query_selector("span").evaluate("e => getComputedStyle(e).backgroundColor")
    assert colour == "rgb(184, 64, 44)"
    assert said == []
