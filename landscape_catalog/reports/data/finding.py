"""What was found, in one paragraph: phases and how sure they are, connectivity, the best cell."""

from __future__ import annotations

from collections.abc import Sequence, Set

import polars as pl

from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.phases import NC, SURE, UNCLASSIFIED
from landscape_catalog.phases.facts.best import BestCell
from landscape_catalog.phases.facts.divisions import CONNECTIVITY
from landscape_catalog.phases.facts.words import difference
from landscape_catalog.reports.data.axes import Axis
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted, enumerated


def finding(tables: Tables, data: ReportData, best: BestCell | None) -> str:
    """The sentences at the top of the page; they follow from the catalog alone.

    Args:
        tables: the catalog.
        data: its cells.
        best: the best of them; None if no cell has a performance.
    """
    parts = [
        _phases(tables, data),
        _connectivity(data),
        "" if best is None else f"{best.words}{_measured(tables, best)}",
        _deciding(tables, data),
    ]
    return " ".join(filter(None, parts))


def _phases(tables: Tables, data: ReportData) -> str:
    names = tables["phases"]["phase"].to_list()
    own = [phase.name for phase in data.rule.own_phases]
    counts = [(names.count(name), name) for name in own if names.count(name)]
    said = _counts(len(names), counts)
    others = ((NC, "did not converge"), (UNCLASSIFIED, "cannot be classified"))
    left = [f"{n} {why}" for phase, why in others if (n := names.count(phase.name))]
    said = f"{said}; {enumerated(left)}" if left else said
    known = tables["phases"]["phase_probability"].drop_nulls()
    if known.is_empty():
        return (
            f"{said}. The probability of {'its label' if len(names) == 1 else 'labels'} is unknown."
        )
    sure = int((known >= SURE).sum())
    if len(names) == 1:
        return f"{said}. Its label is {'' if sure else 'not '}sure."
    return f"{said}. {sure} of {len(names)} labels {'is' if sure == 1 else 'are'} sure."


def _counts(n_cells: int, counts: Sequence[tuple[int, str]]) -> str:
    """How many cells are in which phase: `Of 5 cells, 3 are in I and 2 in II`."""
    if not counts:
        return f"None of {n_cells} cells has a phase" if n_cells > 1 else "The cell has no phase"
    if len(counts) == 1 and counts[0][0] == n_cells:
        which = f"All {n_cells} cells are" if n_cells > 1 else "The only cell is"
        return f"{which} in phase {counts[0][1]}"
    (n, name), *rest = counts
    verb = "is" if n == 1 else "are"
    words = [f"{n} {verb} in phase {name}", *(f"{n} in {name}" for n, name in rest)]
    return f"Of {n_cells} cells, {enumerated(words)}"


def _measured(tables: Tables, best: BestCell) -> str:
    """The error of the best cell's value due to the finite test set, which all cells share."""
    row = tables["cell_metrics"].filter(
        pl.col("cell_id") == best.cell_id,
        pl.col("metric") == best.metric,
        pl.col("probe") == PRIMARY,
    )
    error = row["measurement_error"][0] if row.height else None
    words = "" if error is None else difference(error, best.metric)
    if not words or float(words.split()[0]) == 0:
        return ""
    return f" The finite test set adds an error of {words}, the same one to all cells."


def _connectivity(data: ReportData) -> str:
    """Where runs are poorly connected, or may be; empty for a rule without such phases."""
    poor = [name for name in CONNECTIVITY.first if name in {p.name for p in data.rule.own_phases}]
    if not poor or all(cell["phase"] in (NC.name, UNCLASSIFIED.name) for cell in data.cells):
        return ""
    failing = [cell for cell in data.cells if cell["phase"] in poor]
    if failing:
        verb = "is" if len(failing) == 1 else "are"
        return f"{counted(len(failing), 'cell')} {verb} poorly connected, {_where(data, failing)}."
    doubtful = [cell for cell in data.cells if cell["second"] in poor]
    if not doubtful:
        return "No cell is labelled poorly connected."
    cells = "the one" if len(doubtful) == 1 else f"the {len(doubtful)}"
    return f"No cell is labelled poorly connected, but {cells} {_where(data, doubtful)} may be."


def _where(data: ReportData, cells: Sequence[Row]) -> str:
    """The part of the grid that some cells span: they are `at` it if they fill it."""
    places = [(data.x, {cell["col"] for cell in cells}), (data.y, {cell["row"] for cell in cells})]
    (_, columns), (_, rows) = places
    found = dict.fromkeys(cell["facet"] for cell in cells)
    spanned = [c for c in data.cells if c["facet"] in found and c["col"] in columns]
    there = sum(cell["row"] in rows for cell in spanned)
    word = "at" if there == len(cells) else "within"
    parts = [span_words(axis, where) for axis, where in places]
    if len(data.facets) > 1:
        several = f"in {len(found)} of {len(data.facets)} facets"
        parts = [" and ".join(parts), next(iter(found)) if len(found) == 1 else several]
        return f"{word} {', '.join(filter(None, parts))}"
    return f"{word} {' and '.join(parts)}"


def span_words(axis: Axis, places: Set[int]) -> str:
    """The values of an axis from the first to the last of some places, lowest first.

    Args:
        axis: the axis.
        places: from left to right or from top to bottom.
    """
    if 1 < len(places) == len(axis.labels):
        return f"every {axis.name}"
    values = [axis.labels[place] for place in sorted(places)]
    if axis.reverse != axis.vertical:  # the labels run downwards
        values.reverse()
    ends = values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"
    return f"{axis.name} {ends}"


def _deciding(tables: Tables, data: ReportData) -> str:
    """The criterion on which most labels hang if it is moved by a tenth; empty if none does."""
    criteria = tables["criteria"]
    if criteria.is_empty():
        return ""
    most = pl.max_horizontal("changed_at_90", "changed_at_110")
    row = criteria.with_columns(most.alias("most")).sort(
        "most", "position", descending=[True, False]
    )
    first = row.row(0, named=True)
    if not first["most"]:
        return "No label changes if a threshold is moved by 10%."
    words = {one.name: one.words for one in data.rule.criteria}
    equal = row.filter(pl.col("most") == first["most"])["criterion"].to_list()
    names = [words.get(name) or f"“{name}”" for name in equal]
    labels = counted(first["most"], "label")
    verb = "changes" if first["most"] == 1 else "change"
    if len(names) > 1:
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        return (
            f"The most decisive thresholds are those of {listed}: {labels} {verb} if one of them "
            "is moved by 10%."
        )
    return (
        f"The most decisive threshold is that of {names[0]}: {labels} {verb} if it is moved by 10%."
    )
