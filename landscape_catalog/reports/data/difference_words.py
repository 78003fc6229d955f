"""What two experiments differ in, as sentences and rows of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from landscape_catalog.phases.facts.words import with_error
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.difference import Change, Difference
from landscape_catalog.reports.data.matched import CellPair
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted, enumerated

MOST_SETTINGS, MOST_CHANGES, MOST_CELLS = 4, 4, 30


def difference_words(data: ReportData, found: Difference) -> str:
    """The sentences at the top of a comparison: what was found about the difference."""
    return " ".join(filter(None, (_settings(found), _phases(found), _performance(data, found))))


def _settings(found: Difference) -> str:
    """The settings that are constant within both experiments and differ between them."""
    differing = found.sides.settings
    if not differing:
        return ""
    shown = [
        f"{name} ({a} in {found.sides.first}, {b} in {found.sides.second})"
        for name, a, b in differing[:MOST_SETTINGS]
    ]
    more = counted(len(differing) - MOST_SETTINGS, "further setting")
    return f"What differs: {enumerated(shown + [more] * (len(differing) > MOST_SETTINGS))}."


def _phases(found: Difference) -> str:
    pairs = found.matched.pairs
    if not pairs:
        return "No cell lies at the same place in both experiments, so there is no difference."
    changed = [pair for pair in pairs if pair.a["phase"] != pair.b["phase"]]
    both = f"the {len(pairs)} cells that both have"
    if not changed:
        return f"None of {both} changes its phase." if len(pairs) > 1 else (
            "The only cell that both have keeps its phase."
        )  # fmt: skip
    counts = phase_changes(pairs)
    parts = [f"{n} from {a} to {b}" for (a, b), n in counts[:MOST_CHANGES]]
    rest = sum(n for _, n in counts[MOST_CHANGES:])
    parts += [f"{rest} otherwise"] if rest else []
    if len(pairs) == 1:
        (a, b), _ = counts[0]
        return f"The only cell that both have changes its phase from {a} to {b}."
    verb = "changes its phase" if len(changed) == 1 else "change their phase"
    sure = sum(not pair.a["second"] and not pair.b["second"] for pair in changed if _known(pair))
    said = f"; {sure} of these changes {'is' if sure == 1 else 'are'} between sure labels"
    is_known = any(map(_known, changed))
    which = (
        f"All {both.removeprefix('the ')}"
        if len(changed) == len(pairs)
        else f"{len(changed)} of {both}"
    )
    return f"{which} {verb}: {enumerated(parts)}{said * is_known}."


def _known(pair: CellPair) -> bool:
    """Whether both labels have a probability."""
    return not any(cell["probability"].startswith("unknown") for cell in (pair.a, pair.b))


def phase_changes(pairs: Sequence[CellPair]) -> list[tuple[tuple[str, str], int]]:
    """How many cells go from one phase to another, the most frequent change first."""
    changed = [(p.a["phase"], p.b["phase"]) for p in pairs if p.a["phase"] != p.b["phase"]]
    return Counter(changed).most_common()


def _performance(data: ReportData, found: Difference) -> str:
    """The largest gain and the largest loss of the performance metric, with their errors."""
    metric = data.performance
    known = [
        (metric.gain(change.b, change.a), change, pair)
        for change, pair in zip(found.performance, found.matched.pairs)
        if change is not None
    ]
    if not known:
        return ""
    best, worst = (choose(known, key=lambda one: one[0]) for choose in (max, min))
    title = metric.title.lower()
    if best[0] == worst[0] == 0:
        return f"{metric.title} is the same in all of them."
    parts = []
    if best[0] > 0:
        parts.append(
            f"improves most at {_at(data, found, best[2])}, by {_amount(best[1], metric.metric)}"
        )
    if worst[0] < 0:
        parts.append(
            f"worsens most at {_at(data, found, worst[2])}, by {_amount(worst[1], metric.metric)}"
        )
    nowhere = "" if len(parts) == 2 else f"; it {'worsens' if best[0] > 0 else 'improves'} nowhere"
    alike, n = sum(change.alike is True for _, change, _ in known), len(known)
    where = "none" if alike == n else f"{n - alike}"
    said = f" The difference is beyond noise in {where} of {counted(n, 'cell')}." if alike else ""
    return f"{title.capitalize()} {' and '.join(parts)}{nowhere}.{said}"


def _amount(change: Change, metric: str) -> str:
    words = with_error(abs(change.value), change.error, metric)
    return words if change.error is None else f"{words} (standard error)"


def _at(data: ReportData, found: Difference, pair: CellPair) -> str:
    return place_words(data, pair.b, whole=found.matched.n_groups > 1)


def place_words(data: ReportData, cell: Row, *, whole: bool = True) -> str:
    """The place of a cell: the values of its axes, without the experiment.

    Args:
        data: the cells.
        cell: one of them.
        whole: whether the facet belongs to it.
    """
    others = cell["facet"].removeprefix(cell["variant"]).removeprefix(", ") if whole else ""
    place = f"{data.x.name} {cell['x']}, {data.y.name} {cell['y']}"
    return ", ".join(filter(None, (place, others)))


def alone_words(data: ReportData, name: str, cells: Sequence[Row]) -> str:
    """The cells that only one experiment has, by their places; empty if there are none."""
    if not cells:
        return ""
    places = list(dict.fromkeys(place_words(data, cell) for cell in cells))
    return f"Only in {name}: {counted(len(cells), 'cell')} ({first_places(places, MOST_CELLS)})."


def first_places(places: Sequence[str], most: int) -> str:
    """The first of some places, and how many more there are.

    >>> first_places(["width 1", "width 2", "width 4"], 2)
    'width 1; width 2; and 1 more'
    """
    more = f"; and {len(places) - most} more" if len(places) > most else ""
    return "; ".join(places[:most]) + more
