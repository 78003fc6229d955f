"""All charts of the page with their data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports import maps
from landscape_catalog.reports.cells import ReportData, report_data
from landscape_catalog.reports.embed import dictionary_encoded
from landscape_catalog.reports.gain import Gain, best_over_temperatures, gain_chart
from landscape_catalog.reports.lines import Curves, curves, fill_grid, training_lines
from landscape_catalog.reports.metric_columns import Tables, are_published
from landscape_catalog.reports.panels import PanelChart, panels
from landscape_catalog.reports.slices import SliceChart, slice_chart, slices
from landscape_catalog.reports.small_multiples import connectivity_curves, training_curves


@dataclass(frozen=True)
class Figures:
    """The charts of the page.

    Attributes:
        data: the cells.
        panels: metrics over the grid.
        slices: metrics against the temperature.
        gains: the gains of the variants, for each combination of other loads; empty if there is
            only one variant.
        curves: the curves of each probe of connectivity.
        histories: whether any run's training history is known.
        published: whether the results were published, and not computed by this package.
        charts: all charts, by id of their element.
        tables: the encoded tables that charts refer to.
    """

    data: ReportData
    panels: list[PanelChart]
    slices: list[SliceChart]
    gains: list[Gain]
    curves: list[Curves]
    histories: bool
    published: bool
    charts: dict[str, alt.TopLevelMixin] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)


def make_figures(tables: Tables, settings: Report) -> Figures:
    """Every chart of a catalog.

    Args:
        tables: the catalog.
        settings: axes with their scales, and the panels.
    """
    data = report_data(tables, settings)
    loads = data.loads if len(data.variants) > 1 else []
    figures = Figures(
        data=data,
        panels=panels(data, settings.panels),
        slices=slices(data),
        gains=[best_over_temperatures(data, load) for load in loads],
        curves=curves(tables, data),
        histories=not tables["epochs"].is_empty(),
        published=are_published(tables),
    )
    with debug_mode(False):  # see `embed.scripts`
        _draw_cells(figures)
        _draw_lines(figures, training_lines(tables, data))
    return figures


def _draw_cells(figures: Figures) -> None:
    data = figures.data
    shown = {panel.column for panel in figures.panels}
    hidden = [column.name for column in data.metric_columns if column.name not in shown]
    figures.tables["cells"] = dictionary_encoded(data.cells, "cell_id", *hidden)
    figures.charts["phases"] = maps.phase_diagram(data)
    for panel in figures.panels:
        figures.charts[panel.key] = maps.metric_panel(data, panel)
    for one in figures.slices:
        figures.charts[one.key] = slice_chart(data, one)
    for i, gain in enumerate(figures.gains):
        if gain.rows:
            figures.tables[f"gain-{i}"] = dictionary_encoded(gain.rows)
            figures.charts[f"gain-{i}"] = gain_chart(data, f"gain-{i}", gain)


def _draw_lines(figures: Figures, training: list[dict[str, Any]]) -> None:
    for i, facet in enumerate(figures.data.facets):
        if figures.histories:
            name = f"training-{i}"
            lines = fill_grid([line for line in training if line["facet"] == facet], figures.data)
            figures.tables[name] = dictionary_encoded(lines, "facet")
            figures.charts[name] = training_curves(name, lines, figures.data)
        for j, probe in enumerate(figures.curves):
            name, lines = curves_id(j, i), fill_grid(probe.of(facet), figures.data)
            if lines:
                figures.tables[name] = dictionary_encoded(lines, "facet")
                figures.charts[name] = connectivity_curves(name, probe, figures.data)


def curves_id(probe: int, facet: int) -> str:
    """Id of the chart of a probe's curves in a facet; probe 0 is the primary one."""
    return f"curves-{facet}" if probe == 0 else f"curves-{facet}-probe-{probe}"
