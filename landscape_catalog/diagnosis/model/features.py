"""The features of a diagnosis model: metrics of a cell on its training data, and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action
from landscape_catalog.phases.diagram import Diagram


@dataclass(frozen=True)
class Candidate:
    """A metric or size that a model may use, where a source has it.

    Attributes:
        logarithmic: whether the model takes its natural logarithm.
        floor: below it, values count as this one, so that a logarithm exists.
        words: what it is called in a sentence.
    """

    logarithmic: bool
    floor: float = 0.0
    words: str = ""


METRICS: dict[str, Candidate] = {
    "train_loss": Candidate(True, 1e-6, "training loss"),
    "train_error": Candidate(False, words="training error"),
    "top_eigenvalue": Candidate(True, 1e-6, "top Hessian eigenvalue"),
    "trace": Candidate(True, 1e-6, "Hessian trace"),
    "mode_connectivity": Candidate(False, words="mode connectivity"),
    "peak_error": Candidate(True, 0.1, "peak training error along the curve"),
    "cka": Candidate(False, words="CKA"),
}
SIZES: dict[str, Candidate] = {
    "load.width": Candidate(True, words="width"),
    "load.samples": Candidate(True, words="training samples"),
    "temperature.batch_size": Candidate(True, words="batch size"),
}
CANDIDATES = METRICS | SIZES
OF_CURVES = ("mode_connectivity", "peak_error")
OF_PAIRS = (*OF_CURVES, "cka")
PUBLISHED = {"peak_error": "mode_connectivity_peak"}  # Zhou et al. 2024, with the other sign


def feature_values(diagram: Diagram, *, sizes: bool = False) -> dict[str, np.ndarray]:
    """The candidates that a source has, with their values, (cells,), before any logarithm.

    Args:
        diagram: of the source.
        sizes: whether width, samples and batch size are among them.
    """
    found = {metric: diagram.mean(metric) for metric in METRICS}
    if "peak_error" not in diagram.means:
        found["peak_error"] = -diagram.mean(PUBLISHED["peak_error"]) + 0.0
    if sizes:
        for path in SIZES:
            values = diagram.parameter(path)
            if values is not None:
                found[path] = values.astype(float)
    return {name: values for name, values in found.items() if not np.all(np.isnan(values))}


def feature_sets(names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The sets of features from which a model answers, the largest first.

    All; those without a curve, which may not have converged; those without CKA, which a source may
    lack; and those of single runs.

    >>> feature_sets(["train_loss", "mode_connectivity", "cka"])[1:]
    (('train_loss', 'cka'), ('train_loss', 'mode_connectivity'), ('train_loss',))
    """
    sets = [
        tuple(name for name in names if name not in without)
        for without in ((), OF_CURVES, ("cka",), OF_PAIRS)
    ]
    return tuple(dict.fromkeys(one for one in sets if METRICS.keys() & set(one)))


def transformed(name: str, values: np.ndarray) -> np.ndarray:
    """A feature as the model takes it: its natural logarithm if it is logarithmic."""
    candidate = CANDIDATES[name]
    if not candidate.logarithmic:
        return np.asarray(values, dtype=float)
    return np.log(np.maximum(values, candidate.floor or np.finfo(float).tiny))


def matrix(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The transformed features side by side, (cells, features)."""
    return np.column_stack([transformed(name, value) for name, value in values.items()])


def known_cells(
    values: Mapping[str, np.ndarray], gains: Mapping[Action, np.ndarray], where: np.ndarray
) -> np.ndarray:
    """Those of the cells of which every feature and every gain is known and finite.

    Args:
        values: of the features, (cells of the grid,).
        gains: of the actions.
        where: indices of cells.
    """
    where = np.sort(np.asarray(where, dtype=int))
    known = [np.isfinite(one[where]) for one in (*values.values(), *gains.values())]
    found: np.ndarray = where[np.all(known, axis=0)]
    return found


def baseline_values(diagram: Diagram, metrics: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The metrics that a source has, (cells,); a generalization gap is computed where it is not.

    Args:
        diagram: of the source.
        metrics: wanted.
    """
    found = {metric: diagram.mean(metric) for metric in metrics}
    if "generalization_gap" in found:
        found["generalization_gap"] = diagram.mean("test_error") - diagram.mean("train_error")
    return {name: values for name, values in found.items() if not np.all(np.isnan(values))}
