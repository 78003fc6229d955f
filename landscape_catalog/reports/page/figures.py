"""All charts of the page with their data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from altair.utils.schemapi import debug_mode

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports.charts import drawer, maps
from landscape_catalog.reports.charts.difference import change_map, difference_map
from landscape_catalog.reports.charts.gain import best_chart, gain_chart
from landscape_catalog.reports.charts.parallel import parallel_chart
from landscape_catalog.reports.charts.slices import SliceChart, slice_chart, slices
from landscape_catalog.reports.charts.small_multiples import connectivity_curves, training_curves
from landscape_catalog.reports.data.borders import borders
from landscape_catalog.reports.data.cells import ReportData, report_data
from landscape_catalog.reports.data.compared import Sides
from landscape_catalog.reports.data.coordinates import Coordinate, coordinates
from landscape_catalog.reports.data.difference import Difference, difference
from landscape_catalog.reports.data.gain import Gain, best_over_temperatures
from landscape_catalog.reports.data.lines import (
    Curves,
    curves,
    densities,
    fill_grid,
    straight_lines,
    training_lines,
)
from landscape_catalog.reports.data.metric_columns import Tables, are_published
from landscape_catalog.reports.data.network import pairs, runs
from landscape_catalog.reports.data.panels import PanelChart, every_panel, panels, room_panel
from landscape_catalog.reports.page.embed import dictionary_encoded

FEWEST_FOR_COORDINATES = 3


@dataclass(frozen=True)
class Figures:
    """The charts of the page.

    Attributes:
        data: the cells.
        panels: metrics over the grid that are shown at first.
        others: metrics over the grid that a reader may choose.
        slices: metrics along either axis.
        axes: of the parallel coordinates; empty if there are too few.
        gains: the gains of the variants, for each combination of other loads; empty if there is
            only one variant.
        curves: the curves of each probe of connectivity.
        difference: of two compared experiments; None on a page about one.
        published: whether the results were published, and not computed by this package.
        charts: all charts, by id of their element.
        tables: the encoded tables that charts refer to.
    """

    data: ReportData
    panels: list[PanelChart]
    others: list[PanelChart]
    slices: list[SliceChart]
    axes: list[Coordinate]
    gains: list[Gain]
    curves: list[Curves]
    published: bool
    difference: Difference | None = None
    charts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)


def make_figures(tables: Tables, settings: Report, sides: Sides | None = None) -> Figures:
    """Every chart of a catalog.

    Args:
        tables: the catalog.
        settings: axes with their scales, and the panels.
        sides: of the tables of two compared experiments.
    """
    data = report_data(tables, settings)
    chosen = panels(data, settings.panels)
    chosen += [room_panel()] if data.rule.table is not None and settings.panels is None else []
    axes = coordinates(data)
    loads = data.loads if len(data.variants) > 1 else []
    figures = Figures(
        data=data,
        panels=chosen,
        others=[one for one in every_panel(data) if one.key not in {p.key for p in chosen}],
        slices=slices(data),
        axes=axes if len(axes) >= FEWEST_FOR_COORDINATES else [],
        gains=[best_over_temperatures(data, load) for load in loads],
        curves=curves(tables, data),
        difference=None if sides is None else difference(tables, data, sides, chosen),
        published=are_published(tables),
    )
    with debug_mode(False):  # a test validates every chart; here it would take most of the time
        _draw_cells(figures)
        _draw_lines(figures, tables)
        _draw_drawer(figures, tables)
        _draw_difference(figures)
    return figures


def _draw_cells(figures: Figures) -> None:
    data, charts = figures.data, figures.charts
    figures.tables["cells"] = dictionary_encoded(data.cells)
    figures.tables["borders"] = dictionary_encoded(borders(data))
    for i in range(len(data.facets)):
        charts[f"phases-{i}"] = maps.phase_diagram(data, i)
    for panel in (*figures.panels, *figures.others):
        charts[f"panel-{panel.key}"] = maps.metric_panel(data, panel)
    for one in figures.slices:
        charts[one.key] = slice_chart(data, one)
    if figures.axes:
        charts["coordinates"] = parallel_chart(data, figures.axes)
    for i, gain in enumerate(figures.gains):
        if gain.rows:
            figures.tables[f"gain-{i}"] = dictionary_encoded(gain.rows)
            charts[f"best-{i}"] = best_chart(data, f"gain-{i}", gain)
            charts[f"gain-{i}"] = gain_chart(data, f"gain-{i}", gain)


def _draw_difference(figures: Figures) -> None:
    """The maps of what differs between two experiments, if cells have a partner."""
    found, charts = figures.difference, figures.charts
    if found is None or not found.rows:
        return
    figures.tables["difference"] = dictionary_encoded(found.rows)
    charts["difference-phases"] = change_map(figures.data, found)
    for one in found.panels:
        charts[one.key] = difference_map(figures.data, found, one)


def _draw_lines(figures: Figures, tables: Tables) -> None:
    """The small multiples of all cells, which share their tables with the drawer."""
    data = figures.data
    training = fill_grid(training_lines(tables, data), data)
    if training:
        figures.tables["training"] = dictionary_encoded(training)
        figures.charts["all-training"] = training_curves("training", training, data)
    for j, probe in enumerate(figures.curves):
        straight = [] if j else straight_lines(tables, data, probe.quantity)
        lines = fill_grid(probe.lines, data)
        if lines:
            figures.tables[curves_table(j)] = dictionary_encoded([*lines, *straight])
            chart = connectivity_curves(curves_table(j), probe, data)
            figures.charts[f"all-{curves_table(j)}"] = chart


def _draw_drawer(figures: Figures, tables: Tables) -> None:
    """The charts of a single cell: each has a table of the same name, or two."""
    data, charts = figures.data, figures.charts
    placed = runs(tables, data)
    if not placed:
        return
    links = pairs(tables, placed, data)
    figures.tables["nodes"] = dictionary_encoded(placed)
    figures.tables["links"] = dictionary_encoded(links)
    charts["drawer-network"] = drawer.network_chart(
        _reach(data, links), data.units["mode_connectivity"]
    )
    if "curves" in figures.tables:
        probe = figures.curves[0]
        charts["drawer-curves"] = drawer.curves_chart(probe.quantity, probe.unit)
    if "training" in figures.tables:
        charts["drawer-training"] = drawer.training_chart(data.units["train_loss"])
    spectra = densities(tables, data)
    if spectra:
        figures.tables["densities"] = dictionary_encoded(spectra)
        charts["drawer-density"] = drawer.density_chart()


def _reach(data: ReportData, links: list[dict[str, Any]]) -> float:
    """The |mc| with the strongest colours: five tolerances, or the largest of any pair."""
    below = data.rule.poorly_connected_below
    largest = max((abs(row["mc"]) for row in links if row["mc"] is not None), default=1.0)
    return -5 * below if below else largest or 1.0


def curves_table(probe: int) -> str:
    """Name of the table of a probe's curves; probe 0 is the primary one."""
    return f"curves-{probe}" if probe else "curves"
