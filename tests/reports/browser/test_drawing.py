"""Every chart of every catalog is drawn, offline and without a word on the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.catalog import read_tables
from tests.browsing import cell_of, draw_all, wait
from tests.reports.browser.conftest import Visit
from tests.reports.catalogs import CATALOGS

EMPTY = """[...document.querySelectorAll('.chart')].filter(one => !one.querySelector('canvas, '
  + '.mark-rect path, .mark-line path, .mark-symbol path, .mark-rule line')).map(one => one.id)"""
NARROW = "document.documentElement.scrollWidth <= innerWidth"


def test_a_finished_project_in_a_browser(visit: Visit, finished: tuple[Path, Path]) -> None:
    tables = read_tables(finished[0] / "data" / "catalog")
    page = visit(finished[0] / "reports" / "phases.html")
    assert {"phases-0", "panel-test_accuracy", "panel-l2_distance", "all-training"} <= set(
        draw_all(page)
    )
    found = {"?" if name == "unclassified" else name for name in tables["phases"]["phase"]}
    assert found <= set(page.evaluate("seen.text('phases-0')"))


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=pytest.mark.slow if one == "large" else ()) for one in CATALOGS],
)
def test_every_chart_is_drawn_and_the_page_is_as_wide_as_the_window(
    visit: Visit, name: str
) -> None:
    page = visit(name)
    assert page.evaluate(NARROW)
    slots = draw_all(page)
    assert slots
    if name != "nothing converged":
        assert page.evaluate(EMPTY) == []
    for width in (1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(50)
        assert page.evaluate(NARROW), (name, width, page.evaluate(WIDE))


WIDE = """[...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth
  && !one.closest('.wide')).slice(0, 5).map(one => one.tagName + '.' + one.className + '#' + one.id)"""


def test_charts_say_what_they_are(visit: Visit) -> None:
    """To screen readers, of which the drawing itself is hidden."""
    page = visit("one row")
    draw_all(page)
    labels = page.evaluate(
        "[...document.querySelectorAll('.chart')].map(one => [one.role, one.ariaLabel, "
        "one.querySelector('svg').getAttribute('aria-hidden')])"
    )
    assert ["application", "Phase diagram; the arrow keys move between cells", "true"] in labels
    assert ["img", "Training loss by epoch, one chart per cell", "true"] in labels
    assert {role for role, _, _ in labels} == {"application", "img"}
    assert not [label for _, label, _ in labels if "Vega" in label]


def test_variants_probes_and_facets(visit: Visit) -> None:
    page = visit("rich")
    slots = set(draw_all(page))
    assert {
        "gain-0",
        "gain-1",
        "best-0",
        "slice-y-trace",
        "slice-x-cka",
        "panel-cka_probe_1",
        "all-curves-1",
    } <= slots
    for slot in (
        "phases-0",
        "phases-3",
        "panel-cka",
        "panel-mode_connectivity_probe_1",
        "panel-test_accuracy_best_test",
    ):
        assert "NC" in page.evaluate("id => seen.text(id)", slot), slot


@pytest.mark.slow
def test_names_are_written_where_they_fit(visit: Visit) -> None:
    """In the narrow cells of a phone, a second phase does not fit; in tiny ones, nothing does."""
    page = visit("linked")
    two_lines = (
        "seen.marks('phases-0', 'text').filter(m => m.opacity > 0 && m.text.includes('/')).length"
    )
    assert page.evaluate(two_lines) > 0
    page = visit("large")
    draw_all(page)
    shot = page.locator("#phases-0 canvas")
    assert shot.count() == 1  # beyond some hundred marks, a canvas is faster


def test_colours_of_phases_are_the_same_in_the_dark(visit: Visit) -> None:
    looks = {}
    for dark in (False, True):
        page = visit("linked", dark=dark)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        looks[dark] = (
            ground,
            page.evaluate("seen.cells('phases-0').map(one => [one.fill, one.opacity])"),
        )
        ticks = page.evaluate(
            "[...document.querySelectorAll('#phases-0 .role-axis-label text')].map(one => one.getAttribute('fill'))"
        )
        assert set(ticks) == {"#aeb5bd" if dark else "#525a63"}
    assert looks[False][1] == looks[True][1]
    assert looks[False][0] != looks[True][0]


def test_a_reader_who_turns_the_lights_off_sees_the_charts_again(visit: Visit) -> None:
    page = visit("one row")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "document.querySelector('#phases-0 .role-axis-label text')?.getAttribute('fill') === '#aeb5bd'"
    )
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 22, 25)"


SLOWLY = """() => {
  const embed = window.vegaEmbed;
  window.alive = document.querySelectorAll(".chart[data-state=drawn]").length;
  window.vegaEmbed = async (...given) => {
    await new Promise(later => setTimeout(later, 400));
    const found = await embed(...given), end = found.view.finalize;
    window.alive += 1;
    found.view.finalize = (...more) => { window.alive -= 1; return end.apply(found.view, more); };
    return found;
  };
}"""


def test_lights_that_flicker_leave_each_chart_once(visit: Visit) -> None:
    """A switch while a chart is being drawn draws it again when it is done."""
    page = visit("one row", height=600)
    page.wait_for_function("!document.querySelector('.chart[data-state=drawing]')")
    page.evaluate(SLOWLY)
    first = page.locator(".chart[data-state=drawn]").count()
    for scheme in ("dark", "light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(100)  # the page is told of it
    page.wait_for_function(
        """[...document.querySelectorAll('.chart[data-state]')].every(one =>
             one.dataset.state === 'drawn' && one.querySelectorAll('svg').length === 1 &&
             [...one.querySelectorAll('.role-axis-label text')].every(text =>
               text.getAttribute('fill') === '#aeb5bd'))"""
    )
    page.wait_for_timeout(1500)
    drawn = page.locator(".chart[data-state=drawn]").count()
    assert drawn >= first
    # Those that were there at first end unseen; of the others each but the last has ended.
    assert page.evaluate("alive") == first + drawn


def test_print_draws_everything(visit: Visit) -> None:
    page = visit("one row")
    drawn = "document.querySelectorAll('.chart[data-state=drawn]').length"
    before, all_of_them = page.evaluate(drawn), page.locator(".chart").count()
    assert before < all_of_them
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(f"{drawn} === {all_of_them}")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".sliders").is_visible()


@pytest.mark.parametrize("dark", (False, True))
def test_on_paper_charts_are_whole_and_dark_on_white(visit: Visit, dark: bool) -> None:
    """Charts have the width of the screen, which is wider than paper."""
    page = visit("linked", dark=dark)
    draw_all(page)
    page.emulate_media(media="print")
    page.evaluate(
        "document.querySelector('main').style.width = '700px'"
    )  # the window stays as it is
    cut = """[...document.querySelectorAll('.chart')].filter(one => one.checkVisibility() &&
      one.querySelector('svg, canvas').getBoundingClientRect().right
        > one.getBoundingClientRect().right + 1).map(one => one.id)"""
    assert page.evaluate(cut) == []
    colours = page.evaluate(
        "[document.querySelector('h1'), document.querySelector('#phases-0 .role-axis-title text')]"
        ".map(one => [getComputedStyle(one).color, getComputedStyle(one).fill])"
    )
    assert colours[0][0] == colours[1][1] == "rgb(34, 38, 43)"


def test_the_drawer_says_which_lines_are_straight_and_can_always_be_closed(visit: Visit) -> None:
    page = visit("linked", width=390, height=800)
    page.mouse.click(*cell_of(page, "phases-0", 0, 0))
    wait(page, "document.querySelectorAll('#drawer-curves-one .role-legend-symbol').length === 2")
    symbols = page.evaluate(
        "[...document.querySelectorAll('#drawer-curves-one .role-legend-symbol path')].map(one => "
        "[one.getAttribute('stroke'), one.getAttribute('stroke-dasharray')])"
    )
    assert symbols == [["#22262b", "1,0"], ["#22262b", "3,3"]]
    page.evaluate("document.getElementById('drawer').scrollTop = 1e6")
    place = page.get_by_role("button", name="Close").bounding_box()
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.wait_for_selector("#drawer", state="hidden")


def contents(page: Any) -> str:
    return str(page.evaluate("document.body.innerText"))


def test_names_are_text_everywhere(visit: Visit) -> None:
    """A name that is markup is shown as it is: on the page, in tooltips and in the drawer."""
    page = visit("evil names")
    draw_all(page)
    assert "<img src=x" in contents(page)
    place = cell_of(page, "phases-0", 0, 0)
    page.mouse.move(*place)
    page.wait_for_function("document.querySelector('#vg-tooltip-element.visible')")
    assert "<img src=x" in page.locator("#vg-tooltip-element").inner_text()
    page.mouse.click(*place)
    page.wait_for_selector("#drawer h2")
    page.keyboard.press("a")
    assert "<img src=x" in page.locator("#drawer").inner_text()
    page.locator("#facet").select_option(index=1)
    page.wait_for_timeout(100)
    assert page.locator("img").count() == 0
    assert page.evaluate("document.body.dataset.hurt") is None
