"""The gain of each variant over `base`, at each load (Figure 13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landscape_catalog.reports.data.axes import label
from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.numbers import rounded
from landscape_catalog.schema.tables import Row


@dataclass(frozen=True)
class Gain:
    """The best cell of each variant over all temperatures, at each load.

    Attributes:
        rows: one row per variant and load: its position, `best`, `gain` over base, and the
            temperature of the best cell.
        connected_from: position of the first load at which base's best cell is well connected;
            None if it is so from the first load on, or at none.
        connected_label: this load as text.
    """

    rows: list[Row]
    connected_from: float | None
    connected_label: str


def best_over_temperatures(data: ReportData, load: str) -> Gain:
    """The best test accuracy (or lowest test loss) at each load, and each variant's gain.

    Cells that have not converged are ignored.

    Args:
        data: the cells.
        load: the values of the other loads, an element of `data.loads`.
    """
    best = {
        (variant, value): cell
        for variant in data.variants
        for value in data.x.values
        if (cell := _best_cell(data, load, variant, label(value))) is not None
    }
    base = data.variants[0]
    rows = [_row(data, cell, best.get((base, value))) for (_, value), cell in best.items()]
    along = [best.get((base, value)) for value in _loads_left_to_right(data)]
    found = _first_connected(
        [cell for cell in along if cell is not None], data.rule.poorly_connected_below
    )
    return Gain(rows, found["xp"] if found else None, found["x"] if found else "")


def _row(data: ReportData, cell: Row, base: Row | None) -> Row:
    metric = data.performance.metric
    gain = None if base is None else rounded(data.performance.gain(cell[metric], base[metric]))
    kept = {name: cell[name] for name in ("variant", "x", "xp", "y", "facet")}
    return kept | {"best": cell[metric], "gain": gain}


def _best_cell(data: ReportData, load: str, variant: str, x: str) -> Row | None:
    place = (load, variant, x)
    return data.best_of(c for c in data.cells if (c["load"], c["variant"], c["x"]) == place)


def _loads_left_to_right(data: ReportData) -> list[Any]:
    return list(data.x.values)[:: -1 if data.x.reverse else 1]


def _first_connected(cells: list[Row], least: float | None) -> Row | None:
    """The first well-connected cell (mc >= least) if the cells before it are poorly connected."""
    if least is None:
        return None
    poorly_connected = False
    for cell in cells:
        mc = cell["mode_connectivity"]
        if mc is None:
            continue
        if mc >= least:
            return cell if poorly_connected else None
        poorly_connected = True
    return None
