"""Double descent along an axis in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts.coincidence import Coincidence
from landscape_catalog.phases.facts.noise import UNKNOWN
from landscape_catalog.phases.facts.words import (
    setting_words,
    shown,
    title,
    with_error,
)
from landscape_catalog.schema.words import counted, in_words

if TYPE_CHECKING:
    from landscape_catalog.phases.facts.descent import Descent

CANDIDATE = 0.05  # p-value of a peak that is compared with the transitions
MARKS = {
    "top_eigenvalue": "the steepest step of the top eigenvalue",
    "trace": "the steepest step of the Hessian trace",
    "train_loss": "the steepest step of the training loss",
    "sharpness": "the flat/sharp boundary",
}


def descent_words(diagram: Diagram, found: Descent) -> str:
    """How many lines have a peak beyond noise, the largest, and what it coincides with.

    Args:
        diagram: the cells.
        found: the peaks along one axis.
    """
    name, lines = title(found.axis), counted(found.n_lines, "line")
    what = error_words(diagram)
    if found.noise == UNKNOWN or found.p_value is None:
        return (
            f"Along {name}, double descent cannot be told from noise on {lines}: nothing says how "
            "large the noise is."
        )
    expected = (
        f"{found.n_candidates} of {lines} have one with p ≤ {CANDIDATE}, where noise alone gives "
        f"at most {shown(found.n_expected)} on average ({chance_words(found.p_value)})"
    )
    if not found.is_seen:
        return f"Along {name}, {what} has no peak beyond noise ({counted(found.n_lines, 'line')})."
    if not found.n_significant:
        sentences = [f"Along {name}, {what} has no single peak beyond noise, but {expected}"]
    else:
        alone = f"{found.n_significant} of {lines}"
        sentences = [
            f"Along {name}, {what} rises and falls again beyond noise on {alone}",
            _largest(diagram, found, name),
            expected[0].upper() + expected[1:],
        ]
    if found.n_ridges < found.n_candidates:
        sentences[-1] += f", in {counted(found.n_ridges, 'ridge')} of neighbouring lines"
    if found.coincidences:
        sentences.append(_marks_words(found.coincidences))
    return ". ".join(sentences) + "."


def _largest(diagram: Diagram, found: Descent, name: str) -> str:
    """The largest peak that is significant by itself."""
    largest = next(bump for bump in found.bumps if bump.significant)
    where = setting_words(largest.settings, largest.variant)
    size = with_error(largest.size, largest.noise, diagram.performance)
    return f"The largest is {size} at {name} {shown(largest.peak)}{f' ({where})' if where else ''}"


def _marks_words(marks: Sequence[Coincidence]) -> str:
    """How far the peaks are from the transitions."""
    parts = [
        f"{mark.distance:.1f} from {MARKS[mark.mark]} (by chance {mark.by_chance:.1f}, "
        f"{chance_words(mark.p_value)}, {counted(mark.n_lines, 'line')})"
        for mark in marks
    ]
    return f"These peaks are, in grid steps on average, {', '.join(parts)}"


def chance_words(p_value: float) -> str:
    """A p-value in words.

    >>> chance_words(0.0234), chance_words(1e-5), chance_words(1.0)
    ('p = 0.023', 'p < 0.001', 'p = 1')
    """
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def error_words(diagram: Diagram) -> str:
    """What rises in double descent: the error that belongs to an accuracy, or the metric itself."""
    words = in_words(diagram.performance)
    return words.replace("accuracy", "error") if diagram.higher_is_better else words
