"""How good a diagnosis model is on few cells, and on other amounts, widths and grids.

    python benchmarks/diagnosis_model.py PROJECT [--draws 20]

PROJECT holds the imports `zhou2024` and `yang2021`. Each row fits a model on some cells of
`zhou2024` and scores it on others; the two rows of random cells are means over draws. Prints a
table in Markdown: accuracy in percent for each question, by the model, by its forest alone, by the
declared or additive part alone, by a tree on validation metrics and by one on the training error;
then the value of the advice in percent of the best choice, and for each action the share of gains
that lie in their 90% intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from landscape_catalog.catalog.diagram import READ, diagram_of
from landscape_catalog.catalog.sources import source_named
from landscape_catalog.diagnosis.model import Action, DiagnosisModel, Question, Score
from landscape_catalog.diagnosis.model.fit import fit_model
from landscape_catalog.diagnosis.model.score import score_model
from landscape_catalog.paths import Project
from landscape_catalog.phases import Yang2021
from landscape_catalog.phases.diagram import Diagram

ABOUT = dict.fromkeys(("name", "experiment_id", "classification_id"), "zhou2024")
ABOUT |= {"dataset": "cifar10", "model": "resnet18"}
SHORT: dict[Question, str] = {
    "temperature": "temperature",
    "width or temperature": "width",
    "data or temperature": "data",
}
ACTIONS: tuple[Action, ...] = ("hotter", "colder", "wider", "more data")
BASELINES = ("validation metrics", "training error", "majority")


def random_cells(diagram: Diagram, n: int, draws: int) -> list[np.ndarray]:
    """Draws of n cells."""
    return [
        np.sort(np.random.default_rng(seed).choice(len(diagram), n, replace=False))
        for seed in range(draws)
    ]


def cases(zhou: Diagram, draws: int) -> Iterator[tuple[str, list[np.ndarray], np.ndarray | None]]:
    """Name, the sets of fitted cells, and the tested ones; None: all but the fitted ones."""
    width, samples = zhou.parameter("load.width"), zhou.parameter("load.samples")
    assert width is not None and samples is not None
    yield "samples <= 5,000", [np.flatnonzero(samples <= 5000)], None
    yield "samples <= 10,000", [np.flatnonzero(samples <= 10000)], None
    yield "samples >= 25,000", [np.flatnonzero(samples >= 25000)], None
    yield "width 2", [np.flatnonzero(width == 2)], None
    yield "width 3", [np.flatnonzero(width == 3)], None
    yield "width <= 4, on >= 16", [np.flatnonzero(width <= 4)], np.flatnonzero(width >= 16)
    yield "width >= 16, on <= 4", [np.flatnonzero(width >= 16)], np.flatnonzero(width <= 4)
    yield "96 random cells", random_cells(zhou, 96, draws), None
    yield "167 random cells", random_cells(zhou, 167, draws), None


def shifted(diagram: Diagram, strength: float = 0.5) -> Diagram:
    """The grid with metrics moved as label noise moves them; test accuracy and gains stay.

    Cells that do not fit their labels have a larger loss and error, and so have narrow networks
    along the curve; barriers rise and CKA falls. At strength 0.5 a forest loses about as much
    accuracy as one that was tested on a grid with 10% label noise. An imitation, not data.
    """
    loss, error = diagram.mean("train_loss"), diagram.mean("train_error")
    peak, mc = -diagram.mean("mode_connectivity_peak"), diagram.mean("mode_connectivity")
    unfitted = strength * (1 - np.exp(-loss / 0.1))
    on_curve = strength * (1 - np.exp(-peak / 8))
    above = mc + 8 * unfitted - 8 * on_curve
    barrier = mc * (1 + 0.3 * strength)
    moved = {
        "train_loss": loss + 0.4 * unfitted,
        "train_error": error + 8 * unfitted,
        "cka": diagram.mean("cka") * (1 - 0.2 * strength),
        "mode_connectivity_peak": -(peak + 8 * on_curve),
        "mode_connectivity": np.where(mc > 0.3, above, np.where(mc < 0, barrier, mc)),
    }
    return replace(diagram, means={**diagram.means, **moved})


def part_alone(model: DiagnosisModel, part: str) -> DiagnosisModel:
    """The model with only one part of each question's.

    Args:
        model: a fitted one.
        part: `forest`, or `declared`: the reading of the regimes or the logistic regression.
    """
    questions, full = {}, model.predictors[0]
    for name, one in full.questions.items():
        change: dict[str, Any] = {"additive": None, "regimes": None}
        if part == "declared" and one.regimes is not None:
            none = {"strength": 1e12, "cells": (0, 0, 0), "right": (0, 0, 0)}
            change = {"regimes": one.regimes.model_copy(update=none)}
        elif part == "declared" and one.additive is not None:
            # The mean of an additive part and nothing is half of it; twice that is the part.
            change = {"forest": None, "share": 0.5}
        questions[name] = one.model_copy(update=change)
    changed = full.model_copy(update={"questions": questions})
    return model.model_copy(update={"predictors": (changed,)})


def row(name: str, scores: list[dict[str, Score]]) -> str:
    """One line of the table, means over draws."""
    cells = [name, f"{np.mean([one['model'].n_cells for one in scores]):.0f}"]
    for question in SHORT:
        if any(question not in one["model"].questions for one in scores):
            cells.append("")
            continue
        found = [
            np.mean([one[part].questions[question].accuracy.value for one in scores])
            for part in ("model", "forest", "declared")
        ]
        found += [
            np.mean([one["model"].questions[question].baselines[b] for one in scores])
            for b in BASELINES
        ]
        cells.append(
            "**{:.1f}** / {:.1f} / {:.1f} / {:.1f} / {:.1f} / {:.1f}".format(
                *(100 * value for value in found)
            )
        )
    for advice in ("temperature", "all"):
        shares = [one["model"].values[advice].share for one in scores]
        cells += [f"{np.mean([share.value for share in shares if share]):.1f}"]
    for action in ACTIONS:
        covered = [one["model"].coverage.get(action, np.nan) for one in scores]
        cells.append("" if np.isnan(covered).any() else f"{100 * np.mean(covered):.0f}")
    return f"| {' | '.join(cells)} |"


def scored(model: DiagnosisModel, diagram: Diagram, tested: np.ndarray) -> dict[str, Score]:
    """The scores of the model, and of its parts alone."""
    models = {"model": model, **{part: part_alone(model, part) for part in ("forest", "declared")}}
    return {
        part: score_model(one, diagram, "the tested grid", tested=tested)[0]
        for part, one in models.items()
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--sizes", action="store_true")
    asked = parser.parse_args()
    sources = {
        name: diagram_of(source_named(Project(asked.project), name).tables(READ))
        for name in ("zhou2024", "yang2021")
    }
    zhou, yang = sources["zhou2024"], sources["yang2021"]

    def fit(chosen: np.ndarray | None) -> DiagnosisModel:
        return fit_model(
            zhou, Yang2021(), about=ABOUT, chosen=chosen, sizes=asked.sizes, reduced=False
        )

    head = ("fitted on", "tested", *SHORT.values(), "value", "of all", *ACTIONS)
    print(f"| {' | '.join(head)} |")
    print("|---" * len(head) + "|")
    width = zhou.parameter("load.width")
    assert width is not None
    for name, one in (("all, on yang2021", None), ("width 2, on yang2021", width == 2)):
        chosen = None if one is None else np.flatnonzero(one)
        print(row(name, [scored(fit(chosen), yang, np.arange(len(yang)))]), flush=True)
    for name, fitted, tested in cases(zhou, asked.draws):
        found, moved = [], []
        for chosen in fitted:
            model, others = fit(chosen), np.setdiff1d(np.arange(len(zhou)), chosen)
            found.append(scored(model, zhou, others if tested is None else tested))
            moved.append(scored(model, shifted(zhou), others if tested is None else tested))
        print(row(name, found), flush=True)
        print(row(f"{name}, shifted", moved), flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
