"""The section on what the diagram shows: areas, boundaries, the best cell, double descent."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.catalog.facts import label_probabilities
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts import (
    Areas,
    BestCell,
    Boundaries,
    Descent,
    Facts,
    Gain,
    PhaseArea,
    facts_of,
)
from landscape_catalog.phases.facts.boundary_words import position_words
from landscape_catalog.phases.facts.descent_words import chance_words
from landscape_catalog.phases.facts.words import (
    amount,
    difference,
    interval,
    setting_words,
    title,
)
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.reports.page.boundary_table import boundary_table
from landscape_catalog.reports.page.markup import collapsible, hint, section, table, text
from landscape_catalog.schema.words import counted, in_words

MOST_FACETS = 60
MOST_PEERS = 20
MARKS = {
    "top_eigenvalue": "Hessian",
    "trace": "Hessian",
    "train_loss": "training loss",
    "sharpness": "flat/sharp",
}


def facts_section(tables: Tables, cells: Diagram) -> str:
    """What the diagram shows, as small tables and sentences; empty if nothing can be said.

    Args:
        tables: the catalog.
        cells: its diagram.
    """
    facts = facts_of(cells, label_probabilities(tables, cells))
    if not facts.words:
        return ""
    return section(
        "<h2>What the diagram shows</h2>",
        *(f"<p>{text(best.words)}</p>{_peers(best)}" for best in facts.best),
        *(f"<p>{text(gain.words)}</p>" for gain in facts.gains),
        _areas([areas for areas in facts.areas if not areas.settings]),
        _boundaries(facts.boundaries) if facts.boundaries else "",
        _descents(facts.descents) if facts.descents else "",
        *_positions(facts),
    )


def _peers(best: BestCell) -> str:
    """The cells that cannot be told from the best one, the better ones first."""
    if not best.peers:
        return ""
    head = ("cell", "phase", in_words(best.metric), "behind the best, 90% interval")
    rows = [
        (
            setting_words(peer.settings, best.variant),
            peer.phase or "–",
            amount(peer.value, best.metric),
            interval(peer.behind, peer.half_width, best.metric),
        )
        for peer in best.peers[:MOST_PEERS]
    ]
    more = len(best.peers) - len(rows)
    left = hint(f"{counted(more, 'more cell')}.") if more else ""
    which = counted(len(best.peers), "cell")
    return collapsible(f"{which} that cannot be told from the best", table(rows, head=head), left)


def _areas(every: Sequence[Areas]) -> str:
    """How much each phase covers: a table for each variant."""
    if not every:
        return ""
    words = "Areas on the scale of the axes."
    if any(one.expected is not None for one in every[0].phases):
        words += (
            " Fresh runs: 90% interval of what as many fresh seeds would give, if cells are "
            "independent."
        )
    tables = [_area_table(areas) for areas in every[1:] or every]
    return f'<h3>Areas</h3>{hint(words)}<div class="panels">{"".join(tables)}</div>'


def _area_table(areas: Areas) -> str:
    """One variant, with phases as columns."""
    rows = [
        ("cells", *(str(one.count) for one in areas.phases)),
        ("of the area", *(f"{one.area:.0%}" for one in areas.phases)),
    ]
    if any(one.expected is not None for one in areas.phases):
        rows += [
            ("cells, fresh runs", *map(_count_band, areas.phases)),
            ("of the area, fresh runs", *map(_area_band, areas.phases)),
        ]
    return table(rows, head=(areas.variant, *(one.phase for one in areas.phases)))


def _count_band(one: PhaseArea) -> str:
    return f"{one.expected_low} to {one.expected_high}"


def _area_band(one: PhaseArea) -> str:
    return f"{one.area_low:.0%} to {one.area_high:.0%}"


def _boundaries(every: Sequence[Boundaries]) -> str:
    """How many lines change, where, and where those lie that do not."""
    head = ("boundary", "along", "lines that change", "median position", "the others")
    rows = [
        (
            f"{one.first_side} → {one.second_side}",
            title(one.axis),
            _changing(one),
            position_words(one) or "–",
            _others(one),
        )
        for one in every
    ]
    words = (
        "Along each axis, from more load to less, or from cold to hot: on how many lines of the "
        "grid the cells change sides, and at which value of the axis."
    )
    return f"<h3>Boundaries</h3>{hint(words)}{table(rows, head=head)}"


def _changing(one: Boundaries) -> str:
    """How many lines change, and how many of them not as expected."""
    words = f"{one.n_changing} of {one.n_lines}"
    if one.n_reversed:
        words += f", {one.n_reversed} reversed"
    return words + (f", {one.n_returning} more than once" if one.n_returning else "")


def _others(one: Boundaries) -> str:
    """On which side the lines lie that do not change."""
    sides = (one.first_side, one.second_side)
    counts = {side: sum(line.side == side for line in one.lines) for side in sides}
    return ", ".join(f"{n} {side}" for side, n in counts.items() if n)


def _descents(every: Sequence[Descent]) -> str:
    """Where test error has peaks beyond noise, and how near they are to the transitions."""
    seen = [one for one in every if one.is_seen]
    unknown = [one for one in every if one.p_value is None]
    unseen = [title(one.axis) for one in every if not one.is_seen and one.p_value is not None]
    parts = ["<h3>Double descent</h3>"]
    if seen:
        parts.append(_peaks(seen))
    if unseen:
        parts.append(
            f"<p>Along {text(' and '.join(unseen))}, there is no line on which the test metric "
            "worsens and improves again beyond noise.</p>"
        )
    parts += [f"<p>{text(one.words)}</p>" for one in unknown]
    return "".join(parts)


def _peaks(every: Sequence[Descent]) -> str:
    marks = [name for name in MARKS if any(name == c.mark for d in every for c in d.coincidences)]
    head = ("along", "lines", "beyond noise", "p ≤ 0.05", "largest peak beyond noise")
    rows = [
        (
            title(one.axis),
            str(one.n_lines),
            str(one.n_significant),
            f"{one.n_candidates}, noise {one.n_expected:.1f}",
            _largest(one),
            *(_distance(one, mark) for mark in marks),
        )
        for one in every
    ]
    words = (
        "Lines on which the test metric worsens and improves again. Beyond noise: at most 10% of "
        "these peaks are expected to be noise. p ≤ 0.05: number of lines, and how many noise alone "
        "gives at most on average."
    )
    if marks:
        words += (
            " Last: mean distance of the latter peaks from a transition, in grid steps, and of "
            "peaks placed by chance."
        )
    columns = (*head, *(f"from {MARKS[mark]}" for mark in marks))
    return hint(words) + table(rows, head=columns)


def _largest(one: Descent) -> str:
    """The largest significant peak; a dash if there is none."""
    for bump in one.bumps:
        if bump.significant:
            where = setting_words({one.axis: bump.peak, **bump.settings}, bump.variant)
            return f"{difference(bump.size, one.metric)} at {where}"
    return "–"


def _distance(one: Descent, mark: str) -> str:
    for found in one.coincidences:
        if found.mark == mark:
            p = chance_words(found.p_value)
            return f"{found.distance:.1f}, chance {found.by_chance:.1f} ({p})"
    return "–"


def _positions(facts: Facts) -> list[str]:
    """Where each line changes, the phases of each facet, and gains by load: collapsed tables."""
    found = []
    grids = [grid for one in facts.boundaries if (grid := boundary_table(one))]
    if grids:
        found.append(collapsible("Where each line changes", *grids))
    facets = [areas for areas in facts.areas if areas.settings]
    if 1 < len(facets) <= MOST_FACETS:
        found.append(collapsible("Areas by facet", _facets(facets)))
    found += [collapsible(f"Gain of {gain.variant} by load", _gains(gain)) for gain in facts.gains]
    return found


def _facets(facets: Sequence[Areas]) -> str:
    names = list(dict.fromkeys(one.phase for areas in facets for one in areas.phases))
    rows = []
    for areas in facets:
        share = {one.phase: f"{one.area:.0%}" for one in areas.phases}
        where = setting_words(areas.settings, areas.variant)
        rows.append((where, *(share.get(name, "") for name in names)))
    return table(rows, head=("", *names))


def _gains(gain: Gain) -> str:
    """The gain at every load with the distance from the connectivity boundary."""
    metric = gain.metric
    rows = [
        (
            setting_words(load.settings),
            difference(load.gain, metric),
            "" if load.standard_error is None else difference(load.standard_error, metric),
            "?" if load.steps is None else f"{load.steps:+g}",
        )
        for load in gain.loads
    ]
    head = ("load", "gain", "standard error", "steps from the boundary")
    return table(rows, head=head)
