"""The page's sections: what is drawn where, and in which words."""

from __future__ import annotations

from landscape_catalog.phases import Rule
from landscape_catalog.reports.figures import Drawings, curves_id
from landscape_catalog.reports.lines import Curves
from landscape_catalog.reports.markup import folded, hint, section, slot, table, text
from landscape_catalog.reports.measures import Tables

MOST_OPEN_CHARTS = 400


def first_section(tables: Tables, drawn: Drawings) -> str:
    """The phase diagram; beside it, or below where it is wide, its legend and its thresholds."""
    thresholds = table(drawn.data.rule.thresholds(drawn.data.units))
    return section(
        f"<div><h2>Phase diagram</h2>{slot('phases')}</div>",
        f'<div class="beside"><div><h2>Phases</h2>{_legend(tables, drawn.data.rule)}</div>',
        f"<div><h2>Thresholds</h2>{thresholds}</div></div>",
        kind="beside",
    )


def _legend(tables: Tables, rule: Rule) -> str:
    found = tables["phases"]["phase"].to_list()
    entries = []
    for phase in rule.phases:
        count = found.count(phase.name)
        if count or phase in rule.own_phases:
            dark = ' class="dark"' if phase.dark else ""
            entries.append(
                f'<dt{dark} style="background:{phase.colour}">{text(phase.name)}</dt>'
                f'<dd class="count">{count}</dd><dd>{text(phase.meaning)}</dd>'
            )
    return f'<dl class="legend">{"".join(entries)}</dl>'


def panels_section(drawn: Drawings) -> str:
    """Every metric over the grid."""
    several = any(len(drawn.data.ways(panel.column)) > 1 for panel in drawn.panels)
    words = (
        "Means over the converged runs of a cell, or over their pairs, on the axes of the phase "
        "diagram. Colours of loss, eigenvalue and trace follow the natural logarithm; numbers in "
        "the cells are plain. Grey: no number (or none that has a logarithm). NC: training has not "
        "converged."
    )
    if several:
        words += " Panels of one metric have the same colours, so that they can be compared."
    slots = "".join(slot(panel.key) for panel in drawn.panels)
    return section(
        "<h2>What each cell measures</h2>", hint(words), f'<div class="panels">{slots}</div>'
    )


def gain_section(drawn: Drawings) -> str:
    """What each variant gains over base; nothing where there is one variant."""
    if not drawn.gains:
        return ""
    judge, x = drawn.data.judge, drawn.data.x
    words = (
        f"For each {x.name}: the {judge.title.lower()} of the best temperature, and by how much "
        "that is better than base. Cells that have not converged do not count. Better is up."
    )
    parts = ["<h2>What the variants gain</h2>", hint(words)]
    for i, (load, gain) in enumerate(zip(drawn.data.loads, drawn.gains)):
        parts.append(f"<h3>{text(load)}</h3>" if load else "")
        parts.append(slot(f"gain-{i}") if gain.rows else "<p>There is none: no cell converged.</p>")
        if gain.connected_from is not None:
            parts.append(
                hint(
                    f"Dashed: from {x.name} {gain.connected_label} on, base is well connected at "
                    "its best temperature (the first load at which its mode connectivity is not "
                    "below minus the tolerance)."
                )
            )
    return section(*parts)


def slices_section(drawn: Drawings) -> str:
    """Metrics against the temperature; nothing where an axis has one value."""
    if not drawn.slices:
        return ""
    words = (
        f"Each metric against {drawn.data.y.name}, a line for each {drawn.data.x.name}. Bars: one "
        "standard deviation over runs or pairs to either side, where there are two or more. Cells "
        "that have not converged are left out."
    )
    slots = "".join(slot(one.key) for one in drawn.slices)
    return section("<h2>Slices</h2>", hint(words), f'<div class="panels">{slots}</div>')


def curves_section(drawn: Drawings) -> str:
    """The curves between runs, by every probe; the primary's are open."""
    parts = ["<h2>Along the curves between runs</h2>"]
    for j, curves in enumerate(drawn.curves):
        inner = [hint(_curve_words(curves)), *_facet_slots(drawn, j)]
        title = f"{curves.way}: {curves.method}"
        if j:
            parts.append(folded(title, *inner))
        else:
            parts += [f"<h3>{text(title)}</h3>" if curves.way else "", *inner]
    return section(*parts)


def _curve_words(curves: Curves) -> str:
    return (
        f"Training {curves.quantity} in {curves.unit} at each t of the fitted Bezier curve, "
        "batch-norm statistics (if any) recomputed: a hump is a barrier (mc < 0), a dip means that "
        "the ends are not at a minimum (mc > 0). The colour is the phase; an empty chart has no "
        "two converged runs."
    )


def training_section(drawn: Drawings) -> str:
    """Training loss by epoch."""
    words = (
        f"Training loss in {drawn.data.units['train_loss']} by epoch (running mean in train mode, "
        "logarithmic), one line a seed. The colour is the phase."
    )
    parts = [_in_facet(drawn, i, slot(f"training-{i}")) for i in range(len(drawn.data.facets))]
    return section("<h2>Training</h2>", hint(words), *parts)


def _facet_slots(drawn: Drawings, probe: int) -> list[str]:
    none = "<p>There are none: no cell has two converged runs.</p>"
    names = [curves_id(probe, i) for i in range(len(drawn.data.facets))]
    drawn_slots = [slot(name) if name in drawn.charts else none for name in names]
    if probe:  # folded already, as a whole
        return [
            (f"<h3>{text(facet)}</h3>" if facet else "") + part
            for facet, part in zip(drawn.data.facets, drawn_slots)
        ]
    return [_in_facet(drawn, i, part) for i, part in enumerate(drawn_slots)]


def _in_facet(drawn: Drawings, i: int, part: str) -> str:
    """Something of one facet under its heading; folded after the first where there is much."""
    data = drawn.data
    many = len(data.cells) > MOST_OPEN_CHARTS
    if i and many:
        return folded(data.facets[i], part)
    return (f"<h3>{text(data.facets[i])}</h3>" if data.facets[i] else "") + part
