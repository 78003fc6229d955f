"""The report's charts as Altair specifications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from landscape_catalog.catalog import CELL_METRICS
from landscape_catalog.reports.frame import Axis, ReportData

Row = dict[str, Any]
# Colours that differ in lightness as well as in hue (after Okabe and Ito 2008).
PHASE_COLOURS = {
    "I": "#b5402b",
    "II": "#e6a532",
    "III": "#4a7fb5",
    "IV-A": "#8fd0b0",
    "IV-B": "#1b8a63",
    "NC": "#6e6e6e",
    "unclassified": "#d4d4d4",
}
DARK_PHASES = ["I", "III", "IV-B", "NC"]
MISSING_COLOUR = "#ececec"
MOST_CELLS_WITH_TEXT = 64


@dataclass(frozen=True)
class Panel:
    """One metric drawn over the grid, as in Figure 2 of the paper.

    `field` is the column that colours a cell, `text` the one that is written in it.
    """

    key: str
    title: str
    field: str
    text: str
    scheme: Any
    number: str
    symmetric: bool = False


PANELS = (
    Panel("test_accuracy", "Test accuracy, %", "test_accuracy", "test_accuracy", "viridis", ".1f"),
    Panel("train_loss", "Training loss, ln", "ln train_loss", "train_loss", "inferno", ".2~g"),
    Panel(
        "top_eigenvalue", "Hessian top eigenvalue, ln λ", "ln top_eigenvalue", "top_eigenvalue",
        "yelloworangebrown", ".3~g",
    ),
    Panel("trace", "Hessian trace, ln", "ln trace", "trace", "yelloworangebrown", ".3~g"),
    Panel(
        "mode_connectivity", "Mode connectivity mc, % error", "mode_connectivity",
        "mode_connectivity", "redblue", "+.2~f", symmetric=True,
    ),
    Panel("cka", "CKA similarity", "cka", "cka", "viridis", ".2f"),
    Panel("l2_distance", "L2 distance", "l2_distance", "l2_distance", "viridis", ".1f"),
)  # fmt: skip


def phase_diagram(data: ReportData) -> alt.TopLevelMixin:
    """The phase of every cell, named in the cell and coloured."""
    small = _is_small(data)
    size = 74 if small else 34
    base = _base(data.cells, data.x, data.y)
    marks = base.mark_rect(stroke="white", strokeWidth=2).encode(
        color=alt.Color(
            "phase:N",
            scale=alt.Scale(domain=list(PHASE_COLOURS), range=list(PHASE_COLOURS.values())),
            legend=None,
        ),
        tooltip=_tooltips(data.x, data.y),
    )
    names = base.mark_text(fontSize=17 if small else 10, fontWeight="bold").encode(
        text="phase:N",
        color=alt.condition(
            alt.FieldOneOfPredicate(field="phase", oneOf=DARK_PHASES),
            alt.value("white"),
            alt.value("#222"),
        ),
        tooltip=_tooltips(data.x, data.y),
    )
    return _finished(alt.layer(marks, names), data, size, "")


def metric_panel(data: ReportData, panel: Panel) -> alt.TopLevelMixin:
    """One metric over the grid; grey where it is missing."""
    base = _base(data.cells, data.x, data.y)
    everywhere = base.mark_rect(stroke="white", color=MISSING_COLOUR).encode(
        tooltip=_tooltips(data.x, data.y)
    )
    known = alt.datum[panel.field] != None  # noqa: E711 (a Vega expression)
    measured = (
        base.transform_filter(known)
        .mark_rect(stroke="white", strokeWidth=1)
        .encode(
            color=alt.Color(
                f"{panel.field}:Q",
                scale=_colour_scale(data.cells, panel),
                legend=alt.Legend(title=None, gradientLength=120, gradientThickness=10),
            ),
            tooltip=_tooltips(data.x, data.y),
        )
    )
    layers = [everywhere]
    if _known_values(data.cells, panel.field):
        layers.append(measured)
    if _is_small(data) and _known_values(data.cells, panel.text):
        layers.append(
            base.transform_filter(alt.datum[panel.text] != None)  # noqa: E711
            .mark_text(fontSize=11)
            .encode(
                text=alt.Text(f"{panel.text}:Q", format=panel.number),
                color=_text_colour(data.cells, panel),
                tooltip=_tooltips(data.x, data.y),
            )
        )
    return _finished(alt.layer(*layers), data, 46 if _is_small(data) else 20, panel.title)


def training_curves(data: ReportData, facet: str) -> alt.TopLevelMixin:
    """Training loss by epoch, one small chart a cell, laid out as the phase diagram."""
    rows = [row for row in data.epochs if row["facet"] == facet]
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=1.2)
        .encode(
            x=alt.X("epoch:Q", title=None, axis=alt.Axis(tickCount=3, grid=False)),
            y=alt.Y(
                "train_loss:Q",
                title=None,
                scale=alt.Scale(type="log"),
                axis=alt.Axis(tickCount=3, format=".0e"),
            ),
            detail="seed:N",
            color=_phase_line_colour(),
            tooltip=["seed:N", "epoch:Q", alt.Tooltip("train_loss:Q", format=".4g")],
        )
        .transform_filter(alt.datum.train_loss > 0)
    )
    return _trellis(lines, data)


def connectivity_curves(data: ReportData, facet: str) -> alt.TopLevelMixin:
    """Training error along each fitted curve, one small chart a cell (Figure 12 of the paper)."""
    rows = [row for row in data.points if row["facet"] == facet]
    lines = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=alt.OverlayMarkDef(size=14), strokeWidth=1.2)
        .encode(
            x=alt.X("t:Q", title=None, axis=alt.Axis(values=[0, 0.5, 1], grid=False)),
            y=alt.Y("train_error:Q", title=None, axis=alt.Axis(tickCount=3)),
            detail="pair:N",
            color=_phase_line_colour(),
            tooltip=[
                alt.Tooltip("pair:N", title="seeds"),
                alt.Tooltip("t:Q"),
                alt.Tooltip("train_error:Q", format=".3~f", title="training error, %"),
                alt.Tooltip("test_error:Q", format=".3~f", title="test error, %"),
            ],
        )
    )
    return _trellis(lines, data)


def _trellis(lines: alt.Chart, data: ReportData) -> alt.TopLevelMixin:
    size = (112, 62) if _is_small(data) else (52, 36)
    return (
        lines.properties(width=size[0], height=size[1])
        .facet(
            column=alt.Column("x:N", sort=data.x.labels, title=data.x.title),
            row=alt.Row("y:N", sort=data.y.labels, title=data.y.title),
            spacing=8,
        )
        .configure_header(titleFontWeight="normal", labelFontSize=11, labelPadding=4)
        .configure_axis(labelFontSize=9)
        .configure_view(stroke="#ddd")
    )


def _base(rows: Sequence[Row], x: Axis, y: Axis) -> alt.Chart:
    return alt.Chart(alt.Data(values=list(rows))).encode(
        x=alt.X("x:O", sort=x.labels, title=x.title, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("y:O", sort=y.labels, title=y.title),
    )


def _finished(chart: Any, data: ReportData, cell: int, title: str) -> alt.TopLevelMixin:
    """Fix the size of a cell, and draw one diagram for each value of the other axes."""
    sized = chart.properties(
        width=max(cell * len(data.x.labels), 60), height=max(cell * len(data.y.labels), 60)
    )
    whole: Any = sized
    if len(data.facets) > 1:
        header = alt.Header(title=None, labelFontSize=12)
        whole = sized.facet(alt.Facet("facet:N", sort=data.facets, header=header), columns=3)
    if title:
        whole = whole.properties(title=alt.TitleParams(title, anchor="start", fontSize=13))
    return whole.configure_axis(titleFontWeight="normal", domain=False, ticks=False).configure_view(
        stroke=None
    )


def _tooltips(x: Axis, y: Axis) -> list[alt.Tooltip]:
    heads = [
        alt.Tooltip("phase:N", title="phase"),
        alt.Tooltip("reason:N", title="because"),
        alt.Tooltip("x:N", title=x.path),
        alt.Tooltip("y:N", title=y.path),
        alt.Tooltip("facet:N", title="and"),
        alt.Tooltip("runs:N", title="runs"),
        alt.Tooltip("note:N", title="note"),
    ]
    return heads + [
        alt.Tooltip(
            f"{metric} text:N", title=metric.replace("_", " ") + (f", {unit}" if unit else "")
        )
        for metric, unit in CELL_METRICS.items()
    ]


def _known_values(rows: Sequence[Row], field: str) -> list[float]:
    return [row[field] for row in rows if row[field] is not None]


def _colour_scale(rows: Sequence[Row], panel: Panel) -> alt.Scale:
    values = _known_values(rows, panel.field)
    if panel.symmetric:
        reach = max([abs(value) for value in values], default=0.0) or 1.0
        # Blue is a barrier, red a dip, as in the paper: the scheme runs from red to blue.
        return alt.Scale(scheme=panel.scheme, reverse=True, domain=[-reach, reach])
    if panel.scheme == "viridis" and values and min(values) < max(values):
        return alt.Scale(scheme=panel.scheme, domain=[min(values), max(values)])
    return alt.Scale(scheme=panel.scheme)


def _text_colour(rows: Sequence[Row], panel: Panel) -> Any:
    """Light text on dark cells."""
    values = _known_values(rows, panel.field)
    low, high = min(values, default=0.0), max(values, default=0.0)
    reach = max(abs(low), abs(high))
    middle = (low + high) / 2
    field = f"datum['{panel.field}']"
    dark = {
        "viridis": f"{field} < {middle}",
        "inferno": f"{field} < {middle}",
        "yelloworangebrown": f"{field} > {middle}",
        "redblue": f"abs({field}) > {0.6 * reach}",
    }[panel.scheme]
    test = f"{field} != null && {dark}"
    return alt.condition(test, alt.value("white"), alt.value("#222"))


def _is_small(data: ReportData) -> bool:
    return len(data.x.labels) * len(data.y.labels) <= MOST_CELLS_WITH_TEXT


def _phase_line_colour() -> alt.Color:
    return alt.Color(
        "phase:N",
        scale=alt.Scale(domain=list(PHASE_COLOURS), range=list(PHASE_COLOURS.values())),
        legend=None,
    )
