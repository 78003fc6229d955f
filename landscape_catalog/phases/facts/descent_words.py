"""Double descent along an axis in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts.coincidence import Coincidence
from landscape_catalog.phases.facts.noise import UNKNOWN
from landscape_catalog.phases.facts.words import (
    counted,
    difference,
    metric_words,
    setting_words,
    shown,
    title,
)

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
        f"{found.n_candidates} of {lines} have a peak with p ≤ {CANDIDATE}, where noise alone "
        f"gives at most {shown(found.n_expected)} on average (p = {found.p_value:.2g})"
    )
    if not found.n_significant and found.p_value > CANDIDATE:
        return f"Along {name}, {what} has no peak beyond noise: {expected}."
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
    return ". ".join([*sentences, *(_mark_words(mark) for mark in found.coincidences)]) + "."


def _largest(diagram: Diagram, found: Descent, name: str) -> str:
    """The largest peak that is significant by itself."""
    largest = next(bump for bump in found.bumps if bump.significant)
    where = setting_words(largest.settings, largest.variant)
    metric = diagram.performance
    spread = f" ± {difference(largest.noise, metric)}" if largest.noise else ""
    return (
        f"The largest is {difference(largest.size, metric)}{spread} at {name} "
        f"{shown(largest.peak)}{f' ({where})' if where else ''}"
    )


def _mark_words(mark: Coincidence) -> str:
    return (
        f"Peaks are {mark.distance:.1f} steps from {MARKS[mark.mark]}, by chance "
        f"{mark.by_chance:.1f} (p = {mark.p_value:.2g}, {counted(mark.n_lines, 'line')})"
    )


def error_words(diagram: Diagram) -> str:
    """What rises in double descent: the error that belongs to an accuracy, or the metric itself."""
    words = metric_words(diagram.performance)
    return words.replace("accuracy", "error") if diagram.higher_is_better else words
