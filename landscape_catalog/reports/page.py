"""The report: one HTML file that opens offline."""

from __future__ import annotations

import json
from importlib import resources

import polars as pl

from landscape_catalog.experiment.experiment import Report
from landscape_catalog.reports.embed import scripts
from landscape_catalog.reports.figures import drawings
from landscape_catalog.reports.markup import counted, text
from landscape_catalog.reports.measures import Tables
from landscape_catalog.reports.records import cells_section, provenance_section
from landscape_catalog.reports.sections import (
    curves_section,
    first_section,
    gain_section,
    panels_section,
    slices_section,
    training_section,
)


def build_page(tables: dict[str, pl.DataFrame], settings: Report) -> str:
    """The whole report as HTML, a function of the catalog and the report's settings alone.

    Args:
        tables: the catalog.
        settings: title, axes and their scales.
    """
    drawn = drawings(tables, settings)
    title = text(settings.title)
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<style>{_resource('style.css')}</style></head><body><main>",
            f"<h1>{title}</h1>",
            _lead(tables),
            _warnings(tables),
            first_section(tables, drawn),
            panels_section(drawn),
            gain_section(drawn),
            slices_section(drawn),
            curves_section(drawn),
            training_section(drawn),
            cells_section(drawn.data),
            provenance_section(tables),
            "</main>",
            scripts(drawn.charts, drawn.tables),
            "</body></html>",
            "",
        ]
    )


def _resource(name: str) -> str:
    return resources.files("landscape_catalog.reports").joinpath(name).read_text(encoding="utf-8")


def _lead(tables: Tables) -> str:
    experiment = tables["experiments"].row(0, named=True)
    train = json.loads(experiment["spec"])["train"]
    axes = " × ".join(
        f"{axis['path']} ({len(axis['values'])} values)" for axis in json.loads(experiment["axes"])
    )
    variants = json.loads(experiment["variants"])
    grid = [counted(experiment["n_cells"], "cell"), axes]
    grid.append(f"variants {', '.join(variants)}" if len(variants) > 1 else "")
    by_updates = train.get("stopping") == "updates"
    length = f"{train['updates']} updates" if by_updates else f"at most {train['epochs']} epochs"
    words = (
        f"{experiment['model']} on {experiment['dataset']}: {', '.join(filter(None, grid))}, "
        f"{_seeds(tables)} a cell, {counted(experiment['n_runs'], 'run')} of {length}. "
        "Point at a cell for every number."
    )
    return f'<p class="lead">{text(words)}</p>'


def _seeds(tables: Tables) -> str:
    counts = sorted(tables["cells"]["n_runs"].unique().to_list())
    fewest = f"{counts[0]} to " if counts[0] < counts[-1] else ""
    return f"{fewest}{counted(counts[-1], 'seed')}"


def _warnings(tables: Tables) -> str:
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
    return "".join(f'<p class="warning">{text(words)}</p>' for words in warnings)
