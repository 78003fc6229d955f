"""Static figures: numbers, phases and sizes as they are found in the files."""

from __future__ import annotations

import itertools
import math
import re
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landscape_catalog.errors import QueryError
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports.data.cells import ReportData, report_data
from landscape_catalog.reports.data.colour_scale import ColourScale, colour_scale
from landscape_catalog.reports.data.colours import faded
from landscape_catalog.reports.figures.choice import PHASES, chosen_panels, chosen_slices
from landscape_catalog.reports.figures.figure import figure_bytes, figure_svg, layout_of
from landscape_catalog.reports.figures.layout import arranged
from landscape_catalog.reports.figures.lines import slice_svg
from landscape_catalog.reports.figures.style import PAPER, POINTS, SINGLE, STYLES, Style
from landscape_catalog.reports.figures.type import FAMILY, fitting, text_width
from tests.reports.grids import Catalog
from tests.reports.svg import Text, placed, rectangles, tag, texts

WIDTHS, BATCHES = [1, 2, 4, 8], [16, 64, 256]
AXES: dict[str, list[Any]] = {"load.width": WIDTHS, "temperature.batch_size": BATCHES}
FIGURE_2 = [
    "Test accuracy", "Training loss", "Hessian top eigenvalue", "Hessian trace",
    "Mode connectivity", "CKA similarity", "L2 distance", "Phases of training",
]  # fmt: skip


def of(catalog: Catalog, report: Report | None = None) -> ReportData:
    return report_data(catalog.tables(), report or Report())


def drawn(data: ReportData, *names: str, style: Style = SINGLE) -> str:
    return figure_svg(data, chosen_panels(data, names, Report(), primary=True), style)


@pytest.fixture(scope="module")
def data() -> ReportData:
    return of(Catalog(AXES))


@pytest.fixture(scope="module")
def paper(data: ReportData) -> str:
    return drawn(data, style=PAPER)


def words(svg: str) -> list[str]:
    return [one.words for one in texts(svg)]


# Content


def edges(values: Sequence[float]) -> list[float]:
    """Geometric means of neighbours, and the outermost cells symmetric, as fractions."""
    logs = [math.log(value) for value in values]
    inner = [(one + other) / 2 for one, other in itertools.pairwise(logs)]
    every = [2 * logs[0] - inner[0], *inner, 2 * logs[-1] - inner[-1]]
    return [(edge - every[0]) / (every[-1] - every[0]) for edge in every]


def centres(data: ReportData, name: str) -> Iterator[tuple[dict[str, Any], float, float]]:
    """Where each cell is in a figure of one panel.

    Smaller batches are hotter, and above; wider networks are at the right.
    """
    layout = layout_of(data, chosen_panels(data, [name], Report()), SINGLE)
    across, down, place = edges(WIDTHS), edges(BATCHES), layout.places[0]
    for cell in data.cells:
        i, j = WIDTHS.index(int(cell["x"])), BATCHES.index(int(cell["y"]))
        x = place.x + layout.frame.width * (across[i] + across[i + 1]) / 2
        yield cell, x, place.y + layout.frame.height * (down[j] + down[j + 1]) / 2


def near(svg: str, x: float, y: float) -> list[str]:
    """The texts that are centred at a place."""
    return [t.words for t in texts(svg) if abs(t.x - x) < 1 and abs(t.y - y) < t.size]


@pytest.mark.parametrize(("name", "form"), [("test_accuracy", ".1f"), ("cka", ".2f")])
def test_numbers_are_those_of_the_catalog(name: str, form: str, data: ReportData) -> None:
    svg = drawn(data, name)
    for cell, x, y in centres(data, name):
        assert near(svg, x, y) == [f"{cell[name]:{form}}"]


def test_each_cell_has_the_colour_and_name_of_its_phase(data: ReportData) -> None:
    svg = drawn(data, "phases")
    colours = {phase.name: phase.colour for phase in data.rule.phases}
    cells = rectangles(svg)
    assert len({cell["phase"] for cell in data.cells}) >= 3
    for cell, x, y in centres(data, "phases"):
        found = [one.colour for one in cells if one.covers(x, y)]
        assert found == [faded(colours[cell["phase"]], cell["strength"])], cell
        assert near(svg, x, y) == [cell["phase"]]


def test_a_doubtful_cell_names_both_phases() -> None:
    tables = Catalog(AXES).tables()
    tables["phases"] = tables["phases"].with_columns(
        phase_probability=pl.lit(0.6), second_phase=pl.lit("II")
    )
    shown = words(drawn(report_data(tables, Report()), "phases"))
    assert shown.count("II") >= len(WIDTHS) * len(BATCHES)
    assert sum(one.endswith(" /") for one in shown) == len(WIDTHS) * len(BATCHES)


