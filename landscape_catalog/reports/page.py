"""The report: a single self-contained HTML file that works offline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

import polars as pl

from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.reports.claims import claims_section
from landscape_catalog.reports.embed import scripts
from landscape_catalog.reports.facts import facts_section
from landscape_catalog.reports.figures import make_figures
from landscape_catalog.reports.markup import text
from landscape_catalog.reports.metric_columns import Tables
from landscape_catalog.reports.records import cells_section, provenance_section
from landscape_catalog.reports.sections import (
    curves_section,
    gain_section,
    panels_section,
    phase_section,
    slices_section,
    training_section,
)
from landscape_catalog.reports.sureness import sureness_words
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted

MOST_PLACES = 3  # named in the header; the provenance lists all


def build_page(
    tables: dict[str, pl.DataFrame],
    settings: Report,
    found: Sequence[Row] = (),
    remarks: Sequence[str] = (),
    *,
    judged: bool = True,
) -> str:
    """The report as HTML; it depends only on the catalog and the report settings.

    Args:
        tables: the catalog.
        settings: title, axes with their scales, and panels.
        found: where results that were not computed here come from: rows of the table `sources`.
        remarks: what else is to be borne in mind, as warnings.
        judged: whether the claims of the paper are judged on the cells; they are about a single
            experiment.
    """
    figures, cells = make_figures(tables, settings), diagram_of(tables)
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
            _origin(found),
            f'<p class="sure">{text(sureness_words(tables))}</p>',
            _warnings(tables, remarks),
            phase_section(tables, figures),
            facts_section(tables, cells),
            panels_section(tables, figures),
            gain_section(figures),
            slices_section(tables, figures),
            curves_section(figures),
            training_section(figures),
            cells_section(figures.data),
            claims_section(cells) if judged else "",
            provenance_section(tables, found),
            "</main>",
            scripts(figures.charts, figures.tables),
            "</body></html>",
            "",
        ]
    )


def _resource(name: str) -> str:
    return resources.files("landscape_catalog.reports").joinpath(name).read_text(encoding="utf-8")


def _lead(tables: Tables) -> str:
    experiment = tables["experiments"].row(0, named=True)
    axes = " × ".join(
        f"{axis['path']} ({len(axis['values'])} values)" for axis in json.loads(experiment["axes"])
    )
    variants = json.loads(experiment["variants"])
    grid = [counted(experiment["n_cells"], "cell"), axes]
    grid.append(f"variants {', '.join(variants)}" if len(variants) > 1 else "")
    words = (
        f"{experiment['model']} on {experiment['dataset']}: {', '.join(filter(None, grid))}, "
        f"{_seeds(tables)}{_length(experiment)}. "
        "Hover over a cell to see all of its numbers."
    )
    return f'<p class="lead">{text(words)}</p>'


def _length(experiment: Row) -> str:
    """How long the runs are, if it is known."""
    train = json.loads(experiment["spec"]).get("train", {})
    if train.get("stopping") == "updates":
        return f" of {train['updates']} updates"
    return f" of at most {train['epochs']} epochs" if "epochs" in train else ""


def _origin(found: Sequence[Row]) -> str:
    """Where results come from that were not computed here, and what is to be known of them."""
    words: dict[str, None] = {}
    for row in found:
        if row["citation"]:
            words[f"{row['name']}: published by {row['citation']}"] = None
        elif row["kind"] == "collected" and len(words) < MOST_PLACES:
            where = row["refs"] or row["revision"] or row["path"]
            words[f"Collected from {row['repository'] or 'this repository'}, {where}"] = None
        words.update({row["note"]: None} if row["note"] else {})
    said = ". ".join(word.rstrip(".") for word in words)
    return f'<p class="lead">{text(said)}.</p>' if said else ""


def _seeds(tables: Tables) -> str:
    """How many runs there are, as far as it is known."""
    counts = sorted(tables["cells"]["n_runs"].drop_nulls().unique().to_list())
    n_runs = tables["experiments"]["n_runs"][0]
    if not counts or n_runs is None:
        return "an unknown number of seeds per cell"
    fewest = f"{counts[0]} to " if counts[0] < counts[-1] else ""
    return f"{fewest}{counted(counts[-1], 'seed')} per cell, {counted(n_runs, 'run')}"


def _warnings(tables: Tables, remarks: Sequence[str]) -> str:
    warnings = list(remarks)
    doubtful = tables["phases"]["doubtful"].sum()
    if doubtful:
        warnings.append(
            f"Cells classified as flat although their training loss is more than ten times the "
            f"median of the flat cells: {doubtful}. A high temperature also shrinks the Hessian; "
            "a smaller classify.train_loss, or auto, separates such cells from flat ones."
        )
    ambiguous = tables["phases"]["ambiguous"].sum()
    if ambiguous:
        warnings.append(f"Cells in which the sign of mode connectivity is ambiguous: {ambiguous}.")
    warnings += _curve_warnings(tables["curves"].filter(pl.col("probe") == PRIMARY))
    environments = tables["runs"].select("torch", "device", "cpu").unique().height
    if environments > 1:
        warnings.append(
            f"The runs were trained with {environments} different combinations of torch version, "
            "device and CPU; see Provenance."
        )
    return "".join(f'<p class="warning">{text(words)}</p>' for words in warnings)


def _curve_warnings(curves: pl.DataFrame) -> list[str]:
    """For how many curves of the primary probe the fit has not converged, or may not have."""
    n, warnings = counted(curves.height, "curve"), []
    failed = curves.filter(~pl.col("converged")).height
    if failed:
        warnings.append(
            f"Curves whose fit has not converged: {failed} of {n}. Their mode connectivity still "
            "changes if they are fitted for longer, and barriers are overestimated."
        )
    unknown = curves["converged"].null_count()
    if unknown:
        warnings.append(
            f"Curves of which it is not known whether their fit has converged: {unknown} of {n}. "
            "(Where curves are fitted here, measure.connectivity.epochs: auto or check: true tell.)"
        )
    return warnings
