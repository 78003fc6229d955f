"""The section of a comparison: which phases change, and the difference of every metric."""

from __future__ import annotations

from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.difference import Difference, DifferencePanel
from landscape_catalog.reports.data.difference_words import (
    alone_words,
    first_places,
    phase_changes,
    place_words,
)
from landscape_catalog.reports.page.figures import Figures
from landscape_catalog.reports.page.markup import collapsible, hint, section, slot, table, text
from landscape_catalog.schema.words import counted

MOST_NAMED = 12  # cells that go from one phase to another


def difference_section(figures: Figures) -> str:
    """The difference of two experiments; empty for a page about one."""
    found, data = figures.difference, figures.data
    if found is None:
        return ""
    first, second = found.sides.first, found.sides.second
    title = f"<h2>Difference: {text(second)} minus {text(first)}</h2>"
    n_alone = len(found.matched.only_first) + len(found.matched.only_second)
    alone = [
        hint(words)
        for name, cells in ((first, found.matched.only_first), (second, found.matched.only_second))
        if (words := alone_words(data, name, cells))
    ]
    if n_alone:
        alone = [collapsible(f"{counted(n_alone, 'cell')} of only one experiment", *alone)]
    if not found.matched.pairs:
        words = "No cell of the two experiments has the same values of all axes."
        return section(title, f"<p>{text(words)}</p>", *alone)
    words = (
        "Cells with the same values of all axes. Dashed frame: the phase changes. Orange: higher "
        f"in {second}; purple: lower; colours are centred on no difference. Pale, with ≈: zero "
        "lies in the 90% interval of the difference, by the standard errors over independent runs. "
        "Pale, with a grey number: an estimator has not converged. Click a cell to "
        "see both side by side."
    )
    if found.matched.n_groups > 1:
        words += " The maps follow the facet that is selected or chosen above."
    if found.incomparable:
        alone.append(hint(f"Not compared, since units differ: {', '.join(found.incomparable)}."))
    moved = (
        '<p class="warning" data-moved hidden>Thresholds are moved: the map of phases follows; the '
        "table below it and the sentences at the top hold for the declared thresholds.</p>"
    )
    cards = [_change_card(data, found), *(_card(one) for one in found.panels)]
    return section(title, hint(words), moved, f'<div class="panels">{"".join(cards)}</div>', *alone)


def _change_card(data: ReportData, found: Difference) -> str:
    """The map of phases that change, and how many go from which to which."""
    heading = f"<h3>Phase in {text(found.sides.second)}, where it changes</h3>"
    chart = slot("difference-phases", "Phases that change between the experiments", keys=True)
    return f'<div class="card">{heading}{chart}{_changes(data, found)}</div>'


def _changes(data: ReportData, found: Difference) -> str:
    """From which phase to which, how many cells, and which ones."""
    rows = []
    for (a, b), n in phase_changes(found.matched.pairs):
        cells = [
            place_words(data, pair.b, whole=found.matched.n_groups > 1)
            for pair in found.matched.pairs
            if (pair.a["phase"], pair.b["phase"]) == (a, b)
        ]
        rows.append((a, b, str(n), first_places(cells, MOST_NAMED)))
    if not rows:
        return hint("No cell changes its phase.")
    head = (found.sides.first, found.sides.second, "cells", "which")
    return f'<div class="wide">{table(rows, head=head)}</div>'


def _card(one: DifferencePanel) -> str:
    kind = "ratio; logarithmic colours" if one.logarithmic else "difference"
    words = [kind]
    if one.n_known > one.n_without_error:
        words.append(f"{one.n_alike} of {counted(one.n_known, 'cell')} cannot be told from zero")
    if one.n_without_error:
        known = one.n_without_error < one.n_known
        words.append(f"{one.n_without_error} without a known error" if known else "no known errors")
    return (
        f'<div class="card"><h3>{text(one.title)}</h3>{hint("; ".join(words))}'
        f"{slot(one.key, f'Difference of {one.title}', keys=True)}</div>"
    )
