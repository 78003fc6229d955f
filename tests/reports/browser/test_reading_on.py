"""What stays in its place, and what is said, as a reader goes from one thing to the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.paths import Project
from landscape_catalog.reports import build_page, compared_tables, sides
from tests.browsing import cell_of, wait
from tests.reports.browser.conftest import Visit
from tests.reports.browser.test_linked import (
    TALL,
    brush_row,
    cell_at,
    click_cell,
    draw,
    wait_for_brush,
)
from tests.reports.browser.test_thresholds import move
from tests.reports.grids import Catalog

FOCUSED = "document.activeElement.id"
HEADINGS = "[...document.querySelectorAll('#drawer h2')].map(one => one.textContent)"


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    """The page of two experiments with the same axes."""
    axes = {"load.width": [2, 4, 8], "temperature.batch_size": [16, 64]}
    both = ("few", Catalog(axes).tables(), "many", Catalog(axes, seeds=4).tables())
    path = tmp_path / "compared.html"
    path.write_text(build_page(compared_tables(*both), Report(title="both"), sides=sides(*both)))
    return path


def test_what_is_said_of_a_cell_follows_moved_thresholds(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    strength = page.locator("[data-declared]")
    assert strength.is_visible()
    move(page, "cka.threshold", 0.05, 0.5)
    wait(page, "document.getElementById('moved').textContent.startsWith('Moved: CKA 0.05')")
    assert not strength.is_visible()
    slider = page.locator("input[data-setting='cka.threshold']")
    assert str(slider.get_attribute("aria-valuetext")).startswith("CKA 0.05")
    place = cell_of(page, "phases-0", 0.5, 0.33)
    page.mouse.move(*place)
    page.wait_for_selector("#vg-tooltip-element.visible")
    wait(page, "document.getElementById('vg-tooltip-element').innerText.includes('under moved')")
    told = page.locator("#vg-tooltip-element").inner_text()
    assert "probability" not in told
    assert "label changes after" not in told
    assert cell_at("linked", 2, 1)["test_accuracy text"] in told
    page.mouse.click(*place)
    said = page.locator("#said")
    wait(page, "document.getElementById('said').textContent.endsWith('under moved thresholds.')")
    page.locator("#restore").click()
    page.locator("#phases-0").focus()
    page.keyboard.press("ArrowRight")
    wait(page, "document.getElementById('said').textContent.includes('probability')")
    assert "moved" not in said.inner_text()
    assert strength.is_visible()


def test_a_comparison_says_what_does_not_follow_moved_thresholds(
    visit: Visit, compared: Path
) -> None:
    page = visit(compared)
    note = page.locator("[data-moved]")
    assert not note.is_visible()
    move(page, "cka.threshold", 0.05, 0.5)
    note.wait_for(state="visible")
    assert "hold for the declared thresholds" in note.inner_text()
    page.locator("#restore").click()
    note.wait_for(state="hidden")


def test_a_brush_shows_the_facet_that_it_is_in(visit: Visit) -> None:
    page = visit("rich", height=TALL)
    draw(page, "phases-1", "slice-y-test_accuracy")
    assert page.locator("#facet").input_value() == "0"
    brush_row(page, "phases-1")
    wait(page, "document.getElementById('facet').value === '1'")
    page.locator("#slice-y-test_accuracy").scroll_into_view_if_needed()
    wait(page, "seen.marks('slice-y-test_accuracy', 'symbol').length > 0")


@pytest.mark.parametrize("by", ["key", "button"])
def test_a_closed_drawer_leaves_the_reader_where_he_was(visit: Visit, by: str) -> None:
    page = visit("linked")
    page.locator("#panel-cka").scroll_into_view_if_needed()
    page.wait_for_selector("#panel-cka[data-state=drawn]")
    page.wait_for_timeout(300)
    click_cell(page, 0.5, 0.5, "panel-cka")
    page.wait_for_selector("#drawer h2")
    page.locator("#drawer").focus()
    top = "document.getElementById('panel-cka').getBoundingClientRect().top"
    before = page.evaluate(top)
    if by == "key":
        page.keyboard.press("Escape")
    else:
        page.get_by_role("button", name="Close").click()
    page.wait_for_selector("#drawer", state="hidden")
    assert page.evaluate(FOCUSED) == "panel-cka"
    assert page.evaluate(top) == pytest.approx(before, abs=2)


@pytest.mark.parametrize("chart", ["slice-y-cka", "coordinates"])
def test_keys_go_on_in_slices_and_coordinates(visit: Visit, chart: str) -> None:
    page = visit("linked", height=TALL)
    draw(page, chart)
    page.locator(f"#{chart}").focus()
    page.keyboard.press("ArrowRight")
    wait(page, f"{HEADINGS}.length === 1")
    page.keyboard.press("A")  # as with Caps Lock
    page.get_by_role("button", name="Unpin A").wait_for()
    page.keyboard.press("ArrowDown")
    wait(page, f"{HEADINGS}.length === 2")
    page.keyboard.press("Escape")
    page.wait_for_selector("#drawer", state="hidden")
    assert page.evaluate(FOCUSED) == chart


def test_a_click_on_a_point_of_a_slice_gives_it_the_keys(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    draw(page, "slice-y-cka")
    page.locator("#slice-y-cka svg .mark-symbol path").first.click(force=True)
    wait(page, f"{HEADINGS}.length === 1")
    assert page.evaluate(FOCUSED) == "slice-y-cka"


def test_keys_brush_a_row_and_a_column(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    click_cell(page, 0.25, 0.67)
    for key, words in (("r", "5 cells in the brush"), ("c", "4 cells in the brush"), ("c", "")):
        page.keyboard.press(key)
        wait_for_brush(page, words)
    page.keyboard.press("r")
    wait_for_brush(page, "5 cells in the brush")
    page.mouse.dblclick(*cell_of(page, "phases-0", 0.5, 0))
    wait_for_brush(page, "")


def test_a_third_cell_says_that_two_are_pinned(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    page.locator("#phases-0").focus()
    for key in ("ArrowRight", "a", "ArrowRight", "b", "ArrowRight"):
        page.keyboard.press(key)
    note = page.locator("#drawer > .warning")
    note.wait_for()
    third = cell_at("linked", 2, 0)
    assert f"width {third['x']}, batch size {third['y']} is selected" in note.inner_text()
    page.get_by_role("button", name="Unpin both").click()
    wait(page, f"{HEADINGS}.join() === 'width {third['x']}, batch size {third['y']}'")


def test_a_cell_is_seen_alone_after_a_pair(visit: Visit, compared: Path) -> None:
    page = visit(compared, height=TALL)
    draw(page, "difference-cka")
    click_cell(page, 0, 0, "difference-cka")
    wait(page, f"{HEADINGS}.length === 2")
    click_cell(page, 1, 1)
    wait(page, f"{HEADINGS}.join() === 'width 8, batch size 64, few'")


def test_two_cells_side_by_side_have_one_scale(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    ticks = """id => [...document.querySelectorAll(`#${id} .role-axis`)].at(-1).textContent"""
    page.locator("#phases-0").focus()
    for key in ("ArrowRight", "a", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "b"):
        page.keyboard.press(key)
    for chart in ("drawer-curves", "drawer-training"):
        page.wait_for_selector(f"#{chart}-A svg")
        page.wait_for_selector(f"#{chart}-B svg")
        assert page.evaluate(ticks, f"{chart}-A") == page.evaluate(ticks, f"{chart}-B")


def test_tables_are_as_wide_as_the_paper(visit: Visit) -> None:
    page = visit("linked", width=720)
    page.emulate_media(media="print")
    wide = """[...document.querySelectorAll('main table')].filter(one => one.checkVisibility())
      .map(one => one.getBoundingClientRect().right - document.body.clientWidth)"""
    found = page.evaluate(wide)
    assert len(found) > 3
    assert max(found) <= 0


def test_what_the_first_screen_folds_away_is_open_on_paper(
    visit: Visit, finished: tuple[Path, Path]
) -> None:
    page = visit(Project(finished[0]).report)
    folded = "[...document.querySelectorAll('.meaning details')].map(one => one.open)"
    assert page.evaluate(folded) == [False]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(folded) == [True]
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(folded) == [False]
