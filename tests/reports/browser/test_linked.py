"""What a reader does on the page, and what is then on the screen."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports import build_page, compared_tables, sides
from tests.browsing import cell_of, wait
from tests.reports.browser.conftest import Visit
from tests.reports.catalogs import page_of
from tests.reports.grids import Catalog

TALL = 3200  # a window in which the charts of cells are in sight: others follow when they are
PANELS = (
    "panel-test_accuracy",
    "panel-train_loss",
    "panel-mode_connectivity",
    "panel-cka",
    "panel-trace",
)


def rows_of(name: str, table: str) -> list[dict[str, Any]]:
    """A table of the page, as its scripts read it."""
    (line,) = re.findall(
        r"^(?:<script type='module'>)?const tables = (.*);$", page_of(name), re.MULTILINE
    )
    found = json.loads(line)[table]
    dictionaries = found["dictionaries"]
    return [
        {c: dictionaries[c][v] if c in dictionaries else v for c, v in zip(found["columns"], row)}
        for row in found["rows"]
    ]


def cell_at(name: str, column: int, row: int) -> dict[str, Any]:
    return next(one for one in rows_of(name, "cells") if (one["col"], one["row"]) == (column, row))


def draw(page: Any, *charts: str) -> None:
    for chart in charts:
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{chart}[data-state=drawn]")
    page.evaluate("scrollTo(0, 0)")


def click_cell(page: Any, column: float, row: float, chart: str = "phases-0") -> None:
    page.mouse.click(*cell_of(page, chart, column, row))


def framed_everywhere(page: Any, place: list[float]) -> None:
    """The cell at this place is framed in the diagram and in each panel that is drawn."""
    wait(
        page,
        """place => seen.shown().filter(id => /^(phases|panel)-/.test(id)).every(id =>
             JSON.stringify(seen.framed(id)) === JSON.stringify([place]))""",
        place,
    )


def test_hovering_shows_the_numbers_of_a_cell(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    cell = cell_at("linked", 2, 1)
    page.mouse.move(*cell_of(page, "phases-0", 0.5, 0.33))
    page.wait_for_selector("#vg-tooltip-element.visible")
    said = page.locator("#vg-tooltip-element").inner_text()
    for words in (cell["phase"], cell["test_accuracy text"], cell["cka text"], cell["room text"]):
        assert words in said
    assert re.search(r"± [\d.]+ \(sd, n = \d+\), measurement error 0\.01", said)
    thin = "seen.marks('phases-0', 'rect').filter(m => m.stroke === '#1d1d1d' && m.strokeWidth === 1.2).length"
    wait(page, f"{thin} === 1")
    page.mouse.move(5, 5)
    wait(page, f"{thin} === 0")


def test_a_click_selects_a_cell_in_the_diagram_and_in_all_panels(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    draw(page, *PANELS)
    assert page.evaluate("seen.framed('phases-0')") == []
    click_cell(page, 0.25, 0.67)
    framed_everywhere(page, [0.25, 0.67])
    assert len(page.evaluate("seen.shown().filter(id => id.startsWith('panel-'))")) >= len(PANELS)
    click_cell(page, 0.75, 0.0, "panel-cka")
    framed_everywhere(page, [0.75, 0.0])


def test_the_drawer_holds_all_that_is_known_of_a_cell(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    click_cell(page, 0.25, 0.67)
    page.wait_for_selector("#drawer-network-one svg .mark-symbol path")
    cell, runs = cell_at("linked", 1, 2), rows_of("linked", "nodes")
    own = [run for run in runs if run["i"] == cell["i"]]
    said = page.locator("#drawer").inner_text()
    for words in (cell["reason"], cell["phase"], cell["probability"], cell["trace text"], cell["set"],
                  f"{cell['set']} -S train.seeds=10", f"cell_id = '{cell['cell_id']}'", "12.5", "301", *(run["run_id"] for run in own)):  # fmt: skip
        assert words in said, words
    assert len(page.evaluate("seen.marks('drawer-network-one', 'symbol')")) == 5
    edges = page.evaluate("seen.marks('drawer-network-one', 'rule')")
    assert len(edges) == 20  # ten pairs, each a line and its ground
    assert len({edge["stroke"] for edge in edges}) > 2  # coloured by connectivity
    page.wait_for_selector("#drawer-density-one svg .mark-line path")
    assert len(page.evaluate("seen.marks('drawer-training-one', 'line')")) == 5
    lines = page.evaluate("seen.marks('drawer-curves-one', 'line')")
    assert {line["dash"] for line in lines} == {"1,0", "3,3"}  # curves and straight lines
    assert len(lines) == 20


def test_arrow_keys_move_the_selection_and_are_said(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    draw(page, "panel-cka")
    page.locator("#phases-0").focus()
    for key, place in (
        ("ArrowRight", [0, 0]), ("ArrowDown", [0, 0.33]), ("ArrowRight", [0.25, 0.33]), ("ArrowUp", [0.25, 0]),
        ("ArrowUp", [0.25, 0]), ("ArrowLeft", [0, 0]), ("ArrowLeft", [0, 0]),
    ):  # fmt: skip
        page.keyboard.press(key)
        framed_everywhere(page, place)
    cell = cell_at("linked", 0, 0)
    said = page.locator("#said").inner_text()
    assert said.startswith(f"width 1, batch size {cell['y']}: phase {cell['phase']}, probability")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "drawer"
    page.get_by_role("button", name="Pin A").press("Enter")
    page.get_by_role("button", name="Unpin A").wait_for()
    assert page.evaluate("document.activeElement.id") == "drawer"  # the focus is not lost
    page.keyboard.press("Escape")
    page.wait_for_selector("#drawer", state="hidden")
    assert page.evaluate("document.activeElement.id") == "phases-0"
    wait(page, "seen.framed('phases-0').length === 0")


@pytest.mark.slow
def test_arrow_keys_pass_gaps_and_keep_pairs_together(visit: Visit, tmp_path: Path) -> None:
    """Compared experiments have each other's values on their axes, and not all of the cells."""
    few, many = (
        Catalog({"load.width": widths, "temperature.batch_size": [16, 64]}).tables()
        for widths in ([2, 8], [2, 4, 8])
    )
    both = ("few", few, "many", many)
    path = tmp_path / "compared.html"
    path.write_text(build_page(compared_tables(*both), Report(title="both"), sides=sides(*both)))
    page = visit(path, height=TALL)
    headings = "[...document.querySelectorAll('#drawer h2')].map(one => one.textContent).join()"

    def press(chart: str, key: str, *wanted: str) -> None:
        page.locator(f"#{chart}").focus()
        page.keyboard.press(key)
        wait(page, f"wanted => {headings} === wanted", ",".join(wanted))

    draw(page, "phases-0", "difference-cka")
    click_cell(page, 0, 0)
    press("phases-0", "ArrowRight", "width 8, batch size 16, few")
    press("phases-0", "ArrowRight", "width 8, batch size 16, few")
    page.keyboard.press("Escape")
    sides_of = "width {0}, batch size {1}, few", "width {0}, batch size {1}, many"
    for key, *place in (
        ("ArrowDown", 2, 16), ("ArrowDown", 2, 64), ("ArrowRight", 8, 64), ("ArrowRight", 8, 64), ("ArrowUp", 8, 16),
    ):  # fmt: skip
        press("difference-cka", key, *(words.format(*place) for words in sides_of))
    lines = page.locator("#drawer code").all_inner_texts()
    own = {name: set(tables["cells"]["cell_id"]) for name, tables in (("few", few), ("many", many))}
    for name, cells in own.items():
        (asked,) = [line for line in lines if f"--source {name} " in line]
        assert re.search(r"cell_id = '(.*)'", asked)[1] in cells  # type: ignore[index]


