"""Parts of a diagram: the whole, its variants, its facets, and the settings of a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram


@dataclass(frozen=True)
class Group:
    """Cells that have something in common.

    Attributes:
        variant: the variant of all of them; empty if the diagram has only one, or they are of
            several.
        settings: values of parameters that are the same for all of them, by dotted path.
        cells: their indices.
    """

    variant: str
    settings: dict[str, Any]
    cells: np.ndarray


def variant_name(diagram: Diagram, cell: int) -> str:
    """The variant of a cell; empty if the diagram has only one."""
    return diagram.variants[diagram.variant[cell]] if len(diagram.variants) > 1 else ""


def settings_of(diagram: Diagram, cell: int, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The parameters of a cell that vary in the diagram, by dotted path.

    Args:
        diagram: the cells.
        cell: index of the cell.
        without: paths that are left out.
    """
    return {
        axis.path: axis.values[diagram.places[cell, i]]
        for i, axis in enumerate(diagram.axes)
        if axis.path not in without
    }


def plane(diagram: Diagram) -> tuple[str, ...]:
    """The axes of a phase diagram: the first load-like and the first temperature-like one."""
    load = [axis.path for axis in diagram.axes if not axis.is_temperature]
    temperature = [axis.path for axis in diagram.axes if axis.is_temperature]
    return (*load[:1], *temperature[:1])


def groups_of(diagram: Diagram) -> list[Group]:
    """The whole diagram, then each variant if there are several, then each facet if there are more.

    A facet holds everything constant except the two axes of `plane`.
    """
    everything = np.arange(len(diagram))
    found = [Group("", {}, everything)]
    if len(diagram.variants) > 1:
        for i, name in enumerate(diagram.variants):
            found.append(Group(name, {}, everything[diagram.variant == i]))
    drawn = plane(diagram)
    others = [i for i, axis in enumerate(diagram.axes) if axis.path not in drawn]
    if others and len(diagram):
        keys = np.column_stack([diagram.variant, diagram.places[:, others]])
        _, which = np.unique(keys, axis=0, return_inverse=True)
        for i in range(int(which.max()) + 1):
            cells = everything[which.reshape(-1) == i]
            first = int(cells[0])
            settings = settings_of(diagram, first, without=drawn)
            found.append(Group(variant_name(diagram, first), settings, cells))
    return [group for group in found if len(group.cells)]
