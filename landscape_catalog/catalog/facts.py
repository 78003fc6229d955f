"""The facts of one experiment's phase diagram, from the tables of its catalog."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from landscape_catalog.catalog import diagram
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.phases.facts import Facts, facts_of

READ = (*diagram.READ, "phase_probabilities")
"""The tables that facts need."""


def facts_of_tables(tables: Mapping[str, pl.DataFrame]) -> Facts:
    """The facts of an experiment; none if there is no experiment.

    Args:
        tables: of one experiment; at least those in `READ`.
    """
    if tables["experiments"].is_empty():
        return Facts()
    found = diagram_of(tables)
    return facts_of(found, label_probabilities(tables, found))


def label_probabilities(
    tables: Mapping[str, pl.DataFrame], cells: Diagram
) -> dict[str, np.ndarray] | None:
    """The probability of each phase for each cell, (cells,); NaN for cells where it is unknown.

    Args:
        tables: with `phase_probabilities`.
        cells: the diagram of the same experiment.

    Returns:
        Arrays by phase; None if no probability is known.
    """
    rows = tables["phase_probabilities"].select("cell_id", "phase", "probability")
    if rows.is_empty():
        return None
    places = {cell_id: i for i, cell_id in enumerate(cells.cell_ids)}
    known = np.zeros(len(cells), dtype=bool)
    found: dict[str, np.ndarray] = {}
    for cell_id, phase, probability in rows.iter_rows():
        known[places[cell_id]] = True
        found.setdefault(str(phase), np.zeros(len(cells)))[places[cell_id]] = probability
    return {phase: np.where(known, array, np.nan) for phase, array in found.items()}
