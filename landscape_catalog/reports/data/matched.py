"""The cells of two compared experiments that lie at the same place, and those of only one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from landscape_catalog.reports.data.cells import ReportData
from landscape_catalog.reports.data.compared import Sides
from landscape_catalog.schema.tables import Row

NO_FACET = -1


@dataclass(frozen=True)
class CellPair:
    """Two cells with the same values of all axes.

    Attributes:
        a: of the first experiment, a row of the cells.
        b: of the second.
        facet_a: index of the first's facet that shows this pair; -1: none.
        facet_b: index of the second's.
    """

    a: Row
    b: Row
    facet_a: int
    facet_b: int


@dataclass(frozen=True)
class Matched:
    """The cells of two experiments by place.

    Attributes:
        pairs: the cells that both have, in the order of the second.
        only_first: cells that only the first has.
        only_second: cells that only the second has.
        n_groups: number of pairs of facets that have cells in common.
    """

    pairs: list[CellPair]
    only_first: list[Row]
    only_second: list[Row]
    n_groups: int


def matched(data: ReportData, sides: Sides) -> Matched:
    """Match the cells of two experiments by the values of the axes of either.

    Variants match by their names if both experiments have several. If only one has several, each of
    them is compared with the only one of the other.

    Args:
        data: the cells of `compared_tables`.
        sides: which belong to which experiment.
    """
    first = [cell for cell in data.cells if cell["i"] < sides.n_first]
    second = [cell for cell in data.cells if cell["i"] >= sides.n_first]
    by_name = len(_variants(first)) > 1 and len(_variants(second)) > 1
    partners: dict[tuple[str, ...], list[Row]] = {}
    for cell in first:
        partners.setdefault(_place(cell, sides.first, by_name), []).append(cell)
    found = [(a, b) for b in second for a in partners.get(_place(b, sides.second, by_name), ())]
    groups = list(dict.fromkeys((a["f"], b["f"]) for a, b in found))
    with_a = {a: next(group for group in groups if group[0] == a) for a, _ in groups}
    with_b = {b: next(group for group in groups if group[1] == b) for _, b in groups}
    pairs = [
        CellPair(
            a,
            b,
            a["f"] if with_a[a["f"]] == (a["f"], b["f"]) else NO_FACET,
            b["f"] if with_b[b["f"]] == (a["f"], b["f"]) else NO_FACET,
        )
        for a, b in found
    ]
    used = {cell["i"] for pair in found for cell in pair}
    only_first = [cell for cell in first if cell["i"] not in used]
    only_second = [cell for cell in second if cell["i"] not in used]
    return Matched(pairs, only_first, only_second, len(groups))


def _variants(cells: Sequence[Row]) -> set[str]:
    return {cell["variant"] for cell in cells}


def _place(cell: Row, name: str, by_name: bool) -> tuple[str, ...]:
    """The values of the axes as text, and the variant if it counts."""
    others = cell["facet"].removeprefix(cell["variant"])
    variant = cell["variant"].removeprefix(f"{name}: ") if by_name else ""
    return (cell["x"], cell["y"], others, variant)