def test_two_pinned_cells_stand_side_by_side(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    draw(page, "panel-cka")
    click_cell(page, 0, 0)
    page.locator("#phases-0").focus()
    page.keyboard.press("a")
    click_cell(page, 1, 1)
    page.locator("#phases-0").focus()
    page.keyboard.press("b")
    page.wait_for_function("document.querySelectorAll('#drawer .column').length === 2")
    titles = page.locator("#drawer h2").all_inner_texts()
    first, other = cell_at("linked", 0, 0), cell_at("linked", 4, 3)
    assert titles == [f"width {one['x']}, batch size {one['y']}" for one in (first, other)]
    left, right = (page.locator("#drawer .column").nth(i).bounding_box() for i in (0, 1))
    assert left["x"] + left["width"] <= right["x"]
    assert left["y"] == right["y"]
    for chart in ("phases-0", "panel-cka"):
        wait(page, "id => JSON.stringify(seen.framed(id).sort()) === '[[0,0],[1,1]]'", chart)
        assert {"A", "B"} <= set(page.evaluate("id => seen.text(id)", chart))
        assert {one["dash"] for one in page.evaluate("id => seen.frames(id)", chart)} == {"4,2"}
    page.keyboard.press("Escape")
    page.wait_for_selector("#drawer", state="hidden")
    wait(page, "seen.framed('panel-cka').length === 0 && !seen.text('phases-0').includes('A')")


def points(page: Any, chart: str) -> int:
    return len(page.evaluate("id => seen.marks(id, 'symbol')", chart))


def opacities(page: Any, chart: str) -> list[float]:
    return [one["opacity"] for one in page.evaluate("id => seen.cells(id)", chart)]


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*((a + b) / 2 for a, b in zip(start, end)))
    page.mouse.move(*end)
    page.mouse.up()


