"""The other sections with charts: panels, slices, coordinates, gains, curves and training."""

from __future__ import annotations

from landscape_catalog.phases import NC
from landscape_catalog.reports.data.colour_scale import colour_scale
from landscape_catalog.reports.data.lines import Curves
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.data.panels import PanelChart
from landscape_catalog.reports.page.figures import Figures, curves_table
from landscape_catalog.reports.page.markup import collapsible, hint, section, slot, text
from landscape_catalog.schema.words import counted

BRUSHED = '<p class="brushed"></p>'  # how many cells are in the brush
ALONG = (("y", "temperature"), ("x", "load"))


def panels_section(tables: Tables, figures: Figures) -> str:
    """The panels: metrics over the grid, with a choice of others and of the facet."""
    converged = tables["cells"]["n_converged"].drop_nulls()
    over = (
        "runs of a cell or pairs of them as it was published"
        if converged.is_empty()
        else "converged runs of a cell, or over pairs of them"
    )
    words = (
        f"Mean of each metric over the {over}, with the outlines of the phases. Colours are "
        "centred on the threshold, marked ◂ on the legend. Grey: no value (or none with a "
        "logarithm)."
    )
    if NC.name in tables["phases"]["phase"]:
        words += (
            " NC: training has not converged: of more than half of the runs, the training loss "
        )
        words += "is not finite, or no better than guessing by the frequencies of the labels."
    if "not converged" in tables["cell_metrics"]["status"]:
        words += " Faded: an estimator has not converged."
    cards = [_card(figures, panel, hidden=False) for panel in figures.panels]
    cards += [_card(figures, panel, hidden=True) for panel in figures.others]
    return section(
        "<h2>Metrics over the grid</h2>",
        hint(words),
        _tools(figures),
        f'<div class="panels">{"".join(cards)}</div>',
    )


def _card(figures: Figures, panel: PanelChart, *, hidden: bool) -> str:
    scale = colour_scale(figures.data, panel)
    words = [panel.method, panel.hint]
    if scale is not None and scale.clipped:
        words.append(f"{counted(scale.clipped, 'cell')} beyond the ends of the colours")
    words = [word for word in words if word]
    said = "; ".join([*(word.rstrip(".") for word in words[:-1]), *words[-1:]])
    return (
        f'<div class="card" id="card-{text(panel.key)}"{" hidden" if hidden else ""}>'
        f"<h3>{text(panel.title)}</h3>{hint(said)}"
        f"{slot(f'panel-{panel.key}', panel.title, keys=True)}</div>"
    )


def _tools(figures: Figures) -> str:
    """The choice of the facet, and of the panels."""
    facets, parts = figures.data.facets, []
    if len(facets) > 1:
        options = "".join(f'<option value="{i}">{text(f)}</option>' for i, f in enumerate(facets))
        parts.append(f'<label>Facet <select id="facet">{options}</select></label>')
    boxes = [
        f'<label><input type="checkbox" data-panel="{text(panel.key)}"'
        f"{' checked' if panel in figures.panels else ''}> {text(panel.title)}</label>"
        for panel in (*figures.panels, *figures.others)
    ]
    choice = collapsible("Choose panels", f'<div class="boxes">{"".join(boxes)}</div>')
    return f'<div class="tools">{"".join(parts)}{choice}</div>'


def slices_section(tables: Tables, figures: Figures) -> str:
    """Metrics along an axis of the grid; empty if one has only one value."""
    if not figures.slices:
        return ""
    words = (
        "Each metric along one axis, with one line per value of the other, for the cells in the "
        "brush. Dashed: thresholds."
    )
    if tables["cell_metrics"]["sd"].drop_nulls().len():
        words += (
            " Bars: ± one standard deviation over runs or pairs, if at least two of them are known."
        )
    if NC.name in tables["phases"]["phase"]:
        words += " Cells that have not converged are left out."
    choices = "".join(
        f'<label><input type="radio" name="along" value="{along}"{" checked" * (along == "y")}> '
        f"along {text(axis.name)}</label>"
        for along, axis in (("y", figures.data.y), ("x", figures.data.x))
    )
    groups = []
    for along, _ in ALONG:
        cards = [
            f'<div class="card"><h3>{text(one.title)}</h3>{hint(one.hint)}'
            f"{slot(one.key, f'{one.title} along the axis', keys=True)}</div>"
            for one in figures.slices
            if one.along == along
        ]
        hidden = " hidden" if along == "x" else ""
        groups.append(f'<div class="panels" data-along="{along}"{hidden}>{"".join(cards)}</div>')
    tools = f'<fieldset class="tools"><legend>Lines</legend>{choices}</fieldset>'
    return section("<h2>Slices</h2>", hint(words), tools, BRUSHED, *groups)


def coordinates_section(figures: Figures) -> str:
    """Parallel coordinates; empty if there are too few axes."""
    if not figures.axes:
        return ""
    words = (
        "One line per cell, coloured by phase. Drag over an axis to keep the cells whose values "
        "lie in the range, and over others to keep those in all ranges; double-click to clear. "
        "With a brush on the phase diagram, the cells in both are kept."
    )
    chart = slot("coordinates", "Parallel coordinates of the cells", keys=True)
    return section("<h2>Parallel coordinates</h2>", hint(words), chart, BRUSHED)


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
        parts.append(_gain_cards(figures, i) if gain.rows else "<p>No cell has converged.</p>")
        if gain.connected_from is not None:
            parts.append(
                hint(
                    f"Dashed line: from {x.name} {gain.connected_label} on, base is well connected "
                    "at its best temperature, i.e. its mode connectivity is no longer below minus "
                    "the tolerance."
                )
            )
    return section(*parts)


def _gain_cards(figures: Figures, i: int) -> str:
    metric = figures.data.performance
    extreme = "Best" if metric.higher_is_better else "Lowest"
    cards = [
        (f"best-{i}", f"{extreme} {metric.title.lower()} over temperatures"),
        (f"gain-{i}", f"Gain in {metric.title.lower()} over base"),
    ]
    inner = [
        f'<div class="card"><h3>{text(title)}</h3>{slot(name, title)}</div>'
        for name, title in cards
    ]
    return f'<div class="panels">{"".join(inner)}</div>'


def curves_section(figures: Figures) -> str:
    """The curves between runs of all cells, for every probe; collapsed.

    Empty for published results without any curve.
    """
    if figures.published and not any(curves.lines for curves in figures.curves):
        return ""
    parts = []
    for j, curves in enumerate(figures.curves):
        name = f"all-{curves_table(j)}"
        label = ": ".join(filter(None, (curves.label, curves.method)))
        chart = slot(name, "Curves between runs, one chart per cell")
        inner = chart if name in figures.charts else "<p>No cell has two converged runs.</p>"
        title = f"Curves of all cells{f' ({label})' if label else ''}"
        parts.append(collapsible(title, hint(_curve_words(curves)), inner))
    if "all-training" in figures.charts:
        words = (
            f"Training loss{_in(figures.data.units['train_loss'])} by epoch (running mean in train "
            "mode, logarithmic scale), with one line per seed. Colour: phase."
        )
        chart = slot("all-training", "Training loss by epoch, one chart per cell")
        parts.append(collapsible("Training of all cells", hint(words), chart))
    return section("<h2>Curves and training</h2>", *parts)


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