def test_the_paper_layout_has_the_panels_of_figure_2_in_its_order(paper: str) -> None:
    titles = [one for one in words(paper) if re.match(r"\([a-z]\) ", one)]
    assert [one[:3] for one in titles] == [f"({letter})" for letter in "abcdefgh"]
    assert all(one[4:].startswith(name) for one, name in zip(titles, FIGURE_2, strict=True))


def test_thresholds_are_marked(data: ReportData) -> None:
    marked = {"train_loss": 1, "top_eigenvalue": 1, "mode_connectivity": 2, "cka": 1, "trace": 0}
    for name, count in marked.items():
        (panel,) = chosen_panels(data, [name], Report())
        scale = colour_scale(data, panel)
        assert scale is not None
        assert len(scale.marks) == count
        assert words(drawn(data, name)).count("▲") == count
    assert "76" in words(drawn(data, "top_eigenvalue"))


def test_the_axes_are_labelled_once_in_each_direction(paper: str) -> None:
    shown = words(paper)
    assert all(shown.count(str(width)) == PAPER.columns for width in WIDTHS[1:])
    assert all(shown.count(str(size)) == 2 for size in BATCHES)  # two rows of panels
    assert shown.count("width (less load →)") == shown.count("batch size (↑ hotter)") == 1


def test_facets_are_columns() -> None:
    noises = [0.0, 0.1, 0.2]
    data = of(Catalog({**AXES, "load.label_noise": noises}))
    svg = drawn(data, "phases", "cka", style=PAPER)
    headings = [one for one in texts(svg) if one.words.startswith("label noise")]
    assert [one.words for one in headings] == [f"label noise {n:g}" for n in noises] * 2
    assert len({one.x for one in headings}) == 3
    assert len({one.y for one in headings}) == 2
    cells = [one for one in rectangles(svg) if one.height < 60 and one.width > 5.7]
    assert len(cells) >= 2 * 3 * len(WIDTHS) * len(BATCHES)


@pytest.mark.parametrize("name", ['<b>&"x"', "ünï → Ω", "a" * 300])
def test_any_name_is_shown_as_text(name: str) -> None:
    data = of(Catalog(AXES, variants=("base", name)))
    shown = words(drawn(data, "phases"))
    assert (name in shown) == (len(name) < 20)
    assert any(one[:3] == name[:3] for one in shown)


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
def test_long_values_leave_room_for_the_map(style: Style) -> None:
    long = ["a schedule with a very long name, " * 2 + name for name in ("one", "two")]
    axes = {"load.extra.schedule": long, "temperature.extra.kind": long}
    data = of(Catalog(axes))
    for svg in (drawn(data, "cka", style=style), slice_of(data, "slice-y-cka")):
        assert any(one.words.startswith("a schedule") for one in texts(svg))
        assert all(text_width(one.words, one.size) < 0.8 * style.width for one in texts(svg))
        rows: dict[float, list[Text]] = {}
        for one in texts(svg):
            if one.words.startswith("a sch") and one.anchor == "middle":
                rows.setdefault(one.y, []).append(one)
        for row in rows.values():
            for one, other in itertools.pairwise(sorted(row, key=lambda found: found.x)):
                half = (text_width(one.words, one.size) + text_width(other.words, one.size)) / 2
                assert other.x - one.x > 0.9 * half
    assert arranged(data, 1, style).frame.width > style.width / 2


def test_degenerate_grids() -> None:
    one = of(Catalog({"load.width": [8], "temperature.batch_size": [64]}))
    assert f"{one.cells[0]['test_accuracy']:.1f}" in words(drawn(one, style=PAPER))
    none = of(Catalog(AXES, not_converged=lambda cell: True))
    shown = words(drawn(none, style=PAPER))
    assert shown.count("NC") == 8 * len(none.cells) + 1  # and once in the legend


def test_numbers_of_many_cells_are_left_out_and_not_hidden() -> None:
    many = of(Catalog({"load.width": list(range(1, 31)), "temperature.batch_size": [8, 16]}))
    svg = drawn(many, "test_accuracy")
    assert len(rectangles(svg)) >= 60
    shown = [one for one in words(svg) if re.fullmatch(r"\d+\.\d", one)]
    assert 3 < len(shown) < 15  # the colour bar, and the wide cells at the left
    assert not re.search(r'<text[^>]*opacity="0"', svg)


