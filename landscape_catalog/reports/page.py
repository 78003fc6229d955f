"""The report: one HTML file that opens offline."""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from landscape_catalog.phases import PHASES
from landscape_catalog.reports import charts
from landscape_catalog.reports.frame import ReportData, report_data
from landscape_catalog.schemas.experiment import Report

PHASE_MEANINGS = {
    "I": "sharp, poorly connected",
    "II": "sharp, but connected: training did not reach a minimum",
    "III": "flat, poorly connected",
    "IV-A": "flat, connected, runs unlike",
    "IV-B": "flat, connected, runs alike: the best place to be",
    "NC": "training has not converged",
    "unclassified": "a number that is needed is missing",
}


def build_page(tables: dict[str, pl.DataFrame], settings: Report) -> str:
    """The whole report as HTML, a function of the catalog and the report's settings alone.

    Args:
        tables: the catalog.
        settings: title and axes.
    """
    data = report_data(tables, x=settings.x, y=settings.y)
    specs: dict[str, alt.TopLevelMixin] = {"phases": charts.phase_diagram(data)}
    specs |= {panel.key: charts.metric_panel(data, panel) for panel in charts.PANELS}
    for i, facet in enumerate(data.facets):
        specs[f"training-{i}"] = charts.training_curves(data, facet)
        if any(point["facet"] == facet for point in data.points):
            specs[f"curves-{i}"] = charts.connectivity_curves(data, facet)
    title = html.escape(settings.title)
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<style>{_resource('style.css')}</style></head><body><main>",
            f"<h1>{title}</h1>",
            _lead(tables),
            _warnings(tables, data),
            _first_section(tables),
            _panels_section(),
            _curves_section(data),
            _cells_section(data),
            _provenance_section(tables),
            "</main>",
            _scripts(specs),
            "</body></html>",
            "",
        ]
    )


def _resource(name: str) -> str:
    return resources.files("landscape_catalog.reports").joinpath(name).read_text(encoding="utf-8")


def _lead(tables: dict[str, pl.DataFrame]) -> str:
    experiment = tables["experiments"].row(0, named=True)
    spec = json.loads(experiment["spec"])
    seeds = spec["train"]["seeds"]
    axes = " × ".join(
        f"{axis['path']} ({len(axis['values'])} values)" for axis in json.loads(experiment["axes"])
    )
    return (
        f'<p class="lead">{experiment["model"]} on {experiment["dataset"]}: '
        f"{experiment['n_cells']} cells{', ' + axes if axes else ''}, {seeds} seeds a cell, "
        f"{experiment['n_runs']} runs of at most {spec['train']['epochs']} epochs. "
        "Point at a cell for every number.</p>"
    )


def _warnings(tables: dict[str, pl.DataFrame], data: ReportData) -> str:
    warnings = []
    doubtful = tables["phases"]["doubtful"].sum()
    if doubtful:
        warnings.append(
            f"Cells that are called flat although their training loss is more than ten times the "
            f"median of flat cells: {doubtful}. A high temperature shrinks the Hessian too. Set "
            "classify.train_loss to tell them apart."
        )
    ambiguous = tables["phases"]["ambiguous"].sum()
    if ambiguous:
        warnings.append(f"Cells in which the sign of mode connectivity is ambiguous: {ambiguous}.")
    mixtures = tables["runs"].select("torch", "device", "cpu").unique().height
    if mixtures > 1:
        warnings.append(
            f"The runs were trained with {mixtures} mixtures of torch version, device and "
            "processor; see the provenance."
        )
    return "".join(f'<p class="warning">{html.escape(text)}</p>' for text in warnings)


def _first_section(tables: dict[str, pl.DataFrame]) -> str:
    found = tables["phases"]["phase"].to_list()
    entries = []
    for phase in PHASES:
        count = found.count(phase)
        if count or phase not in ("NC", "unclassified"):
            dark = ' class="dark"' if phase in charts.DARK_PHASES else ""
            colour = charts.PHASE_COLOURS[phase]
            entries.append(
                f'<dt{dark} style="background:{colour}">{phase}</dt>'
                f'<span class="count">{count}</span><dd>{PHASE_MEANINGS[phase]}</dd>'
            )
    return (
        '<section class="first"><div><h2>Phase diagram</h2>'
        '<div id="phases" class="wide"></div></div>'
        f'<div><h2>Phases</h2><dl class="legend">{"".join(entries)}</dl>'
        f"<h2>Thresholds</h2>{_thresholds(tables)}</div></section>"
    )


def _thresholds(tables: dict[str, pl.DataFrame]) -> str:
    rule = json.loads(tables["experiments"]["classify"][0])
    tolerance, loss = rule["connectivity"]["tolerance"], rule["train_loss"]
    metric = rule["hessian"]["metric"].replace("_", " ")
    rows = [
        ("poorly connected", f"mode connectivity &lt; −{tolerance:g} % of training error"),
        ("sharp", f"Hessian {metric} &gt; {rule['hessian']['threshold']:g}"),
        ("", f"or mode connectivity &gt; +{tolerance:g}"),
        ("", f"or training loss &gt; {loss:g} nats" if loss else "(training loss not used)"),
        ("alike", f"CKA ≥ {rule['cka']['threshold']:g}"),
    ]
    return _table([(f"<th>{name}</th>", f"<td>{value}</td>") for name, value in rows])


