"""Thresholds on training loss and the Hessian, from the cells on the two sides of an edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from landscape_catalog.phases.auto.edges import LOSS, Edges
from landscape_catalog.phases.auto.found import (
    N_RESAMPLES,
    SEED,
    FoundThreshold,
    band,
    rounded,
)
from landscape_catalog.phases.diagram import Diagram

NEAR = 2  # cells from an edge
LEAST = 1e-8  # of the next larger value: a training loss may be zero

# The cells of a line whose side is known, (3, cells): their indices, whether they are sharp, and
# whether they are among the two next to an edge on either side.
Side = np.ndarray
Errors = Callable[[Side], tuple[np.ndarray, np.ndarray]]


def loss_threshold(diagram: Diagram, edges: Edges, default: float) -> FoundThreshold:
    """The training loss at which fewest cells are on the wrong side of their line's edge.

    Args:
        diagram: the cells.
        edges: of its lines.
        default: the documented one.
    """
    return _found("train_loss", edges, (default, ""), _sides(edges), _errors_of_loss(diagram))


def hessian_threshold(
    diagram: Diagram,
    edges: Edges,
    default: tuple[float, str],
    *,
    train_loss: float | None,
    tolerance: float,
) -> FoundThreshold:
    """The threshold on the Hessian with which the rule agrees best with the edges.

    It minimises the number of cells that the rule as a whole puts on the wrong side. Among equally
    good thresholds, it minimises the number of cells within two steps of an edge that the Hessian
    alone puts there. Lines without an edge count if the training loss at the edges of the others
    divides them into a flat cold and a sharp hot part, or leaves them whole.

    Args:
        diagram: the cells.
        edges: of its lines.
        default: what it falls back on, and why that in words.
        train_loss: the threshold on the training loss in effect; None: it is not used.
        tolerance: of mode connectivity, above which a cell is sharp as well.
    """
    values = diagram.mean(edges.metric)
    otherwise = diagram.mean("mode_connectivity") > tolerance
    if train_loss is not None:
        otherwise = otherwise | (diagram.mean(LOSS) > train_loss)

    def errors(side: Side) -> tuple[np.ndarray, np.ndarray]:
        cells, sharp, near = side[0], side[1].astype(bool), side[2].astype(bool)
        cuts, whole = _n_wrong(values[cells], sharp, ~otherwise[cells])
        _, alone = _n_wrong(values[cells], sharp, near)
        return cuts, whole + alone / (1 + near.sum())

    sides = _sides(edges) + _without_edge(diagram, edges)
    return _found("hessian.threshold", edges, default, sides, errors)


def _sides(edges: Edges) -> list[Side]:
    """The cells of lines with an edge."""
    found = []
    for line, place in zip(edges.lines, edges.places):
        steps = np.arange(len(line)) - place  # 0 is the first sharp cell
        found.append(np.stack([line, steps >= 0, (steps >= -NEAR) & (steps < NEAR)]))
    return found


def _without_edge(diagram: Diagram, edges: Edges) -> list[Side]:
    """The cells of other lines that the training loss at the edges divides once at most."""
    if not edges.found:
        return []
    values = diagram.mean(LOSS)
    cut, _, _ = _best(*_errors_of_loss(diagram)(np.concatenate(_sides(edges), axis=1)))
    found = []
    for line in edges.others:
        sharp = values[line] > cut
        if (np.diff(sharp.astype(int)) >= 0).all():
            found.append(np.stack([line, sharp, np.zeros(len(line), dtype=int)]))
    return found


def _errors_of_loss(diagram: Diagram) -> Errors:
    """The number of cells on the wrong side by each threshold on the training loss."""
    values = diagram.mean(LOSS)

    def errors(side: Side) -> tuple[np.ndarray, np.ndarray]:
        return _n_wrong(values[side[0]], side[1].astype(bool), np.ones(side.shape[1], dtype=bool))

    return errors


def _found(
    name: str, edges: Edges, default: tuple[float, str], sides: Sequence[Side], errors: Errors
) -> FoundThreshold:
    """The threshold with fewest errors, and its band by resamples of the lines."""
    if not edges.found:
        value, why = default
        return FoundThreshold.default(name, value, "; ".join(filter(None, (edges.words, why))))
    value, low, high = _best(*errors(np.concatenate(sides, axis=1)))
    value, n = rounded(value, low, high), len(sides)
    random = np.random.default_rng(SEED)
    resampled = [
        _best(*errors(np.concatenate([sides[i] for i in chosen], axis=1)))[0]
        for chosen in random.integers(n, size=(N_RESAMPLES if n > 1 else 0, n))
    ]
    return FoundThreshold(name, value, *band(resampled or [low, high], value), edges.words)


def _n_wrong(
    values: np.ndarray, sharp: np.ndarray, counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values, and how many cells are wrong if those above each of them are sharp.

    Args:
        values: of the cells; those that are not finite are left out.
        sharp: which cells are sharp.
        counted: which cells count; the others are the same for every threshold.
    """
    known = np.isfinite(values)
    distinct, place = np.unique(values[known], return_inverse=True)
    sharp, counted = sharp[known], counted[known]
    n_sharp = np.bincount(place, sharp & counted, minlength=len(distinct))
    n_flat = np.bincount(place, ~sharp & counted, minlength=len(distinct))
    return distinct, np.cumsum(n_sharp) + n_flat.sum() - np.cumsum(n_flat)


def _best(distinct: np.ndarray, wrong: np.ndarray) -> tuple[float, float, float]:
    """The best threshold and the values that it lies between: the widest gap with fewest errors.

    A threshold is above one value and below the next; there is none above the largest value.
    """
    if len(distinct) == 1:
        return float(distinct[0]), 0.0, float("inf")
    low, high = np.maximum(distinct[:-1], LEAST * distinct[1:]), distinct[1:]
    candidates = np.flatnonzero(wrong[:-1] == wrong[:-1].min())
    best = candidates[(np.log(high[candidates]) - np.log(low[candidates])).argmax()]
    return float(np.sqrt(low[best]) * np.sqrt(high[best])), float(low[best]), float(high[best])
