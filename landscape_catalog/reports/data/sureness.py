"""How sure the labels are: how strong a cell is drawn, its second phase, and the count in words."""

from __future__ import annotations

from landscape_catalog.phases import NC, SURE, Rule, percent
from landscape_catalog.reports.charts.colours import DARK, faded, luminance
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted

FAINTEST, STRONGEST = 0.2, 0.7  # opacity of doubtful labels, from the least to the most probable
FAINTEST_AT = 0.3  # probability of the faintest
UNKNOWN = 0.5  # opacity of a label whose probability is unknown


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


def sureness_words(tables: Tables) -> str:
    """How many labels are sure, or why the map is only a sketch."""
    phases = tables["phases"]
    known = phases["phase_probability"].drop_nulls()
    total = counted(phases.height, "label")
    if known.is_empty():
        reasons = phases["probability_reason"].drop_nulls().unique(maintain_order=True).to_list()
        because = f" ({reasons[0]})" if reasons else ""
        return (
            f"This map is a sketch: nothing says how sure its {total} "
            f"{'is' if phases.height == 1 else 'are'}{because}. Other seeds "
            "may give another map. A label has a probability where there are five seeds per cell "
            "and connectivity of a ring of pairs or of all of them."
        )
    sure = int((known >= SURE).sum())
    unknown = phases.height - len(known)
    return (
        f"{sure} of {total} {'is' if sure == 1 else 'are'} sure: as many fresh seeds would give "
        f"the same label with a probability of at least {SURE:.0%}."
        + (f" For {counted(unknown, 'cell')} the probability is unknown." if unknown else "")
    )
