"""Grouped folds of the fitted cells, and the calibration of probabilities by them."""

from __future__ import annotations

import numpy as np

from landscape_catalog.diagnosis.model.questions import logit
from landscape_catalog.phases.diagram import Diagram

FOLDS = 5
SLOPES = np.geomspace(0.2, 2.0, 24)


def grouped_folds(diagram: Diagram, where: np.ndarray) -> tuple[np.ndarray, str]:
    """The fold of each cell, (cells,): whole values of the load-like axis with most of them.

    Neighbouring cells are alike, so folds of single cells would promise too much. Without an axis
    of which the cells have several values, folds are runs of successive cells.

    Args:
        diagram: of the grid.
        where: indices of the cells.

    Returns:
        The folds, and what is held out in words.
    """
    best, words = np.arange(len(where)) * FOLDS // len(where), "held-out cells"
    most = 1
    for place, axis in enumerate(diagram.axes):
        values, index = np.unique(diagram.places[where, place], return_inverse=True)
        if not axis.is_temperature and len(values) > most:
            best, most, words = interleaved(index), len(values), held_out_words(axis.path)
    return best, words


def held_out_words(path: str) -> str:
    """What is held out, by an axis.

    >>> held_out_words("load.label_noise")
    'held-out label noise'
    """
    return f"held-out {path.rpartition('.')[2].replace('_', ' ')}"


def interleaved(index: np.ndarray) -> np.ndarray:
    """The fold of each value of an axis, by its index: every fifth value is in the same one.

    >>> interleaved(np.array([0, 1, 5, 6]))
    array([0, 1, 0, 1])
    """
    return index % FOLDS


def slope_of(probability: np.ndarray, outcome: np.ndarray) -> float:
    """The factor of logits with the least mean logarithmic loss on held-out cells.

    The decision at 1/2 does not change (temperature scaling, Guo et al. 2017).

    Args:
        probability: of held-out cells, (cells,).
        outcome: whether the first answer was right.
    """
    if not len(outcome):
        return 1.0
    sign = np.where(outcome, 1.0, -1.0)
    logits = sign * logit(probability)
    losses = [np.mean(np.log1p(np.exp(-slope * logits))) for slope in SLOPES]
    return float(f"{SLOPES[int(np.argmin(losses))]:.4g}")
