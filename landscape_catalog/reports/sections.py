"""The sections of the page: their charts and their text."""

from __future__ import annotations

from landscape_catalog.catalog.tables import MOVED_COLUMNS
from landscape_catalog.catalog.thresholds import found_thresholds
from landscape_catalog.phases import NC, SURE, Rule
from landscape_catalog.reports.figures import Figures, curves_id
from landscape_catalog.reports.lines import Curves
from landscape_catalog.reports.markup import collapsible, hint, section, slot, table, text
from landscape_catalog.reports.metric_columns import Tables
from landscape_catalog.schema.words import counted

MOST_OPEN_CHARTS = 400


def phase_section(tables: Tables, figures: Figures) -> str:
    """The phase diagram with its legend and thresholds, which move below it if it is wide."""
    thresholds = table(figures.data.rule.thresholds(figures.data.units))
    return section(
        f"<div><h2>Phase diagram</h2>{slot('phases')}</div>",
        f'<div class="beside"><div><h2>Phases</h2>{_legend(tables, figures.data.rule)}'
        f"{_how_strong(tables)}</div>",
        f"<div><h2>Thresholds</h2>{thresholds}{_found(tables)}</div>{_deciding(tables)}</div>",
        kind="beside",
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
    return hint(
        f"Full colour: believe it ({SURE:.0%} or more). Pale, with two names: other seeds may "
        "well give the second."
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
    deciding = f'<div class="wide">{table(rows, head=head)}</div>'
    return f'<div class="deciding"><h2>What decides</h2>{hint(words)}{deciding}</div>'


def panels_section(tables: Tables, figures: Figures) -> str:
    """The panels: metrics over the grid."""
    several = any(len(figures.data.columns_of(panel.column)) > 1 for panel in figures.panels)
    converged = tables["cells"]["n_converged"].drop_nulls()
    over = (
        "runs of a cell or pairs of them as it was published"
        if converged.is_empty()
        else "converged runs of a cell, or over pairs of them,"
    )
    words = (
        f"Each panel shows the mean of a metric over the {over} on the axes of the phase diagram. "
        "The colour scales of loss, eigenvalue and trace are logarithmic (natural logarithm); "
        "numbers are not. Grey: no value (or none with a logarithm)."
    )
    if NC.name in tables["phases"]["phase"]:
        words += " NC: training has not converged."
    if several:
        words += " Panels of the same metric share a colour scale."
    slots = "".join(slot(panel.key) for panel in figures.panels)
    return section(
        "<h2>Metrics over the grid</h2>", hint(words), f'<div class="panels">{slots}</div>'
    )


def gain_section(figures: Figures) -> str:
    """The gain of each variant over base; empty if there is only one variant."""
    if not figures.gains:
        return ""
    metric, x = figures.data.performance, figures.data.x
    words = (
        f"For each value of {x.name}: the {metric.title.lower()} at the best temperature, and its "
        "improvement over base. Cells that have not converged are ignored. Up is better."
    )
    parts = ["<h2>Gain of the variants</h2>", hint(words)]
    for i, (load, gain) in enumerate(zip(figures.data.loads, figures.gains)):
        parts.append(f"<h3>{text(load)}</h3>" if load else "")
        parts.append(slot(f"gain-{i}") if gain.rows else "<p>No cell has converged.</p>")
        if gain.connected_from is not None:
            parts.append(
                hint(
                    f"Dashed line: from {x.name} {gain.connected_label} on, base is well connected "
                    "at its best temperature, i.e. its mode connectivity is no longer below minus "
                    "the tolerance."
                )
            )
    return section(*parts)


def slices_section(tables: Tables, figures: Figures) -> str:
    """Metrics against the temperature; empty if an axis has only one value."""
    if not figures.slices:
        return ""
    words = (
        f"Each metric against {figures.data.y.name}, with one line per value of "
        f"{figures.data.x.name}."
    )
    if tables["cell_metrics"]["sd"].drop_nulls().len():
        words += (
            " Bars: ± one standard deviation over runs or pairs, if at least two of them are known."
        )
    if NC.name in tables["phases"]["phase"]:
        words += " Cells that have not converged are left out."
    slots = "".join(slot(one.key) for one in figures.slices)
    return section("<h2>Slices</h2>", hint(words), f'<div class="panels">{slots}</div>')


def curves_section(figures: Figures) -> str:
    """The curves between runs, for every probe; only those of the primary probe are expanded.

    Empty for published results without any curve.
    """
    if figures.published and not any(curves.lines for curves in figures.curves):
        return ""
    parts = ["<h2>Curves between runs</h2>"]
    for j, curves in enumerate(figures.curves):
        inner = [hint(_curve_words(curves)), *_facet_slots(figures, j)]
        title = f"{curves.label}: {curves.method}"
        if j:
            parts.append(collapsible(title, *inner))
        else:
            parts += [f"<h3>{text(title)}</h3>" if curves.label else "", *inner]
    return section(*parts)


def _curve_words(curves: Curves) -> str:
    return (
        f"Training {curves.quantity}{_in(curves.unit)} along the fitted Bezier curve, as a "
        "function of t, with batch-norm statistics (if any) recomputed at each t. A hump is a "
        "barrier (mc < 0); a dip means that the endpoints are not at a minimum (mc > 0). Colour: "
        "phase. An empty chart means that fewer than two runs of the cell have converged."
        + (" Faded: the fit has not converged." if any(c["doubt"] for c in curves.lines) else "")
    )


def _in(unit: str) -> str:
    """The unit as part of a sentence, if it is known."""
    return f" in {unit}" if unit else ""


def training_section(figures: Figures) -> str:
    """Training loss by epoch; empty if no history is known."""
    if not figures.histories:
        return ""
    words = (
        f"Training loss{_in(figures.data.units['train_loss'])} by epoch (running mean in train "
        "mode, logarithmic scale), with one line per seed. Colour: phase."
    )
    parts = [_in_facet(figures, i, slot(f"training-{i}")) for i in range(len(figures.data.facets))]
    return section("<h2>Training</h2>", hint(words), *parts)


def _facet_slots(figures: Figures, probe: int) -> list[str]:
    none = "<p>No cell has two converged runs.</p>"
    names = [curves_id(probe, i) for i in range(len(figures.data.facets))]
    drawn_slots = [slot(name) if name in figures.charts else none for name in names]
    if probe:  # the whole probe is collapsed already
        return [
            (f"<h3>{text(facet)}</h3>" if facet else "") + part
            for facet, part in zip(figures.data.facets, drawn_slots)
        ]
    return [_in_facet(figures, i, part) for i, part in enumerate(drawn_slots)]


def _in_facet(figures: Figures, i: int, part: str) -> str:
    """Content of one facet under its heading; on large grids, only the first facet is expanded."""
    data = figures.data
    many = len(data.cells) > MOST_OPEN_CHARTS
    if i and many:
        return collapsible(data.facets[i], part)
    return (f"<h3>{text(data.facets[i])}</h3>" if data.facets[i] else "") + part