# Type and size


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
def test_one_font_that_can_be_read_within_the_image(style: Style, data: ReportData) -> None:
    svg = drawn(data, style=style)
    root = ElementTree.fromstring(svg)
    assert root.get("width") == f"{style.width:g}pt"
    height = float((root.get("height") or "").removesuffix("pt"))
    found = texts(svg)
    assert {one.family for one in found} == {FAMILY}
    assert min(one.size for one in found if one.words) >= 6
    assert not [element for element in root.iter() if tag(element) == "image"]
    for one in found:
        wide = 0.0 if one.turned else text_width(one.words, one.size)
        left = {"start": one.x, "middle": one.x - wide / 2, "end": one.x - wide}[one.anchor]
        assert left > -2, one
        assert left + wide < style.width + 2, one
        assert 0 < one.y < height, one


def test_titles_of_panels_do_not_overlap(paper: str) -> None:
    titles = [one for one in texts(paper) if re.match(r"\([a-z]\) ", one.words)]
    for _, row in itertools.groupby(titles, key=lambda one: one.y):
        ends: list[Text] = list(row)
        for one, other in itertools.pairwise(ends):
            assert one.x + text_width(one.words, one.size) < other.x


@given(st.text(min_size=1, max_size=80), st.floats(20, 200), st.floats(6, 12))
def test_a_fitting_title_fits(title: str, width: float, size: float) -> None:
    assert (
        text_width(fitting(title, width, size), size) <= width or fitting(title, width, size) == "…"
    )


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 40), st.sampled_from([SINGLE, PAPER]))
def test_maps_do_not_overlap(n_panels: int, n_facets: int, n_rows: int, style: Style) -> None:
    axis = SimpleNamespace(labels=["0.05"] * n_rows, values=[0.05] * n_rows)
    layout = arranged(SimpleNamespace(y=axis, facets=["f"] * n_facets), n_panels, style)  # type: ignore[arg-type]
    frame, places = layout.frame, layout.places
    assert [(p.panel, p.facet) for p in places] == list(
        itertools.product(range(n_panels), range(n_facets))
    )
    for one, other in itertools.combinations(places, 2):
        beside = abs(one.x - other.x) >= frame.width + 3
        under = abs(one.y - other.y) >= frame.height + 3
        assert beside or under
    assert all(frame.left <= p.x and p.x + frame.width <= style.width for p in places)
    assert all(p.y + frame.height + frame.below <= layout.height for p in places)
    for column in {p.x for p in places}:  # the lowest map of each column has labels
        lowest = max((p for p in places if p.x == column), key=lambda p: p.y)
        assert lowest.labels_x


@given(
    st.floats(-100, 100), st.floats(0.01, 100), st.floats(0, 1), st.sampled_from([None, 0.5, 2.0])
)
def test_places_on_a_colour_bar(low: float, span: float, part: float, linear_to: Any) -> None:
    scale = ColourScale((low, low + span), None, (), 0, linear_to)
    value = low + part * span
    assert scale.place(low) == pytest.approx(0, abs=1e-9)
    assert scale.place(low + span) == pytest.approx(1)
    assert -1e-9 <= scale.place(value) <= 1 + 1e-9
    if linear_to is None:
        assert scale.place(value) == pytest.approx(part, abs=1e-6)


# Files


def test_ids_are_unique_and_none_is_missing(paper: str) -> None:
    ids = [e.get("id") for e in ElementTree.fromstring(paper).iter() if e.get("id")]
    assert len(ids) == len(set(ids)) >= 7  # a gradient for each metric
    assert set(re.findall(r"url\(#([^)]+)\)", paper)) <= set(ids)


def test_equal_catalogs_give_equal_bytes(data: ReportData, paper: str) -> None:
    """The renderer counts its ids on and on, and writes lists of a PDF in any order."""
    doubtful = of(Catalog(AXES, unconverged_metrics=("mode_connectivity", "cka")))
    first = drawn(doubtful, style=PAPER)
    drawn(data, "trace")
    assert drawn(doubtful, style=PAPER) == first
    for form in ("svg", "pdf", "png"):
        assert len({figure_bytes(first, form) for _ in range(5)}) == 1, form
    assert drawn(of(Catalog(AXES)), style=PAPER) == paper


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
def test_a_pdf_has_its_size_its_font_and_no_image(style: Style, data: ReportData) -> None:
    pdf = figure_bytes(drawn(data, "cka", "phases", style=style), "pdf")
    (box,) = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert float(box[0]) == pytest.approx(style.width)
    assert set(re.findall(rb"/BaseFont /[A-Z]{6}\+(\S+)", pdf)) == {b"LiberationSans"}
    assert pdf.count(b"/FontFile2") == 1
    assert b"begincmap" in pdf, "the text can be searched and copied"
    assert b"/Subtype /Image" not in pdf
    assert b"/CreationDate" not in pdf


