"""A diagnosis as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from landscape_catalog.diagnosis.result import Diagnosis
from landscape_catalog.diagnosis.words import (
    advice_in_words,
    caveats_in_words,
    errors_in_words,
    mean_in_words,
    meanings_in_words,
    neighbour_in_words,
    phase_in_words,
    place_in_words,
    reasons_in_words,
    subject_in_words,
    values_in_words,
)

WIDTH = 96
HEAD = ("", "mean", "± runs", "± estimate", "each checkpoint or pair")


def in_words(found: Diagnosis) -> str:
    """A diagnosis as text: what was measured, the phase and why, the place, and advice."""
    blocks = [
        [*_wrapped(subject_in_words(found), ""), f"preprocessing: {found.data.preprocessing}"],
        list(_phase(found)),
        list(_measured(found)),
        list(_place(found)),
        list(_advice(found)),
        list(_titled("Remarks", found.remarks)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _titled(title: str, sentences: Iterable[str]) -> Iterator[str]:
    lines = [line for sentence in sentences for line in _wrapped(sentence)]
    if lines:
        yield title
        yield from lines


def _phase(found: Diagnosis) -> Iterator[str]:
    phase = found.phase
    yield f"Phase: {phase_in_words(found)}"
    sentences = [*meanings_in_words(found), phase.reason, phase.words, *found.more]
    for sentence in filter(None, sentences):
        yield from _wrapped(sentence)
    thresholds = "; ".join(f"{name}: {words}" for name, words in phase.thresholds.items())
    yield from _wrapped(f"Thresholds ({phase.thresholds_of}): {thresholds}")


def _measured(found: Diagnosis) -> Iterator[str]:
    """A table of the metrics, how they were measured, and why values are missing."""
    rows = [HEAD]
    for metric in found.metrics:
        row = (metric.title, mean_in_words(metric), *errors_in_words(metric))
        rows.append((*row, values_in_words(metric)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD) - 1)]
    yield "Measured"
    for *cells, last in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths))
        yield f"  {line}  {last}".rstrip()
    for reason in reasons_in_words(found):
        yield from _wrapped(f"- {reason}")
    yield from _wrapped("How: " + "; ".join(f"{name}: {m}" for name, m in found.method.items()))


def _place(found: Diagnosis) -> Iterator[str]:
    reference = found.reference
    if reference is None:
        return
    yield f"Place in {reference.name}"
    for sentence in place_in_words(found):
        yield from _wrapped(sentence)
    for one in reference.nearest:
        yield from _wrapped(f"- {neighbour_in_words(one)}")


def _advice(found: Diagnosis) -> Iterator[str]:
    yield "Advice"
    for place, one in enumerate(found.advice, 1):
        yield from _wrapped(f"{place}. {advice_in_words(one)}")
        yield from _wrapped(one.why, "     ")
    for sentence in (*caveats_in_words(found), *found.no_advice):
        yield from _wrapped(sentence)
