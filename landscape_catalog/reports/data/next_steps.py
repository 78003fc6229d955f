"""Where more training would tell most: the least sure labels, and a best cell at the grid's end."""

from __future__ import annotations

from collections.abc import Mapping

from landscape_catalog.phases import NC, SURE, percent
from landscape_catalog.phases.facts.best import BestCell
from landscape_catalog.reports.data.axes import Axis, label
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.metric_columns import Tables
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import counted, enumerated

MOST = 3  # cells that are named
ENOUGH = 5  # seeds from which labels have a probability
FEWEST_VALUES = 3  # of an axis that has a middle


def next_steps(tables: Tables, data: ReportData, best: BestCell | None) -> str:
    """Which cells to train more seeds of, and where to extend the grid; may be empty.

    A label is doubtful if as many fresh runs would give another with a probability of more than
    10%; more seeds make it surer, whichever it is. The best cell may not be the optimum if it lies
    at the end of an axis and the cells before it are worse.

    Args:
        tables: the catalog.
        data: its cells.
        best: the best of them; None if no cell has a performance.
    """
    parts = (
        _least_sure(tables, data),
        _few_seeds(tables),
        _short_curves(data),
        _unfinished(data),
        "" if best is None else _end(data, best),
    )
    return " ".join(filter(None, parts))


def _least_sure(tables: Tables, data: ReportData) -> str:
    """The labels with the least probability."""
    known = dict(tables["phases"].select("cell_id", "phase_probability").rows())
    every = tables["phase_probabilities"].select("cell_id", "phase", "probability").iter_rows()
    others = {(cell, phase): f" {percent(p)}" for cell, phase, p in every}
    doubtful = [
        (probability, cell)
        for cell in data.cells
        if (probability := known.get(cell["cell_id"])) is not None and probability < SURE
    ]
    if not doubtful:
        return ""
    doubtful.sort(key=lambda one: one[0])
    named = [
        f"{data.place_words(cell)} ({cell['phase']} {percent(p)}{_second(cell, others)})"
        for p, cell in doubtful[:MOST]
    ]
    which = "The least sure label is at" if len(doubtful) == 1 else "The least sure labels are at"
    return f"{which} {'; '.join(named)}: train more seeds there."


def _second(cell: Row, probabilities: Mapping[tuple[str, str], str]) -> str:
    """The second phase of a cell with its probability, which may be the larger one."""
    if not cell["second"]:
        return ""
    probability = probabilities.get((cell["cell_id"], cell["second"]))
    return f", {cell['second']}{probability}" if probability else f", or {cell['second']}"


def _short_curves(data: ReportData) -> str:
    """Cells whose curves have not converged, which need longer fits rather than more seeds."""
    n = sum(bool(cell.get("mode_connectivity doubt")) for cell in data.cells)
    if not n:
        return ""
    return (
        f"In {counted(n, 'cell')} (starred) curves have not converged: fit them longer there "
        "(measure.connectivity)."
    )


def _few_seeds(tables: Tables) -> str:
    """That labels have no probability, since there are too few seeds."""
    most = max(tables["cells"]["n_runs"].drop_nulls().to_list(), default=ENOUGH)
    if most >= ENOUGH or not tables["phases"]["phase_probability"].drop_nulls().is_empty():
        return ""
    return f"With {ENOUGH} seeds per cell and a ring of curves, labels would have a probability."


def _unfinished(data: ReportData) -> str:
    """Cells whose training has not converged, which need longer training rather than more seeds."""
    n = sum(cell["phase"] == NC.name for cell in data.cells)
    if not n:
        return ""
    verb = "has" if n == 1 else "have"
    return f"{counted(n, 'cell')} {verb} not converged: train longer there."


def _end(data: ReportData, best: BestCell) -> str:
    """The axes at whose ends the best cell lies."""
    ends = [words for axis in (data.x, data.y) if (words := _end_of(axis, best))]
    if not ends:
        return ""
    return f"The best cell has {enumerated(ends)} of the grid: the optimum may lie beyond."


def _end_of(axis: Axis, best: BestCell) -> str:
    """The value of an axis, if the best cell lies at one of its ends."""
    if len(axis.values) < FEWEST_VALUES or axis.path not in best.settings:
        return ""
    value = best.settings[axis.path]
    if axis.scale == "even" and not all(isinstance(one, (int, float)) for one in axis.values):
        return ""
    kind = {axis.values[0]: "smallest", axis.values[-1]: "largest"}.get(value)
    return f"the {kind} {axis.name} ({label(value)})" if kind else ""
