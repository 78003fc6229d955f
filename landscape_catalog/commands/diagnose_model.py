"""`landscape diagnose fit` and `score`: a model of what changes of a training are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog.conditions import require_condition
from landscape_catalog.catalog.diagram import READ, diagram_of
from landscape_catalog.catalog.sources import source_named
from landscape_catalog.catalog.thresholds import rule_in_effect
from landscape_catalog.commands.diagnosis_tables import held_out_table, not_learned, score_lines
from landscape_catalog.diagnosis.comparable import compared
from landscape_catalog.diagnosis.method import reference_method
from landscape_catalog.diagnosis.model import (
    Action,
    DiagnosisModel,
    read_model,
    write_model,
)
from landscape_catalog.diagnosis.model.features import PUBLISHED, SIZES
from landscape_catalog.diagnosis.model.fit import fit_model
from landscape_catalog.diagnosis.model.score import score_model
from landscape_catalog.diagnosis.model.verdicts import verdicts
from landscape_catalog.errors import DamagedFileError, QueryError
from landscape_catalog.paths import Project
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.rule import Rule
from landscape_catalog.schema.strict_json import strict_json


def fit_source(
    root: Path,
    name: str,
    *,
    where: str | None = None,
    cells: int | None = None,
    seed: int | None = None,
    sizes: bool = False,
    output: Path | None = None,
) -> str:
    """Fit a model to the cells of a source, and write it.

    Args:
        root: of the project.
        name: of an import or experiment; see `open_catalog`.
        where: an SQL condition on the view `cells`; only cells that meet it are fitted.
        cells: number of cells to draw from them; None: all.
        seed: of the draw; None: 0.
        sizes: whether the model takes width, samples and batch size.
        output: the file; None: `data/diagnosis/model.json`.

    Returns:
        What was done, in words.

    Raises:
        QueryError: if there is no such source, the condition is invalid, or cells are too few.
        StorageError: if the file cannot be written.
    """
    project = Project(root)
    path = output or project.diagnosis_model
    if path.is_dir() or (output is not None and not path.absolute().parent.is_dir()):
        kind = "is a folder" if path.is_dir() else "is in a folder that does not exist"
        raise QueryError(f"--output: {path} {kind}; allowed: a file in an existing folder")
    known = _Known(project, name)
    chosen = _chosen(root, known, where, cells, seed)
    model = known.fit(chosen, sizes=sizes)
    write_model(path, model)
    reference, full = model.reference, model.predictors[0]
    left = "" if reference.n_cells == len(chosen) else f" (of {len(chosen)}; others lack a metric)"
    features = ", ".join(feature.metric for feature in model.features)
    file = "" if output is None else f" --model {project.shown(path)}"
    return "\n".join(
        [
            f"Fitted on {reference.n_cells} cells{left} of {name}, a grid of {reference.n_grid}: "
            f"{', '.join(full.questions)}.",
            *not_learned(known.diagram, full.gains.actions),
            f"Features: {features}.",
            "",
            *held_out_table(model),
            "",
            *verdicts(full.tested, name),
            *_not_comparable(model),
            f"Wrote {project.shown(path)}. `landscape diagnose score {name}{file}` says more.",
        ]
    )


def _not_comparable(model: DiagnosisModel) -> list[str]:
    """What to do about features that checkpoints cannot be measured by; nothing without any."""
    reference = model.reference
    _, refused = compared(model, reference_method(reference.measure))
    if not refused:
        return []
    again = "; if an earlier version imported it, import it again" if reference.citation else ""
    return [
        f"{reference.name} does not say how to measure {', '.join(refused)} as it did, so that "
        f"`landscape diagnose run` does without them{again}.",
        "",
    ]


def score_source(root: Path, name: str, *, model: Path | None = None, as_json: bool = False) -> str:
    """Score a model on the cells of a source.

    On the source that it was fitted on, by grouped cross-validation.

    Args:
        root: of the project.
        name: of the source.
        model: the file; None: `data/diagnosis/model.json`.
        as_json: whether to return JSON.

    Raises:
        QueryError: if there is no such source, it lacks what the model needs, or the file does not
            hold a model.
        MissingArtifactError: if there is no model.
    """
    project = Project(root)
    path = model or project.diagnosis_model
    try:
        fitted = read_model(path)
    except DamagedFileError as error:
        raise QueryError(f"--model: {error}") from error
    known = _Known(project, name)
    same = fitted.reference.experiment_id == known.experiment["experiment_id"]
    sizes = any(feature.metric in SIZES for feature in fitted.features)
    actions = fitted.predictors[0].gains.actions

    def refit(chosen: np.ndarray) -> DiagnosisModel:
        return known.fit(chosen, sizes=sizes, actions=actions, reduced=False)

    scores = score_model(fitted, known.diagram, name, refit=refit if same else None)
    if as_json:
        content = {
            "source": name,
            "reference": fitted.reference.name,
            "fitted_cells": fitted.reference.n_cells,
            "scores": [one.model_dump(mode="json") for one in scores],
        }
        return strict_json(content, indent=2)
    head = f"{project.shown(path)}: fitted on {fitted.reference.n_cells} cells of "
    head += f"{fitted.reference.name}, scored on {name}"
    without = [one.metric for one in fitted.features if one.metric not in scores[0].features]
    if without:
        head += f" by its answers without {', '.join(without)}, which {name} lacks"
    return "\n".join([head, *(line for one in scores for line in ["", *score_lines(one, name)])])


class _Known:
    """What is known of a source: its tables, diagram and rule."""

    def __init__(self, project: Project, name: str) -> None:
        source = source_named(project, name)
        tables = source.tables([*READ, "probes", "cell_metrics"])
        if tables["experiments"].is_empty():
            raise QueryError(f"{name} holds no experiment")
        self.name = name
        self.experiment = tables["experiments"].row(0, named=True)
        self.diagram: Diagram = diagram_of(tables)
        self.rule: Rule = rule_in_effect(self.experiment)
        self.units = of_features(tables["cell_metrics"], "unit")
        self.methods = of_features(tables["cell_metrics"], "method")
        publication = source.publication or {}
        measure = json.loads(self.experiment["spec"]).get("measure")
        self.about: dict[str, Any] = {
            "name": name,
            "citation": publication.get("citation"),
            # A published grid may tell no more than which snapshot was measured.
            "measure": measure if measure and "connectivity" in measure else None,
            **{
                key: self.experiment[key]
                for key in ("experiment_id", "classification_id", "dataset", "model")
            },
        }

    def fit(
        self,
        chosen: np.ndarray,
        *,
        sizes: bool,
        actions: tuple[Action, ...] | None = None,
        reduced: bool = True,
    ) -> DiagnosisModel:
        """A model of these cells; see `fit_model`."""
        return fit_model(
            self.diagram,
            self.rule,
            about=self.about,
            methods=self.methods,
            units=self.units,
            chosen=chosen,
            sizes=sizes,
            actions=actions,
            reduced=reduced,
        )


def of_features(cell_metrics: pl.DataFrame, column: str) -> dict[str, str]:
    """What the catalog says about each metric, and so about features with another name there.

    Args:
        cell_metrics: the table.
        column: `unit`, or `method`.
    """
    rows = cell_metrics.select("metric", column).unique(maintain_order=True)
    words = {metric: said for metric, said in rows.iter_rows() if said}
    published = {name: words[theirs] for name, theirs in PUBLISHED.items() if theirs in words}
    return published | words


def _chosen(
    root: Path, known: _Known, where: str | None, cells: int | None, seed: int | None
) -> np.ndarray:
    """Indices of the cells that are fitted."""
    chosen = np.arange(len(known.diagram))
    if where is not None:
        try:
            require_condition(where)
        except QueryError as error:
            raise QueryError(f"--where: {error}") from None
        catalog = open_catalog(root, source=known.name)
        found = catalog.sql(f"SELECT cell_id FROM cells WHERE ({where}\n)")
        ids = set(found["cell_id"].to_list())
        chosen = np.array([i for i in chosen if known.diagram.cell_ids[i] in ids], dtype=int)
        if not len(chosen):
            raise QueryError(f"--where: no cell of {known.name} meets {where!r}")
    if cells is None:
        if seed is not None:
            raise QueryError(f"--seed: got {seed}; allowed: with --cells, whose draw it seeds")
        return chosen
    if cells > len(chosen):
        raise QueryError(f"--cells: got {cells}; allowed: at most {len(chosen)}")
    draw = np.random.default_rng(seed or 0).choice(len(chosen), cells, replace=False)
    return np.sort(chosen[draw])
