"""The first screen: the phase diagram, what its colours mean, and the thresholds."""

from __future__ import annotations

from landscape_catalog.catalog.tables import MOVED_COLUMNS
from landscape_catalog.catalog.thresholds import found_thresholds
from landscape_catalog.phases import SURE, Rule
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.page.figures import Figures
from landscape_catalog.reports.page.markup import collapsible, hint, section, slot, table, text
from landscape_catalog.schema.words import counted

NARROWEST_MAP, LARGEST_CELL, MARGIN = 240, 170, 100


def phase_section(tables: Tables, figures: Figures) -> str:
    """The phase diagrams of all facets, the legend, and the thresholds with their sliders."""
    words = (
        "Click a cell, or move with the arrow keys, to see its runs, curves and numbers; drag to "
        "brush a part of the grid, double-click to clear the brush. Keys: A and B pin the selected "
        "cell, R and C brush its row and column, Escape closes."
    )
    maps = (
        f'<div class="maps"><h2>Phase diagram</h2>{hint(words)}'
        f'<p id="said" role="status"></p><div class="facets">{_maps(figures)}</div>'
        '<p id="brushed" class="brushed" role="status"></p></div>'
    )
    legend = f"<h2>Phases</h2>{_legend(tables, figures.data.rule)}{_how_strong(tables)}"
    thresholds = f"{_thresholds(tables, figures)}{_deciding(tables)}"
    meaning = f'<div class="meaning"><div>{legend}</div><div>{thresholds}</div></div>'
    return section(f'<div class="halves">{maps}{meaning}</div>')


def _maps(figures: Figures) -> str:
    """A phase diagram for each facet, which keys can move in."""
    data = figures.data
    width = max(len(data.x.values) * LARGEST_CELL + MARGIN, NARROWEST_MAP)
    found = []
    for i, facet in enumerate(data.facets):
        name = f"Phase diagram{f', {facet}' if len(data.facets) > 1 else ''}"
        heading = f"<h3>{text(facet)}</h3>" if len(data.facets) > 1 else ""
        inner = slot(f"phases-{i}", f"{name}; the arrow keys move between cells", keys=True)
        found.append(f'<div class="map" style="max-width:{width}px">{heading}{inner}</div>')
    return "".join(found)


def _thresholds(tables: Tables, figures: Figures) -> str:
    """The thresholds in words, and a slider for each where the rule is a table."""
    rule = figures.data.rule
    words = table(rule.thresholds(figures.data.units))
    return f"<h2>Thresholds</h2>{words}{_found(tables)}{_sliders(rule)}"


def _sliders(rule: Rule) -> str:
    """A slider for each setting of the rule's table; empty for a rule that is none."""
    if rule.table is None or not rule.table.settings:
        return ""
    rows = [
        f'<label><span>{text(one.words)}</span><input type="range" min="0" max="1000" step="1" '
        f'data-setting="{text(one.path)}"><output id="value-{text(one.path)}">{one.value:g}'
        "</output></label>"
        for one in rule.table.settings
    ]
    return (
        f'<div class="sliders"><h3>What if they were others?</h3>{"".join(rows)}'
        '<p id="moved" role="status"></p>'
        '<button type="button" id="restore" hidden>Restore the declared thresholds</button></div>'
    )


def _found(tables: Tables) -> str:
    """The thresholds that were found from the grid, and how; empty if all are numbers."""
    found = found_thresholds(tables["experiments"].row(0, named=True))
    if not found:
        return ""
    values = table([(one.name, one.number_words) for one in found])
    reasons = "".join(hint(f"{one.name}: {one.words}.") for one in found)
    return f"<h3>Found from the grid</h3>{values}{collapsible('How they were found', reasons)}"


def _how_strong(tables: Tables) -> str:
    """How to read the strength of the colours."""
    if tables["phases"]["phase_probability"].drop_nulls().is_empty():
        return hint("Pale in the diagram: nothing says how sure these labels are.")
    words = (
        f"Full colour: believe it ({SURE:.0%} or more). Pale, with two names: other seeds may "
        "well give the second. Starred: the cell has a note, such as a curve that has not "
        "converged."
    )
    return f'<p class="hint" data-declared>{text(words)}</p>'


def _legend(tables: Tables, rule: Rule) -> str:
    found = tables["phases"]["phase"].to_list()
    entries = []
    for phase in rule.phases:
        count = found.count(phase.name)
        if count or phase in rule.own_phases:
            dark = ' class="dark"' if phase.dark else ""
            entries.append(
                f'<dt{dark} style="background:{phase.colour}">{text(phase.name)}</dt>'
                f'<dd class="count" data-phase="{text(phase.name)}">{count}</dd>'
                f"<dd>{text(phase.meaning)}</dd>"
            )
    return f'<dl class="legend">{"".join(entries)}</dl>'


def _deciding(tables: Tables) -> str:
    """How many labels hang on each criterion; empty for a rule without criteria."""
    criteria = tables["criteria"]
    if criteria.is_empty():
        return ""
    shifts = [f"{factor - 1:+.0%}".replace("-", "−") for factor in MOVED_COLUMNS.values()]
    head = ("criterion", "without", *shifts)
    rows = [
        (row["criterion"], *(str(row[name]) for name in ("changed_without", *MOVED_COLUMNS)))
        for row in criteria.iter_rows(named=True)
    ]
    words = (
        f"How many of the {counted(tables['cells'].height, 'label')} change if a criterion is left "
        "out, or if its threshold is moved by this much."
    )
    return collapsible("What decides", hint(words), table(rows, head=head))