def brush_row(page: Any, chart: str = "phases-0") -> None:
    """Drag over the first row of a diagram."""
    left, right = (cell_of(page, chart, side, 0) for side in (0, 1))
    drag(page, left, (right[0], left[1] + 4))


def wait_for_brush(page: Any, words: str) -> None:
    wait(page, "words => document.getElementById('brushed').textContent === words", words)


def coordinates_of(page: Any) -> tuple[float, float, float, float]:
    """The first and the last of the coordinates in the window, and their upper and lower ends."""
    svg = "document.querySelector('#coordinates svg')"
    box = page.locator("#coordinates svg").bounding_box()
    plot = page.evaluate(f"seen.box({svg}.querySelector('.mark-line'), {svg})")
    left, right = (box["x"] + plot["x"] + side * plot["width"] / 2 for side in (-1, 1))
    top, bottom = (box["y"] + plot["y"] + side * plot["height"] / 2 for side in (-1, 1))
    return left, right, top, bottom


def test_a_brush_leaves_only_its_cells_in_the_slices(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    draw(page, "panel-cka", "slice-y-cka", "slice-y-test_accuracy")
    assert points(page, "slice-y-cka") == 20
    before = opacities(page, "panel-cka")
    brush_row(page)  # a row of five cells
    wait_for_brush(page, "5 cells in the brush")
    wait(page, "seen.marks('slice-y-cka', 'symbol').length === 5")
    wait(page, "seen.cells('panel-cka').filter(one => one.opacity === 0.25).length === 15")
    for place in (0.5, 0), (0.5, 1):  # in the brush, and beside it
        brush_row(page)
        wait_for_brush(page, "5 cells in the brush")
        page.mouse.dblclick(*cell_of(page, "phases-0", *place))
        wait_for_brush(page, "")
        wait(page, "seen.marks('slice-y-cka', 'symbol').length === 20")
        page.wait_for_timeout(400)  # longer than a double click takes
        assert page.evaluate("seen.framed('phases-0')") == []  # it selects nothing
        assert not page.locator("#drawer").is_visible()
    assert opacities(page, "panel-cka") == before


def test_a_click_in_the_brush_selects_a_cell(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    brush_row(page)
    wait_for_brush(page, "5 cells in the brush")
    click_cell(page, 0.5, 0)
    framed_everywhere(page, [0.5, 0])
    assert page.locator("#brushed").inner_text() == "5 cells in the brush"


def test_a_brush_over_coordinates(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    draw(page, "panel-cka", "coordinates")
    page.locator("#coordinates").scroll_into_view_if_needed()
    lines = page.evaluate("seen.marks('coordinates', 'line').map(one => one.opacity)")
    assert lines.count(0.85) == 20
    left, _, top, bottom = coordinates_of(page)
    drag(
        page, (left - 8, (top + bottom) / 2), (left + 12, bottom + 3)
    )  # the lower half of the first axis
    cells = rows_of("linked", "cells")
    low = sum(cell["col"] <= 2 for cell in cells)
    wait_for_brush(page, f"{low} cells in the brush")
    wait(
        page,
        "n => seen.marks('coordinates', 'line').filter(one => one.opacity === 0.85).length === n",
        low,
    )
    page.locator("#panel-cka").scroll_into_view_if_needed()
    wait(
        page,
        "n => seen.cells('panel-cka').filter(one => one.opacity === 1 && one.fill !== '#ffffff').length === n",
        low,
    )


def test_ranges_of_several_coordinates(visit: Visit) -> None:
    """Each drag adds the range of its axis; a double click clears all of them."""
    page = visit("linked", height=TALL)
    draw(page, "coordinates")
    page.locator("#coordinates").scroll_into_view_if_needed()
    left, right, top, bottom = coordinates_of(page)
    n_axes = page.locator("#coordinates svg .role-axis-label text").count()
    step = (right - left) / (n_axes - 1)
    kept = "seen.marks('coordinates', 'rule').filter(one => one.strokeWidth > 5).length"
    cells = rows_of("linked", "cells")
    places = {
        axis: sorted({cell[axis] for cell in cells}) for axis in ("col", "row")
    }  # the first two coordinates, the lower half of each
    for axis, x, n_kept in (("col", left, 1), ("row", left + step, 2)):
        drag(page, (x - 8, (top + bottom) / 2), (x + 8, bottom + 3))
        wait(page, f"n => {kept} === n", n_kept)
        halves = {
            name: {v for v in values if 2 * (v - values[0]) <= values[-1] - values[0]}
            for name, values in places.items()
        }
        rows = {v for v in places["row"] if v not in halves["row"] or axis == "col"}
        both = sum(cell["col"] in halves["col"] and cell["row"] in rows for cell in cells)
        wait_for_brush(page, f"{both} cells in the brush")
    page.mouse.click(left + step / 2, bottom + 6)
    page.wait_for_timeout(400)
    assert page.evaluate(kept) == 2  # a click leaves them
    page.mouse.dblclick(left + step / 2, bottom + 6)
    wait(page, f"{kept} === 0")
    wait_for_brush(page, "")


def test_brushes_on_the_diagrams_of_two_facets_add_up(visit: Visit) -> None:
    page = visit("rich", height=TALL)
    for facet, kept in ((0, 4), (1, 8)):
        draw(page, f"phases-{facet}")
        brush_row(page, f"phases-{facet}")  # four cells
        wait_for_brush(page, f"{kept} cells in the brush")


def test_the_dark_clears_the_brush_and_draws_the_drawer_again(visit: Visit) -> None:
    """A diagram that is drawn again has no brush that a double click could clear."""
    page = visit("linked", height=TALL)
    brush_row(page)
    wait_for_brush(page, "5 cells in the brush")
    click_cell(page, 0.25, 1)
    inks = """ink => {
      const found = [...document.querySelectorAll('#drawer svg .role-axis-label text')];
      return found.length > 0 && found.every(one => one.getAttribute('fill') === ink);
    }"""
    wait(page, inks, "#525a63")
    page.emulate_media(color_scheme="dark")
    wait(page, inks, "#aeb5bd")
    wait_for_brush(page, "")
    wait(page, "seen.framed('phases-0').length === 1")


def test_lines_along_the_other_axis(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    draw(page, "slice-y-cka")
    assert not page.locator("#slice-x-cka").is_visible()
    page.get_by_label("along width").check()
    page.wait_for_selector("#slice-x-cka[data-state=drawn]")
    assert not page.locator("#slice-y-cka").is_visible()
    titles = page.evaluate(
        "[...document.querySelectorAll('#slice-x-cka .role-axis-title text')].map(t => t.textContent)"
    )
    assert titles == ["width   (less load →)"]
    assert len(page.evaluate("seen.marks('slice-x-cka', 'line')")) == 4  # batch sizes


def test_a_panel_is_chosen_and_put_away(visit: Visit) -> None:
    page = visit("linked", height=TALL)
    assert not page.locator("#panel-norm").is_visible()
    page.get_by_text("Choose panels").click()
    page.locator("input[data-panel=norm]").check()
    draw(page, "panel-norm")
    numbers = [
        float(text)
        for text in page.evaluate("seen.text('panel-norm')")
        if re.fullmatch(r"[\d.]+", text)
    ]
    assert sorted(numbers) == pytest.approx(
        sorted(cell["norm"] for cell in rows_of("linked", "cells")), rel=1e-2
    )
    page.locator("input[data-panel=cka]").uncheck()
    assert not page.locator("#panel-cka").is_visible()


def test_the_choice_of_a_facet_switches_panels_and_slices(visit: Visit) -> None:
    page = visit("rich", height=TALL)
    draw(page, "panel-test_accuracy")
    cells = rows_of("rich", "cells")

    def shown(facet: int) -> list[str]:
        own = [cell for cell in cells if cell["f"] == facet and cell["phase"] != "NC"]
        return sorted(f"{cell['test_accuracy']:.1f}" for cell in own)

    decimals = "seen.text('panel-test_accuracy').filter(text => /^[\\d.]+$/.test(text)).sort()"
    numbers = page.evaluate(decimals)
    assert len(numbers) == len(shown(0))
    page.locator("#facet").select_option(index=3)
    wait(
        page,
        f"before => JSON.stringify({decimals}) !== before",
        json.dumps(numbers, separators=(",", ":")),
    )
    assert page.evaluate(decimals) != numbers
    draw(page, "phases-1")
    click_cell(page, 0, 0, "phases-1")
    wait(page, "document.getElementById('facet').value === '1'")
    wait(page, "JSON.stringify(seen.framed('panel-test_accuracy')) === '[[0,0]]'")
    assert page.evaluate("seen.framed('phases-0')") == []


def test_a_cell_that_is_passed_by_leaves_nothing_behind(visit: Visit) -> None:
    """The charts of the drawer belong to the cell that was selected last."""
    page = visit("linked", height=TALL)
    page.locator("#phases-0").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector("#drawer-network-one svg .mark-symbol path")
    label = page.locator("#drawer-network-one").get_attribute("aria-label")
    assert label == "Runs and pairs of width 16, batch size 16"
    assert page.locator("#drawer svg").count() == 4  # network, curves, training, spectrum


def test_cells_on_a_canvas(visit: Visit) -> None:
    """Where there are too many cells for SVG, what is chosen is seen by its pixels."""
    page = visit("large")
    picture = page.locator("#phases-0 canvas")
    box, before = picture.bounding_box(), picture.screenshot()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert re.search(r"± [\d.]+ \(sd, n = 2\)", page.locator("#vg-tooltip-element").inner_text())
    page.locator("#phases-0").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#drawer h2")
    page.keyboard.press("Escape")
    page.mouse.move(2, 2)
    page.wait_for_selector("#drawer", state="hidden")
    page.wait_for_timeout(200)
    assert picture.screenshot() == before  # unselected, it is as it was
    page.locator("#phases-0").focus()
    page.evaluate("document.activeElement.style.outline = 'none'")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    framed = page.locator("#phases-0 canvas").screenshot()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    assert page.locator("#phases-0 canvas").screenshot() != framed
