"""The best cell, and the cells that cannot be told from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts.areas import phase_order
from landscape_catalog.phases.facts.groups import settings_of, variant_name
from landscape_catalog.phases.facts.noise import RUNS, UNKNOWN, Noise, half_width, noise_of
from landscape_catalog.phases.facts.words import amount, difference, setting_words
from landscape_catalog.phases.rule import UNCLASSIFIED
from landscape_catalog.schema.words import counted, in_words

LEVEL = 0.90  # of the interval of a difference


@dataclass(frozen=True)
class Peer:
    """A cell that cannot be told from the best one.

    Attributes:
        cell_id: of the cell.
        settings: its parameters that vary, by dotted path.
        phase: its label; empty if cells are not classified.
        value: its mean.
        behind: how much worse it is than the best.
        half_width: of the 90% interval of that difference; at least `behind`.
    """

    cell_id: str
    settings: dict[str, Any]
    phase: str
    value: float
    behind: float
    half_width: float


@dataclass(frozen=True)
class BestCell:
    """The best cell of a variant.

    Attributes:
        variant: empty if there is only one.
        metric: by which cells are ranked.
        higher_is_better: whether a high value of it is good.
        cell_id: of the best cell.
        settings: its parameters that vary, by dotted path.
        phase: its label; empty if cells are not classified.
        value: its mean.
        standard_error: of that mean; None if unknown.
        noise: where standard errors are from: `runs`, `second differences` or `unknown`.
        n_compared: number of cells with a mean, the best one included.
        peers: cells that cannot be told from it, best first; empty if the noise is unknown.
        peer_phases: number of them in each phase, the best cell not counted.
        words: a sentence.
    """

    variant: str
    metric: str
    higher_is_better: bool
    cell_id: str
    settings: dict[str, Any]
    phase: str
    value: float
    standard_error: float | None
    noise: str
    n_compared: int
    peers: tuple[Peer, ...]
    peer_phases: dict[str, int]
    words: str


def best_cells(diagram: Diagram) -> tuple[BestCell, ...]:
    """The best cell of each variant by the performance metric.

    Another cell cannot be told from it if zero is in the 90% interval of the difference d of their
    means, |d| <= t sqrt(s_1^2 + s_2^2), with the quantile t of Welch's approximation where the
    errors are those over runs of each cell (cells without one have that of their neighbours). Each
    cell is compared by itself. The best of many means is too good on average, so its value is no
    unbiased estimate of what fresh runs would give.

    Returns:
        One element for each variant that has a cell with a mean.
    """
    noise = noise_of(diagram, diagram.performance)
    every = (
        _best(diagram, np.flatnonzero(diagram.variant == i), noise)
        for i in range(len(diagram.variants))
    )
    return tuple(found for found in every if found is not None)


def best_of_all(diagram: Diagram) -> BestCell | None:
    """The best cell of all variants; None if no cell has a mean."""
    every = best_cells(diagram)
    choose = max if diagram.higher_is_better else min
    return choose(every, key=lambda one: one.value, default=None)


def _best(diagram: Diagram, cells: np.ndarray, noise: Noise) -> BestCell | None:
    means = diagram.mean(diagram.performance)
    cells = cells[np.isfinite(means[cells])]
    if not len(cells):
        return None
    score = means if diagram.higher_is_better else -means
    ranked = cells[np.argsort(-score[cells], kind="stable")]
    best = int(ranked[0])
    errors, freedom = _errors(diagram, noise)
    half_widths = half_width(
        (errors[best], errors[ranked]), (freedom[best], freedom[ranked]), LEVEL
    )
    with np.errstate(invalid="ignore"):
        behind = score[best] - score[ranked]
        alike = (behind <= half_widths) & (ranked != best)
    peers = tuple(
        Peer(
            diagram.cell_ids[cell],
            settings_of(diagram, cell),
            _phase(diagram, cell),
            float(means[cell]),
            float(behind[i]),
            float(half_widths[i]),
        )
        for i, cell in enumerate(ranked.tolist())
        if alike[i]
    )
    count = Counter(peer.phase for peer in peers if peer.phase)
    by_phase = {name: count[name] for name in phase_order(tuple(count), {})}
    error = float(errors[best]) if np.isfinite(errors[best]) else None
    variant = variant_name(diagram, best)
    return BestCell(
        variant=variant,
        metric=diagram.performance,
        higher_is_better=diagram.higher_is_better,
        cell_id=diagram.cell_ids[best],
        settings=settings_of(diagram, best),
        phase=_phase(diagram, best),
        value=float(means[best]),
        standard_error=error,
        noise=noise.kind,
        n_compared=len(cells),
        peers=peers,
        peer_phases=by_phase,
        words=_words(diagram, best, error, noise, len(cells), by_phase, len(peers)),
    )


def _errors(diagram: Diagram, noise: Noise) -> tuple[np.ndarray, np.ndarray]:
    """Each cell's standard error with its degrees of freedom: its own if known."""
    if noise.kind != RUNS:
        return noise.errors, noise.freedom
    own = np.asarray(diagram.standard_errors[diagram.performance])
    counts = np.asarray(diagram.counts.get(diagram.performance, np.full(len(diagram), 2)))
    has_own = np.isfinite(own) & (own > 0)
    freedom = np.where(has_own, np.maximum(counts - 1, 1), noise.freedom)
    return np.where(has_own, own, noise.errors), freedom.astype(float)


def _phase(diagram: Diagram, cell: int) -> str:
    return diagram.phases[cell] if diagram.phases else ""


def _words(
    diagram: Diagram,
    best: int,
    error: float | None,
    noise: Noise,
    n_cells: int,
    by_phase: dict[str, int],
    n_peers: int,
) -> str:
    metric = diagram.performance
    value = amount(float(diagram.mean(metric)[best]), metric)
    spread = "" if error is None else f" (standard error {difference(error, metric)})"
    where = setting_words(settings_of(diagram, best), variant_name(diagram, best))
    name = _phase(diagram, best)
    phase = f", in {'an unclassified cell' if name == UNCLASSIFIED.name else f'phase {name}'}"
    extreme = "highest" if diagram.higher_is_better else "lowest"
    words = (
        f"The {extreme} {in_words(metric)} of {counted(n_cells, 'cell')} is {value}{spread}"
        f"{', at ' + where if where else ''}{phase if name else ''}"
    )
    if n_cells == 1:
        return words + "."
    if noise.kind == UNKNOWN:
        return words + "; its noise is unknown, so it cannot be said which cells are as good."
    phases = ", ".join(f"{n} in {name}" for name, n in by_phase.items())
    alike = (
        f"{counted(n_peers, 'other')} cannot be told from it"
        if n_peers
        else "no other cell is as good"
    )
    return f"{words}; {alike}{f' ({phases})' if phases else ''}, by {noise.words}."
