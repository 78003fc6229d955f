"""`landscape diagnose fit` and `score`: a model of what changes of a training are worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog.conditions import require_condition
from landscape_catalog.catalog.diagram import READ, diagram_of
from landscape_catalog.catalog.sources import source_named
from landscape_catalog.catalog.thresholds import rule_in_effect
from landscape_catalog.commands.output import aligned
from landscape_catalog.diagnosis.model import (
    Action,
    DiagnosisModel,
    QuestionScore,
    Score,
    read_model,
    write_model,
)
from landscape_catalog.diagnosis.model.features import PUBLISHED, SIZES
from landscape_catalog.diagnosis.model.fit import fit_model
from landscape_catalog.diagnosis.model.labels import gains
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
    seed: int = 0,
    sizes: bool = False,
    output: Path | None = None,
) -> str:
    """Fit a model to the cells of a source, and write it.

    Args:
        root: of the project.
        name: of an import or experiment; see `open_catalog`.
        where: an SQL condition on the view `cells`; only cells that meet it are fitted.
        cells: number of cells to draw from them; None: all.
        seed: of the draw.
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
    return "\n".join(
        [
            f"Fitted on {reference.n_cells} cells{left} of {name}, a grid of {reference.n_grid}: "
            f"{', '.join(full.questions)}.",
            *_unlearned(known.diagram, full.gains.actions),
            f"Features: {features}.",
            "",
            *_held_out(model),
            "",
            *verdicts(full.tested, name),
            f"Wrote {project.shown(path)}. `landscape diagnose score {name}` says more.",
        ]
    )


def _unlearned(diagram: Diagram, learned: Sequence[Action]) -> list[str]:
    """A sentence for actions along axes of which the fitted cells have one value."""
    others = [action for action in gains(diagram) if action not in learned]
    if not others:
        return []
    axis = "whose axis" if len(others) == 1 else "whose axes"
    return [f"Not learned: {', '.join(others)}, along {axis} the fitted cells do not vary."]


def _held_out(model: DiagnosisModel) -> list[str]:
    """A table of how good answers from each set of features are, on held-out cells."""
    full = model.predictors[0]
    rows = [["right, in percent", *full.questions, "gains of the best choice"]]
    for one in model.predictors:
        without = [feature for feature in full.features if feature not in one.features]
        rows.append(
            [f"without {', '.join(without)}" if without else "all features"]
            + [_accuracy(one.tested.questions.get(question)) for question in full.questions]
            + [_share(one.tested)]
        )
    return [f"On {full.tested.tested_on} ({full.tested.n_cells} cells):", *aligned(rows)]


def _accuracy(score: QuestionScore | None) -> str:
    return "" if score is None else f"{100 * score.accuracy.value:.1f}"


def _share(tested: Score) -> str:
    value = tested.values.get("all", tested.values["temperature"])
    return "" if value.share is None else f"{value.share.value:.1f}"


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
    return "\n".join([head, *(line for one in scores for line in ["", *_lines(one, name)])])


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
    root: Path, known: _Known, where: str | None, cells: int | None, seed: int
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
    if cells is not None:
        if cells > len(chosen):
            raise QueryError(f"--cells: got {cells}; allowed: at most {len(chosen)}")
        draw = np.random.default_rng(seed).choice(len(chosen), cells, replace=False)
        chosen = np.sort(chosen[draw])
    return chosen


def _lines(score: Score, name: str) -> list[str]:
    """A table of questions, the value of the advice, and what is no better than a simple rule."""
    head = ["question", "n", "accuracy", "95% interval"]
    names = list(dict.fromkeys(n for one in score.questions.values() for n in one.baselines))
    rows = [[*head, *names, "Brier", "calibration error"]]
    for question, one in score.questions.items():
        interval = f"{100 * one.accuracy.low:.1f} to {100 * one.accuracy.high:.1f}"
        known = [one.baselines.get(baseline) for baseline in names]
        baselines = ["" if share is None else f"{100 * share:.1f}" for share in known]
        rows.append(
            [question, str(one.n), _accuracy(one), interval, *baselines]
            + [f"{one.brier:.3f}", f"{one.calibration_error:.3f}"]
        )
    outside = f", {score.n_outside} of them outside of the model's range" if score.n_outside else ""
    lines = [f"{score.tested_on} ({score.n_cells} cells{outside})", *aligned(rows)]
    for advice, value in score.values.items():
        words = "hotter or colder" if advice == "temperature" else "the best of all actions"
        always = ", ".join(f"always {action} {gain:.2f}" for action, gain in value.always.items())
        share = value.share
        of_best = (
            "no action gains anything"
            if share is None
            else f"{share.value:.1f}% ({share.low:.1f} to {share.high:.1f})"
        )
        lines.append(
            f"advice on {words}: gains {value.gain:.2f} points of {value.best:.2f} by the best "
            f"choice, {of_best}; {always}"
        )
    covered = ", ".join(f"{action} {100 * one:.0f}%" for action, one in score.coverage.items())
    lines.append(f"gains within their 90% intervals: {covered}")
    return [*lines, *score.left_out, *verdicts(score, name)]
