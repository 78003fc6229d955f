"""How sure the labels are: how strong a cell is drawn, its second phase, and the count in words."""

from __future__ import annotations

from collections import Counter

import polars as pl

from landscape_catalog.phases import NC, SURE, Rule, percent
from landscape_catalog.phases.predictive.grid import FEWEST
from landscape_catalog.reports.data.colours import DARK, faded, luminance
from landscape_catalog.reports.data.metric_columns import Tables, are_published
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted

FAINTEST, STRONGEST = 0.2, 0.7  # opacity of doubtful labels, from the least to the most probable
FAINTEST_AT = 0.3  # probability of the faintest
UNKNOWN = 0.5  # opacity of a label whose probability is unknown
_REMEDY = (
    f"A label has a probability where at least {FEWEST} runs of its cell have converged and at "
    f"least {FEWEST} pairs of them are measured; five seeds (train.seeds) and a ring of pairs or "
    "all (measure.connectivity.pairs) are advised."
)


def strength(phase: str, probability: float | None) -> float:
    """Opacity of a cell: 1 if its label is sure, otherwise by the probability of the label.

    A cell that has not converged is drawn in full: nothing was left to measure.

    >>> [strength("III", p) for p in (0.95, 0.9, 0.6, 0.2, None)]
    [1.0, 1.0, 0.45, 0.2, 0.5]
    """
    if probability is None:
        return 1.0 if phase == NC.name else UNKNOWN
    if probability >= SURE:
        return 1.0
    part = max((probability - FAINTEST_AT) / (SURE - FAINTEST_AT), 0.0)
    return round(FAINTEST + (STRONGEST - FAINTEST) * part, 2)


def label_row(cell: Row, rule: Rule) -> Row:
    """The columns of a cell that say how sure its label is.

    Args:
        cell: its row of the table `phases`.
        rule: by which it was classified.
    """
    name, probability = cell["phase"], cell["phase_probability"]
    opacity = strength(name, probability)
    phase = next((phase for phase in rule.phases if phase.name == name), None)
    white = phase is not None and phase.dark
    if phase is not None and opacity < 1:
        white = white and luminance(faded(phase.colour, opacity)) < DARK
    is_doubtful = probability is not None and probability < SURE
    return {
        "strength": opacity,
        "white": white,
        "second": (cell["second_phase"] or "") if is_doubtful else "",
        "probability": _in_words(probability, cell["probability_reason"]),
    }


def _in_words(probability: float | None, reason: str | None) -> str:
    if probability is not None:
        return percent(probability)
    return f"unknown: {reason}" if reason else "unknown"


def _because(phases: pl.DataFrame) -> str:
    """The most frequent reason why labels have no probability, in brackets; empty if none is known.

    A reason that holds for some of the labels only is given with their number.
    """
    reasons = Counter(phases["probability_reason"].drop_nulls().to_list())
    if not reasons:
        return ""
    ((reason, n),) = reasons.most_common(1)
    of_cells = "" if n == phases.height else f"in {n} of {phases.height} cells "
    return f" ({of_cells}{reason.replace('_', ' ')})"


def sureness_words(tables: Tables) -> str:
    """How many labels are sure, or why the map is only a sketch."""
    phases = tables["phases"]
    known = phases["phase_probability"].drop_nulls()
    total = counted(phases.height, "label")
    if known.is_empty():
        verb = "is" if phases.height == 1 else "are"
        words = (
            f"This map is a sketch: nothing says how sure its {total} {verb}{_because(phases)}. "
            "Other seeds may give another map."
        )
        return words if are_published(tables) else f"{words} {_REMEDY}"
    sure = int((known >= SURE).sum())
    unknown = phases.height - len(known)
    return (
        f"{sure} of {total} {'is' if sure == 1 else 'are'} sure: as many fresh seeds would give "
        f"the same label with a probability of at least {SURE:.0%}."
        + (f" For {counted(unknown, 'cell')} the probability is unknown." if unknown else "")
    )
