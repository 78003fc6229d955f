"""The head of the page: what was found, on which grid, from where, and what to bear in mind."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from landscape_catalog.catalog.tables import LOAD, TEMPERATURE
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.phases import NC, UNCLASSIFIED
from landscape_catalog.reports.data.axes import label
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.data.sureness import sureness_words
from landscape_catalog.reports.page.markup import collapsible, text
from landscape_catalog.schema.parameters import parameter
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted

MOST_PLACES = 3  # named in the header; the provenance lists all
MOST_CELLS = 4  # named in a warning
MOST_WARNINGS = 1  # that are shown in full; more are collapsed


def header(
    title: str,
    finding: str,
    following: str,
    tables: Tables,
    data: ReportData,
    found: Sequence[Row],
    remarks: Sequence[str],
) -> str:
    """Title, finding, grid, cells by status, origin and warnings.

    Args:
        title: of the page.
        finding: what was found, in a few sentences.
        following: where more training would tell most; may be empty.
        tables: the catalog.
        data: its cells.
        found: where results that were not computed here come from: rows of the table `sources`.
        remarks: what else is to be borne in mind, as warnings.
    """
    said = f'<p class="finding">{text(finding)}</p>{_next(following)}'
    about = (
        f"{_lead(tables)}{_badges(tables)}{_origin(found)}"
        f'<p class="hint">{text(sureness_words(tables))}</p>'
    )
    return (
        f'<header><h1>{text(title)}</h1><div class="halves"><div>{said}</div><div>{about}</div>'
        f"</div>{_warnings(tables, data, remarks)}</header>"
    )


def _next(following: str) -> str:
    """What to train next."""
    return f"<p><strong>What to train next.</strong> {text(following)}</p>" if following else ""


def _badges(tables: Tables) -> str:
    """Cells by status, and the ids, as a row of labels."""
    names = tables["phases"]["phase"].to_list()
    experiment = tables["experiments"].row(0, named=True)
    classified = sum(name not in (NC.name, UNCLASSIFIED.name) for name in names)
    counts = [("classified", classified), ("did not converge", names.count(NC.name))]
    counts.append(("unclassified", names.count(UNCLASSIFIED.name)))
    words = [f"{counted(n, 'cell')} {what}" for what, n in counts if n]
    words += [f"experiment {experiment['experiment_id']}"]
    return f'<ul class="badges">{"".join(f"<li>{text(word)}</li>" for word in words)}</ul>'


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
        f"{_seeds(tables)}{_length(experiment)}.{_fixed(tables)}"
    )
    return f'<p class="lead">{text(words)}</p>'


def _fixed(tables: Tables) -> str:
    """The loads and temperatures that all cells have in common, as far as they are known."""
    found = []
    for section, columns in (("load", LOAD), ("temperature", TEMPERATURE)):
        for name, *_ in columns:
            values = tables["cells"][name].unique().to_list()
            if len(values) == 1 and values[0] is not None:
                found.append(f"{parameter(f'{section}.{name}').title} {label(values[0])}")
    return f" Fixed: {', '.join(found)}." if found else ""


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
            refs = ", ".join(json.loads(row["refs"])) if row["refs"] else ""
            where = refs or row["revision"] or row["path"]
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


def _places(tables: Tables, data: ReportData, column: str) -> str:
    """Where the cells lie of which a column of the phases is true."""
    chosen = set(tables["phases"].filter(pl.col(column))["cell_id"])
    cells = [cell for cell in data.cells if cell["cell_id"] in chosen]
    named = "; ".join(data.place_words(cell) for cell in cells[:MOST_CELLS])
    more = len(cells) - MOST_CELLS
    return f"{named}; and {counted(more, 'more cell')}" if more > 0 else named


def _warnings(tables: Tables, data: ReportData, remarks: Sequence[str]) -> str:
    """What to bear in mind; several are collapsed under a line that names each."""
    warnings = [*(("differences in method", words) for words in remarks)]
    doubtful = int(tables["phases"]["doubtful"].sum())
    if doubtful:
        where = _places(tables, data, "doubtful")
        topic = f"{counted(doubtful, 'flat cell')} with a high training loss"
        words = (
            f"Cells classified as flat although their training loss is more than ten times the "
            f"median of the flat cells: {doubtful} ({where}). A high temperature also shrinks the "
            "Hessian; a smaller classify.train_loss, or auto, separates such cells from flat ones."
        )
        warnings.append((topic, words))
    ambiguous = int(tables["phases"]["ambiguous"].sum())
    if ambiguous:
        topic = f"{counted(ambiguous, 'cell')} with an ambiguous sign of mode connectivity"
        where = _places(tables, data, "ambiguous")
        words = f"Cells in which the sign of mode connectivity is ambiguous: {ambiguous} ({where})."
        warnings.append((topic, words))
    warnings += _curve_warnings(tables["curves"].filter(pl.col("probe") == PRIMARY))
    environments = tables["runs"].select("torch", "device", "cpu").unique().height
    if environments > 1:
        words = (
            f"The runs were trained with {environments} different combinations of torch version, "
            "device and CPU; see Provenance."
        )
        warnings.append(("runs of different machines", words))
    shown = [f'<p class="warning">{text(words)}</p>' for _, words in warnings]
    if len(shown) > MOST_WARNINGS:
        topics = dict.fromkeys(topic for topic, _ in warnings)
        return collapsible(f"{len(shown)} things to bear in mind: {'; '.join(topics)}", *shown)
    return "".join(shown)


def _curve_warnings(curves: pl.DataFrame) -> list[tuple[str, str]]:
    """For how many curves of the primary probe the fit has not converged, or may not have."""
    n, warnings = counted(curves.height, "curve"), []
    failed = curves.filter(~pl.col("converged")).height
    if failed:
        words = (
            f"Curves whose fit has not converged: {failed} of {n}. Their mode connectivity still "
            "changes if they are fitted for longer, and barriers are overestimated. Such cells "
            "are faded in the panel of mode connectivity."
        )
        warnings.append((f"{failed} of {n} not converged", words))
    unknown = curves["converged"].null_count()
    if unknown:
        words = (
            f"Curves of which it is not known whether their fit has converged: {unknown} of {n}. "
            "(Where curves are fitted here, measure.connectivity.epochs: auto or check: true tell.)"
        )
        warnings.append((f"{unknown} of {n} of unknown convergence", words))
    return warnings
