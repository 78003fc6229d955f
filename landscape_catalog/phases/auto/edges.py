"""The edge between sharp and flat cells of a diagram, along its temperature axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.auto.found import N_DRAWS, SEED
from landscape_catalog.phases.auto.step import FEWEST_CELLS, best_steps, noise
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.schema.words import in_words

LOSS = "train_loss"
LEAST_LOSS = 1e-8  # nats: a smaller training loss is rounding
LOSS_FACTOR, HESSIAN_FACTOR = 3.0, 1.5  # of a step, at least
ALONG, ACROSS = 0.3, 0.5  # correlations of the noise that evidence is compared with
LINE_QUANTILE, LARGEST_P = 0.8, 0.05


@dataclass(frozen=True)
class Edges:
    """The lines of a diagram with an edge between sharp and flat cells.

    Attributes:
        metric: of the Hessian.
        lines: with an edge: the indices of their cells, from cold to hot.
        places: the number of flat cells of each, at its cold end.
        factors: (lines, 2), of the step in training loss and in the Hessian.
        others: the lines without an edge.
        p: share of grids of noise with as much evidence; NaN if there was no line.
        axes: temperature axes of the diagram.
    """

    metric: str
    lines: tuple[np.ndarray, ...]
    places: tuple[int, ...]
    factors: np.ndarray
    others: tuple[np.ndarray, ...]
    p: float
    axes: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether there is a transition."""
        return len(self.lines) > 0

    @property
    def n_lines(self) -> int:
        """The number of lines that were looked at."""
        return len(self.lines) + len(self.others)

    @property
    def words(self) -> str:
        """What was seen, or why nothing was."""
        metric = in_words(self.metric)
        along = " and ".join(self.axes)
        if not self.axes:
            return "the grid has no temperature axis"
        if not self.n_lines:
            return (
                f"no line along {along} has three cells with a training loss and a value of the "
                f"{metric}"
            )
        lines = f"{self.n_lines} line{'s' if self.n_lines > 1 else ''} along {along}"
        if not self.found and self.p <= LARGEST_P:
            return (
                f"no transition: in none of {lines}, a clear step of training loss and {metric} "
                f"reaches factors of {LOSS_FACTOR:g} and {HESSIAN_FACTOR:g}"
            )
        if not self.found:
            return (
                f"no transition: in {lines}, training loss and {metric} do not rise together by a "
                f"step that a smooth trend does not explain (p = {self.p:.2g})"
            )
        loss, hessian = np.median(self.factors, axis=0)
        return (
            f"a joint step of training loss (× {loss:.2g}) and {metric} (× {hessian:.2g}; medians) "
            f"in {len(self.lines)} of {lines} (p = {self.p:.2g})"
        )


def find_edges(diagram: Diagram, metric: str) -> Edges:
    """The lines along temperature in which training loss and the Hessian rise together by a step.

    See docs/thresholds.md for the rule.

    Args:
        diagram: the cells.
        metric: of the Hessian, such as `top_eigenvalue`.
    """
    paths = tuple(axis.path for axis in diagram.temperature_axes)
    series = np.stack(
        [_logarithm(diagram.mean(LOSS), LEAST_LOSS), _logarithm(diagram.mean(metric))]
    )
    known = np.isfinite(series).all(axis=0)
    all_lines = [line[known[line]] for path in paths for line in diagram.lines(path)]
    lines = [line for line in all_lines if len(line) >= FEWEST_CELLS]
    if not lines:
        return Edges(metric, (), (), np.empty((0, 2)), (), math.nan, paths)
    steps = best_steps([series[:, line] for line in lines])
    lengths = [len(line) for line in lines]
    by_chance = best_steps(noise(lengths, 2, N_DRAWS, SEED, along=ALONG, across=ACROSS)).evidence
    as_much = _total(by_chance) >= _total(steps.evidence)
    p = (1 + int(as_much.sum())) / (1 + N_DRAWS)
    factors = np.exp(steps.rise)
    large = (factors >= (LOSS_FACTOR, HESSIAN_FACTOR)).all(axis=-1)
    has_edge = large & (steps.evidence > _quantiles(by_chance, lengths))
    if p > LARGEST_P or not has_edge.any():
        return Edges(metric, (), (), np.empty((0, 2)), tuple(lines), p, paths)
    return Edges(
        metric,
        tuple(line for line, chosen in zip(lines, has_edge) if chosen),
        tuple(int(place) for place in steps.place[has_edge]),
        factors[has_edge],
        tuple(line for line, chosen in zip(lines, has_edge) if not chosen),
        p,
        paths,
    )


def _logarithm(values: np.ndarray, least: float = 0.0) -> np.ndarray:
    """The natural logarithm; NaN where there is none."""
    values = np.where(values >= 0, np.maximum(values, least), np.nan)
    with np.errstate(divide="ignore"):
        found = np.log(values)
    return np.where(np.isfinite(found), found, np.nan)


def _total(evidence: np.ndarray) -> np.ndarray:
    """The evidence of a grid, from that of its lines on the last axis."""
    total: np.ndarray = np.maximum(evidence, 0.0).sum(axis=-1)
    return total


def _quantiles(by_chance: np.ndarray, lengths: list[int]) -> np.ndarray:
    """For each line, what the evidence of lines of noise of the same length seldom exceeds."""
    of_length = {
        n: np.quantile(by_chance[:, np.equal(lengths, n)], LINE_QUANTILE) for n in set(lengths)
    }
    return np.array([of_length[n] for n in lengths])
