"""The gain of each variant over `base`, at each load (Figure 13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

from landscape_catalog.phases import NC
from landscape_catalog.reports.axes import label
from landscape_catalog.reports.cell_marks import titled
from landscape_catalog.reports.cells import ReportData, rounded
from landscape_catalog.reports.colours import VARIANT_COLOURS
from landscape_catalog.reports.layout import scale_of, ticks_of
from landscape_catalog.reports.metric_columns import with_unit
from landscape_catalog.schema.tables import Row

WIDTH, HEIGHT = 400, 240


@dataclass(frozen=True)
class Gain:
    """The best cell of each variant over all temperatures, at each load.

    Attributes:
        rows: one row per variant and load: its position, `best`, `gain` over base, and the
            temperature of the best cell.
        connected_from: position of the first load at which base's best cell is well connected;
            None if it is so from the first load on, or at none.
        connected_label: this load as text.
    """

    rows: list[Row]
    connected_from: float | None
    connected_label: str


def best_over_temperatures(data: ReportData, load: str) -> Gain:
    """The best test accuracy (or lowest test loss) at each load, and each variant's gain.

    Cells that have not converged are ignored.

    Args:
        data: the cells.
        load: the values of the other loads, an element of `data.loads`.
    """
    best = {
        (variant, value): cell
        for variant in data.variants
        for value in data.x.values
        if (cell := _best_cell(data, load, variant, label(value))) is not None
    }
    base = data.variants[0]
    rows = [_row(data, cell, best.get((base, value))) for (_, value), cell in best.items()]
    along = [best.get((base, value)) for value in _loads_left_to_right(data)]
    found = _first_connected(
        [cell for cell in along if cell is not None], data.rule.poorly_connected_below
    )
    return Gain(rows, found["xp"] if found else None, found["x"] if found else "")


def _row(data: ReportData, cell: Row, base: Row | None) -> Row:
    metric = data.performance.metric
    gain = None if base is None else rounded(data.performance.gain(cell[metric], base[metric]))
    kept = {name: cell[name] for name in ("variant", "x", "xp", "y", "facet")}
    return kept | {"best": cell[metric], "gain": gain}


def _best_cell(data: ReportData, load: str, variant: str, x: str) -> Row | None:
    metric = data.performance.metric
    cells = [
        cell
        for cell in data.cells
        if (cell["load"], cell["variant"], cell["x"]) == (load, variant, x)
        and cell["phase"] != NC.name
        and cell[metric] is not None
    ]
    if not cells:
        return None
    best = data.performance.best([cell[metric] for cell in cells])
    return next(cell for cell in cells if cell[metric] == best)


def _loads_left_to_right(data: ReportData) -> list[Any]:
    return list(data.x.values)[:: -1 if data.x.reverse else 1]


def _first_connected(cells: list[Row], least: float | None) -> Row | None:
    """The first well-connected cell (mc >= least) if the cells before it are poorly connected."""
    if least is None:
        return None
    poorly_connected = False
    for cell in cells:
        mc = cell["mode_connectivity"]
        if mc is None:
            continue
        if mc >= least:
            return cell if poorly_connected else None
        poorly_connected = True
    return None


def gain_chart(data: ReportData, name: str, gain: Gain) -> alt.TopLevelMixin:
    """Left: the best value of each variant. Right: its gain over base.

    Args:
        data: the cells.
        name: name of the table of rows in the page.
        gain: the rows.
    """
    metric = data.performance
    extreme = "Best" if metric.higher_is_better else "Lowest"
    best = _lines(data, name, "best", reverse=not metric.higher_is_better)
    over = _lines(data, name, "gain", reverse=False).transform_filter(
        f"datum.variant != '{data.variants[0]}'"
    )
    zero = alt.Chart(alt.Data(values=[{"y": 0}])).mark_rule(color="#888").encode(y="y:Q")
    left, right = [best], [zero, over]
    if gain.connected_from is not None:
        left.append(_turning_point(data, gain))
        right.append(_turning_point(data, gain))
    name_of_metric = metric.title.lower()
    over_temperatures = f"{extreme} {name_of_metric} over temperatures, {{unit}}"
    gained = with_unit(f"Reduction in {name_of_metric} relative to base, {{unit}}", metric.unit)
    if metric.higher_is_better:
        gained = f"Gain in {name_of_metric} over base, percentage points"
    return (
        alt.hconcat(
            _panel(left, with_unit(over_temperatures, metric.unit)),
            _panel(right, gained),
            spacing=70,
            bounds="flush",
        )
        .configure_axis(titleFontWeight="normal", gridColor="#eee")
        .configure_view(stroke="#ddd")
    )  # fmt: skip


def _panel(layers: list[alt.Chart], title: str) -> Any:
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)
    return titled(chart, title, ["up is better"], WIDTH)


def _lines(data: ReportData, name: str, field: str, *, reverse: bool) -> alt.Chart:
    n = len(data.variants)
    colours = [VARIANT_COLOURS[i % len(VARIANT_COLOURS)] for i in range(n)]
    ticks = ticks_of(data.x, WIDTH, titleFontSize=11)
    return (
        alt.Chart(alt.NamedData(name))
        .transform_filter(f"isValid(datum.{field})")
        .mark_line(point=alt.OverlayMarkDef(size=36), strokeWidth=1.8)
        .encode(
            x=alt.X("xp:Q", scale=scale_of(data.x), title=data.x.title, axis=ticks),
            y=alt.Y(f"{field}:Q", title=None, scale=alt.Scale(zero=False, reverse=reverse)),
            color=alt.Color(
                "variant:N",
                sort=data.variants,
                scale=alt.Scale(domain=data.variants, range=colours),
                legend=alt.Legend(title="variant"),
            ),
            tooltip=[
                alt.Tooltip("variant:N"),
                alt.Tooltip("x:N", title=data.x.path),
                alt.Tooltip("y:N", title=f"best {data.y.path}"),
                alt.Tooltip("best:Q", format=".5~g", title=data.performance.title.lower()),
                alt.Tooltip("gain:Q", format="+.4~g", title="gain over base"),
                alt.Tooltip("facet:N", title="facet"),
            ],
        )
    )


def _turning_point(data: ReportData, gain: Gain) -> Any:
    values = alt.Data(values=[{"xp": gain.connected_from}])
    return (
        alt.Chart(values)
        .mark_rule(strokeDash=[4, 3], color="#555")
        .encode(x=alt.X("xp:Q", scale=scale_of(data.x)))
    )