def _table(rows: list[tuple[str, ...]]) -> str:
    return "<table>" + "".join(f"<tr>{''.join(row)}</tr>" for row in rows) + "</table>"


def _panels_section() -> str:
    slots = "".join(f'<div id="{panel.key}"></div>' for panel in charts.PANELS)
    return (
        "<section><h2>What each cell measures</h2>"
        '<p class="hint">Means over the converged runs of a cell, or over their pairs, on the axes '
        "of the phase diagram. Colours of loss, eigenvalue and trace follow the natural "
        "logarithm; the numbers in the cells are plain. Mode connectivity: blue is a barrier "
        "between runs, red a dip, white none. Grey: no number.</p>"
        f'<div class="panels">{slots}</div></section>'
    )


def _curves_section(data: ReportData) -> str:
    parts = []
    for i, facet in enumerate(data.facets):
        heading = f"<h2>{html.escape(facet)}</h2>" if facet else ""
        parts.append(
            f'<section>{heading}<h2>Along the curves between runs</h2><p class="hint">Training '
            "error in % at each t of the fitted Bezier curve, batch-norm statistics recomputed: a "
            "hump is a barrier (mc &lt; 0), a dip means that the ends are not at a minimum "
            f"(mc &gt; 0). The colour is the phase.</p>{_curves_slot(data, i)}"
            '</section><section><h2>Training</h2><p class="hint">Training loss in nats by epoch '
            "(running mean in train mode, logarithmic), one line a seed.</p>"
            f'<div id="training-{i}" class="wide"></div></section>'
        )
    return "".join(parts)


def _curves_slot(data: ReportData, i: int) -> str:
    if any(point["facet"] == data.facets[i] for point in data.points):
        return f'<div id="curves-{i}" class="wide"></div>'
    return "<p>There are none: no cell has two converged runs.</p>"


def _cells_section(data: ReportData) -> str:
    rows: list[tuple[str, ...]] = [
        tuple(
            f"<th>{html.escape(text)}</th>"
            for text in (data.x.path, data.y.path, "and", "phase", "because", "note")
        )
    ]
    for cell in data.cells:
        texts = (cell["x"], cell["y"], cell["facet"], cell["phase"], cell["reason"], cell["note"])
        rows.append(tuple(f"<td>{html.escape(text)}</td>" for text in texts))
    return (
        "<section><details><summary>Every cell and why it is in its phase</summary>"
        f'<div class="wide">{_table(rows)}</div></details></section>'
    )


def _provenance_section(tables: dict[str, pl.DataFrame]) -> str:
    experiment = tables["experiments"].row(0, named=True)
    rows = [
        ("experiment", experiment["experiment_id"]),
        ("classification", experiment["classification_id"]),
    ]
    data = tables["landscapes"].select("data_id", "content_hash").unique().sort("data_id")
    rows += [(f"data {row[0]}", f"content {row[1]}") for row in data.iter_rows()]
    machines = (
        tables["runs"].group_by("torch", "device", "cpu").len().sort("torch", "device", "cpu")
    )
    rows += [
        (f"{n} runs", f"torch {torch}, {device}, {cpu}")
        for torch, device, cpu, n in machines.rows()
    ]
    methods = tables["cell_metrics"].select("metric", "method").unique().sort("metric")
    named = methods.filter(pl.col("method") != "direct")
    rows += [(metric.replace("_", " "), how) for metric, how in named.rows()]
    body = _table(
        [
            (f"<th>{html.escape(name)}</th>", f'<td class="hash">{html.escape(value)}</td>')
            for name, value in rows
        ]
    )
    spec = html.escape(json.dumps(json.loads(experiment["spec"]), indent=2))
    return (
        "<section><h2>Provenance</h2>"
        '<p class="hint">Ids are hashes of what a thing is; equal ids mean equal experiments. '
        "Method: Yang et al. 2021, Taxonomizing local versus global structure in neural network "
        f"loss landscapes.</p>{body}<details><summary>The experiment</summary><pre>{spec}</pre>"
        "</details></section>"
    )


def _scripts(specs: dict[str, alt.TopLevelMixin]) -> str:
    """The Vega libraries once, and every chart."""
    texts: dict[str, Any] = {name: chart.to_dict() for name, chart in specs.items()}
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace(
        "</script", "<\\/script"
    )
    payload = json.dumps(texts, sort_keys=True).replace("</", "<\\/")
    draw = (
        "for (const [name, spec] of Object.entries(charts))"
        " vegaEmbed('#' + name, spec, {actions: false, renderer: 'svg'})"
        ".catch(error => console.error(name, error));"
    )
    return (
        f"<script type='module'>{bundle}\nconst charts = {payload};\n"
        f"{draw.replace('vegaEmbed(', 'window.vegaEmbed(')}</script>"
    )
