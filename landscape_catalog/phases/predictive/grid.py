"""Draws for every cell of a grid, whose cells inform each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from landscape_catalog.phases.predictive.draws import (
    Drawn,
    draw_cell,
    run_correlations,
    shared_error,
    transformed,
)
from landscape_catalog.phases.predictive.location import Location, Locations
from landscape_catalog.phases.predictive.observed import ObservedCell, Values
from landscape_catalog.phases.predictive.spread import Spreads
from landscape_catalog.phases.predictive.survival import Survival
from landscape_catalog.schema.identity import derive_seed

FEWEST = 3  # converged runs, and values of a metric


def unknown_because(cell: ObservedCell, metrics: Sequence[str]) -> str | None:
    """Why nothing says how probable the label of a cell is; None if something does.

    Args:
        cell: as observed.
        metrics: which the rule needs.
    """
    if cell.n_converged < FEWEST:
        return (
            f"{cell.n_converged} of {cell.n_runs} runs converged, and it takes {FEWEST} to see "
            "how runs vary"
        )
    for name in metrics:
        values = cell.metrics.get(name)
        if values is None or not values.values:
            return f"{name} is missing"
        n, kind = len(values.values), "pair" if values.pairs else "run"
        if n < FEWEST:
            return (
                f"{name} is known for {n} {kind}{'s' * (n > 1)}, and it takes {FEWEST} to see "
                f"how {kind}s vary"
            )
        if not np.isfinite(values.values).all():
            return f"{name} is not finite"
    return None


def draw_grid(
    cells: Sequence[ObservedCell], metrics: Sequence[str], known: Sequence[bool], n_draws: int
) -> Iterator[list[Drawn]]:
    """The draws of each of the known cells, in order.

    Args:
        cells: of the grid.
        metrics: to draw; those that some known cell has no values of are left out.
        known: which cells have at least `FEWEST` converged runs and values of every metric.
        n_draws: number of draws for each cell.
    """
    used = [(i, cell) for i, (cell, is_known) in enumerate(zip(cells, known)) if is_known]
    if not used:
        return
    observed = [cell for _, cell in used]
    names = [name for name in metrics if all(_usable(cell, name) for cell in observed)]
    located = {name: _located([cell.metrics[name] for cell in observed]) for name in names}
    correlations = run_correlations(observed, names)
    survival = Survival([cell.n_runs for cell in cells], [cell.n_converged for cell in cells])
    for place, (position, cell) in enumerate(used):
        generator = np.random.Generator(np.random.Philox(derive_seed("phase", cell.cell_id)))
        converged = survival.draw(position, cell.n_runs, n_draws, generator)
        own = {name: located[name][place] for name in names}
        yield list(draw_cell(cell, own, correlations, converged, generator))


def _usable(cell: ObservedCell, name: str) -> bool:
    return name in cell.metrics and unknown_because(cell, [name]) is None


def _located(values: Sequence[Values]) -> Sequence[Location]:
    """The posterior of one metric in the cells of a grid."""
    return Locations(
        Spreads([transformed(one) for one in values], [tuple(one.members) for one in values]),
        [shared_error(one) for one in values],
    )
