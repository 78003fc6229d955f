"""Double descent: where test error rises and falls again along an axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.facts.bump import chance, peak_at, statistic
from landscape_catalog.phases.facts.coincidence import Coincidence
from landscape_catalog.phases.facts.descent_words import CANDIDATE, descent_words
from landscape_catalog.phases.facts.groups import settings_of, variant_name
from landscape_catalog.phases.facts.marks import PeakedLine, coincidences_of, ridges_of
from landscape_catalog.phases.facts.noise import UNKNOWN, Noise, noise_of

FALSE_DISCOVERIES = 0.10  # expected share of noise among the significant peaks


@dataclass(frozen=True)
class Bump:
    """The peak of one line.

    Attributes:
        variant: of the line; empty if there is only one.
        settings: the other parameters, by dotted path.
        valley_before: value of the axis at the lowest point before the peak, towards more load or a
            lower temperature: test error rises from here.
        peak: value of the axis at the peak.
        valley_after: value of the axis at the lowest point after it.
        cell_id: the cell at the peak.
        size: how much worse the peak is than the worse of the two valleys, in the unit of the
            metric: the `dip` of the view `double_descent`.
        first_descent: by how much the metric improved before the first valley; 0 if the line
            starts there.
        noise: standard error of `size`; None if unknown.
        p_value: that noise alone gives such a peak; None if the noise is unknown.
        q_value: the same, corrected for the number of lines (Benjamini and Hochberg 1995).
        candidate: whether `p_value` is at most 0.05.
        significant: whether `q_value` is at most 0.10.
        ridge: number of the ridge of candidates that it belongs to; None if it is not one.
    """

    variant: str
    settings: dict[str, Any]
    valley_before: float
    peak: float
    valley_after: float
    cell_id: str
    size: float
    first_descent: float
    noise: float | None
    p_value: float | None
    q_value: float | None
    candidate: bool
    significant: bool
    ridge: int | None


@dataclass(frozen=True)
class Descent:
    """Double descent along one axis.

    Attributes:
        axis: its dotted path.
        metric: the performance metric.
        n_lines: number of lines with at least three values.
        n_significant: lines with a peak that is significant by itself.
        n_candidates: lines with a peak of p <= 0.05.
        n_expected: the most candidates that noise alone gives on average, 0.05 `n_lines`.
        p_value: probability of as many candidates by noise alone (binomial: the lines along one
            axis have no cell in common); None if the noise is unknown.
        n_ridges: number of ridges that candidates on neighbouring lines form.
        noise: where standard errors are from: `runs`, `second differences` or `unknown`.
        bumps: every line that has a peak at all, the largest first.
        coincidences: distance of the candidates from the transitions of their lines.
        words: a sentence.
    """

    axis: str
    metric: str
    n_lines: int
    n_significant: int
    n_candidates: int
    n_expected: float
    p_value: float | None
    n_ridges: int
    noise: str
    bumps: tuple[Bump, ...]
    coincidences: tuple[Coincidence, ...]
    words: str

    @property
    def is_seen(self) -> bool:
        """Whether a peak is significant by itself, or more lines have one than noise gives."""
        return self.n_significant > 0 or (self.p_value is not None and self.p_value <= CANDIDATE)


@dataclass(frozen=True)
class _Line:
    """A line with its peak, as indices."""

    axis: DiagramAxis
    cells: np.ndarray
    at: int | None = None
    bump: Bump | None = None


def descents_of(diagram: Diagram) -> tuple[Descent, ...]:
    """Peaks of test error on every line along an ordered axis.

    Test error means the performance metric in the direction in which less is better. On each line
    the peak that stands out of the noise the most is kept (`bump.statistic`), and its p-value is
    the probability that a flat line with this noise has one that stands out as much. Lines of all
    axes together are corrected for their number.

    Args:
        diagram: the cells.

    Besides, the number of lines along an axis with p <= 0.05 is compared with what noise gives, so
    that a weak peak on many lines is seen.

    Returns:
        One element for each ordered axis with a line of at least three values.
    """
    noise = noise_of(diagram, diagram.performance)
    found = [_line(diagram, axis, line, noise) for axis, line in _lines(diagram)]
    found = _corrected(found)
    axes = dict.fromkeys(line.axis for line in found)
    return tuple(
        _summary(diagram, axis, [line for line in found if line.axis == axis], noise)
        for axis in axes
    )


def _lines(diagram: Diagram) -> list[tuple[DiagramAxis, np.ndarray]]:
    known = np.isfinite(diagram.mean(diagram.performance))
    lines = [
        (axis, line[known[line]])
        for axis in (*diagram.load_axes, *diagram.temperature_axes)
        for line in diagram.lines(axis.path)
    ]
    return [(axis, line) for axis, line in lines if len(line) >= 3]


def _line(diagram: Diagram, axis: DiagramAxis, cells: np.ndarray, noise: Noise) -> _Line:
    means = diagram.mean(diagram.performance)[cells]
    values, errors = (-means if diagram.higher_is_better else means), noise.errors[cells]
    at, p_value = None, None
    if noise.kind != UNKNOWN and np.isfinite(errors).all():
        observed, at = statistic(values, errors)
        p_value = chance(observed, len(values), float(np.median(noise.freedom[cells])))
    peak = peak_at(values, at)
    if peak is None:
        return _Line(axis, cells)
    worse = peak.before if values[peak.before] > values[peak.after] else peak.after
    error = float(np.hypot(errors[peak.at], errors[worse]))
    of_axis = np.array(axis.values)[diagram.places[cells, diagram.axis(axis.path)]]
    bump = Bump(
        variant=variant_name(diagram, int(cells[0])),
        settings=settings_of(diagram, int(cells[0]), without=(axis.path,)),
        valley_before=float(of_axis[peak.before]),
        peak=float(of_axis[peak.at]),
        valley_after=float(of_axis[peak.after]),
        cell_id=diagram.cell_ids[cells[peak.at]],
        size=peak.size,
        first_descent=peak.first_descent,
        noise=error if np.isfinite(error) else None,
        p_value=p_value,
        q_value=None,
        candidate=p_value is not None and p_value <= CANDIDATE,
        significant=False,
        ridge=None,
    )
    return _Line(axis, cells, peak.at, bump)


def _corrected(lines: list[_Line]) -> list[_Line]:
    """The lines with their q-values; a line without a peak counts with a p-value of 1."""
    p = np.array([_p_value(line) for line in lines])
    if not len(p):
        return lines
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    found = []
    for line, own in zip(lines, q.tolist()):
        bump = line.bump
        if bump is not None and bump.p_value is not None:
            bump = replace(bump, q_value=own, significant=own <= FALSE_DISCOVERIES)
        found.append(replace(line, bump=bump))
    return found


def _p_value(line: _Line) -> float:
    return 1.0 if line.bump is None or line.bump.p_value is None else line.bump.p_value


def _summary(diagram: Diagram, axis: DiagramAxis, lines: list[_Line], noise: Noise) -> Descent:
    candidates = [line for line in lines if line.bump is not None and line.bump.candidate]
    peaks = [PeakedLine(line.cells, line.at) for line in candidates if line.at is not None]
    which = ridges_of(diagram, axis, peaks)
    ridge_of = {id(line): ridge for line, ridge in zip(candidates, which)}
    bumps = [
        replace(line.bump, ridge=ridge_of.get(id(line))) for line in lines if line.bump is not None
    ]
    found = Descent(
        axis=axis.path,
        metric=diagram.performance,
        n_lines=len(lines),
        n_significant=sum(bump.significant for bump in bumps),
        n_candidates=len(candidates),
        n_expected=CANDIDATE * len(lines),
        p_value=_chance_of(len(candidates), len(lines)) if noise.kind != UNKNOWN else None,
        n_ridges=len(set(which)),
        noise=noise.kind,
        bumps=tuple(sorted(bumps, key=lambda bump: -bump.size)),
        coincidences=coincidences_of(diagram, peaks, which),
        words="",
    )
    return replace(found, words=descent_words(diagram, found))


def _chance_of(n_candidates: int, n_lines: int) -> float:
    """The probability that noise alone gives as many candidates."""
    from scipy import stats  # heavy, and only needed here

    return float(stats.binom.sf(n_candidates - 1, n_lines, CANDIDATE))