def test_a_sorted_pdf_is_still_one(paper: str) -> None:
    """Every offset of the table of objects leads to the object of its number."""
    pdf = figure_bytes(paper, "pdf")
    start = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    lines = pdf[start:].split(b"\n")
    assert lines[0].strip() == b"xref"
    offsets = [int(line[:10]) for line in lines if re.match(rb"\d{10} \d{5} n", line)]
    assert len(offsets) > 20
    assert all(re.match(rb"\d+ 0 obj", pdf[offset : offset + 20]) for offset in offsets)


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
def test_a_png_has_300_pixels_per_inch(style: Style, data: ReportData) -> None:
    png = figure_bytes(drawn(data, "cka", style=style), "png")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, _ = struct.unpack(">II", png[16:24])
    assert width == pytest.approx(style.width / POINTS * 300, abs=1.1)
    place = png.index(b"pHYs") + 4
    assert struct.unpack(">II", png[place : place + 8]) == (11811, 11811)  # per metre


# The choice


def test_which_panels_names_stand_for() -> None:
    data = of(Catalog(AXES, similarity=("primary", "noisy")))
    keys = [panel.key for panel in chosen_panels(data, ["cka", "phases", "cka"], Report())]
    assert keys == ["cka", "cka_probe_1", "phases"]
    assert [p.key for p in chosen_panels(data, ["cka_probe_1"], Report())] == ["cka_probe_1"]
    every = chosen_panels(data, (), Report())
    only = chosen_panels(data, (), Report(), primary=True)
    assert [p.key for p in every if p.key != "cka_probe_1"] == [p.key for p in only]
    assert {p.title for p in only if p.key == "cka"} == {"CKA similarity"}
    assert chosen_panels(data, (), Report(panels=("trace",)))[0].key == "trace"
    assert every[-1] is PHASES


@pytest.mark.parametrize("name", ["", "phase", "CKA", "../x", "x" * 1000])
def test_a_panel_that_does_not_exist(name: str, data: ReportData) -> None:
    with pytest.raises(QueryError) as error:
        chosen_panels(data, ["cka", name], Report())
    said = str(error.value)
    assert said.startswith("PANEL: got '")
    assert "allowed: phases, " in said
    assert "mode_connectivity" in said
    assert "\n" not in said
    assert len(said) < 1000


# Slices


def points(svg: str) -> list[tuple[float, float]]:
    """Where the points of a line chart are."""
    symbols = "mark-symbol role-mark"
    group = next(e for e in ElementTree.fromstring(svg).iter() if symbols in e.get("class", ""))
    return [(x, y) for element, x, y in placed(group) if tag(element) == "path"]


def slice_of(data: ReportData, key: str) -> str:
    (one,), others = chosen_slices(data, [key, "cka"])
    assert others == ["cka"]
    return slice_svg(data, one, SINGLE)


def test_points_of_a_slice_are_the_means(data: ReportData) -> None:
    """Along the batch size: logarithmic to the right, and linear upwards."""
    svg = slice_of(data, "slice-y-cka")
    found = points(svg)
    assert len(found) == len(WIDTHS) * len(BATCHES)
    values = sorted(cell["cka"] for cell in data.cells)
    heights = sorted((y for _, y in found), reverse=True)
    slope = (heights[-1] - heights[0]) / (values[-1] - values[0])
    expected = [heights[0] + slope * (value - values[0]) for value in values]
    assert heights == pytest.approx(expected, abs=0.05)
    left, middle, right = sorted({round(x, 2) for x, _ in found})
    assert middle - left == pytest.approx(right - middle, abs=0.05)  # 16, 64, 256
    shown = words(svg)
    assert {"CKA similarity", "width", "batch size (← hotter)"} <= set(shown)
    assert {str(value) for value in (*WIDTHS, *BATCHES)} <= set(shown)
    assert {one.family for one in texts(svg)} == {FAMILY}


def test_a_slice_has_a_plot_for_each_facet_on_the_same_scale() -> None:
    data = of(Catalog({**AXES, "load.label_noise": [0.0, 0.2]}))
    svg = slice_of(data, "slice-x-test_accuracy")
    labels = [
        one for one in texts(svg) if re.fullmatch(r"[\d.]+", one.words) and one.anchor == "end"
    ]
    upper, lower = labels[: len(labels) // 2], labels[len(labels) // 2 :]
    assert [one.words for one in upper] == [one.words for one in lower]
    assert {"label noise 0", "label noise 0.2"} <= set(words(svg))
    assert slice_of(data, "slice-x-test_accuracy") == svg


def test_long_legends_leave_out_values() -> None:
    data = of(Catalog({"load.width": list(range(1, 41)), "temperature.batch_size": [8, 16]}))
    svg = slice_of(data, "slice-y-trace")
    height = float((ElementTree.fromstring(svg).get("height") or "").removesuffix("pt"))
    assert all(0 < one.y < height for one in texts(svg))
