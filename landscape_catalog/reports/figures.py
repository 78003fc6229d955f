"""Every chart of the page, by the place that it has there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import altair as alt

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports import maps
from landscape_catalog.reports.cells import ReportData, report_data
from landscape_catalog.reports.embed import columnar
from landscape_catalog.reports.gain import Gain, best_over_temperatures, gain_chart
from landscape_catalog.reports.lines import Curves, curves, everywhere, training_lines
from landscape_catalog.reports.measures import Tables
from landscape_catalog.reports.panels import Panel, panels
from landscape_catalog.reports.slices import Slice, slice_chart, slices
from landscape_catalog.reports.small_multiples import connectivity_curves, training_curves


@dataclass(frozen=True)
class Drawings:
    """What the page draws.

    Attributes:
        data: the cells.
        panels: the metrics over the grid.
        slices: the metrics against the temperature.
        gains: for each other load, what variants gain; empty with one variant.
        curves: the curves of each probe of connectivity.
        charts: every chart by the id of its slot.
        tables: the rows that charts name.
    """

    data: ReportData
    panels: list[Panel]
    slices: list[Slice]
    gains: list[Gain]
    curves: list[Curves]
    charts: dict[str, alt.TopLevelMixin] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)


def drawings(tables: Tables, settings: Report) -> Drawings:
    """Every chart of a catalog.

    Args:
        tables: the catalog.
        settings: axes and their scales.
    """
    data = report_data(tables, settings)
    loads = data.loads if len(data.variants) > 1 else []
    drawn = Drawings(
        data=data,
        panels=panels(data, settings.panels),
        slices=slices(data),
        gains=[best_over_temperatures(data, load) for load in loads],
        curves=curves(tables, data),
    )
    _draw_cells(drawn)
    _draw_lines(drawn, training_lines(tables, data))
    return drawn


def _draw_cells(drawn: Drawings) -> None:
    data = drawn.data
    shown = {panel.column for panel in drawn.panels}
    unseen = [measure.column for measure in data.measures if measure.column not in shown]
    drawn.tables["cells"] = columnar(data.cells, "cell_id", *unseen)
    drawn.charts["phases"] = maps.phase_diagram(data)
    for panel in drawn.panels:
        drawn.charts[panel.key] = maps.metric_panel(data, panel)
    for one in drawn.slices:
        drawn.charts[one.key] = slice_chart(data, one)
    for i, gain in enumerate(drawn.gains):
        if gain.rows:
            drawn.tables[f"gain-{i}"] = columnar(gain.rows)
            drawn.charts[f"gain-{i}"] = gain_chart(data, f"gain-{i}", gain)


def _draw_lines(drawn: Drawings, training: list[dict[str, Any]]) -> None:
    for i, facet in enumerate(drawn.data.facets):
        name = f"training-{i}"
        lines = everywhere([line for line in training if line["facet"] == facet], drawn.data)
        drawn.tables[name] = columnar(lines, "facet")
        drawn.charts[name] = training_curves(name, lines, drawn.data)
        for j, probe in enumerate(drawn.curves):
            name, lines = curves_id(j, i), everywhere(probe.of(facet), drawn.data)
            if lines:
                drawn.tables[name] = columnar(lines, "facet")
                drawn.charts[name] = connectivity_curves(name, probe, drawn.data)


def curves_id(probe: int, facet: int) -> str:
    """The slot of the curves of a probe in a facet; the primary probe comes first."""
    return f"curves-{facet}" if probe == 0 else f"curves-{facet}-probe-{probe}"
