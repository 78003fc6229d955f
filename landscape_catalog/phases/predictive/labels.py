"""How sure a label is: the probability of each phase for as many fresh runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.predictive.draws import (
    Drawn,
    draw_cell,
    run_correlations,
    run_weight,
    shared_error,
    transformed,
)
from landscape_catalog.phases.predictive.location import Location, locations
from landscape_catalog.phases.predictive.observed import ObservedCell, Values
from landscape_catalog.phases.predictive.spread import spreads
from landscape_catalog.phases.predictive.survival import Survival
from landscape_catalog.phases.rule import CellNumbers, Rule
from landscape_catalog.schema.identity import derive_seed

DRAWS = 2000
FEWEST = 3  # converged runs, and values of a metric


@dataclass(frozen=True)
class LabelDistribution:
    """The probability of each phase of a cell, or why it is not known.

    Attributes:
        probabilities: by the name of the phase, the most probable first; empty if not known.
        reason: why it is not known.
    """

    probabilities: Mapping[str, float]
    reason: str | None = None


def label_distributions(
    rule: Rule, cells: Sequence[ObservedCell], n_draws: int = DRAWS
) -> list[LabelDistribution]:
    """For each cell of a grid, the probability that fresh runs would give it each of the phases.

    Args:
        rule: which classifies the drawn means.
        cells: of one grid; they inform each other about how runs vary.
        n_draws: number of draws for each cell.
    """
    names = tuple(dict.fromkeys((*rule.metrics, *rule.pair_metrics)))
    reasons = [unknown_because(cell, rule.metrics) for cell in cells]
    drawn = draw_grid(cells, names, [reason is None for reason in reasons], n_draws)
    found = []
    for cell, reason in zip(cells, reasons):
        if reason is not None:
            found.append(LabelDistribution({}, reason))
            continue
        counts: Counter[str] = Counter()
        for group in next(drawn):
            counts.update(_labels(rule, cell, group))
        order = sorted(counts, key=lambda name: (-counts[name], name))
        found.append(LabelDistribution({name: counts[name] / n_draws for name in order}))
    return found


def _labels(rule: Rule, cell: ObservedCell, group: Drawn) -> Iterator[str]:
    n = len(next(iter(group.means.values())))
    means = {name: one.tolist() for name, one in group.means.items()}
    values = {
        name: group.values[name].tolist() for name in rule.pair_metrics if name in group.values
    }
    for i in range(n):
        numbers = CellNumbers(
            cell.n_runs,
            group.n_converged,
            {name: one[i] for name, one in means.items()},
            {name: one[i] for name, one in values.items()},
        )
        yield rule.classify(numbers).phase


def unknown_because(cell: ObservedCell, metrics: Sequence[str]) -> str | None:
    """Why nothing says how probable the label of a cell is; None if something does."""
    if cell.n_converged < FEWEST:
        return f"{cell.n_converged} converged runs do not show how runs vary; {FEWEST} are needed"
    for name in metrics:
        values = cell.metrics.get(name)
        if values is None or not values.values:
            return f"{name} is missing"
        if len(values.values) < FEWEST:
            kind = "pairs" if values.pairs else "runs"
            return (
                f"{name} of {len(values.values)} {kind} does not show how {kind} vary; "
                f"{FEWEST} are needed"
            )
        if not np.isfinite(values.values).all():
            return f"{name} is not finite"
    return None


def draw_grid(
    cells: Sequence[ObservedCell], names: Sequence[str], known: Sequence[bool], n_draws: int
) -> Iterator[list[Drawn]]:
    """The draws of each of the known cells, in order."""
    used = [cell for cell, is_known in zip(cells, known) if is_known]
    if not used:
        return
    # Metrics that only some cells have are none that the rule needs.
    names = [name for name in names if all(name in cell.metrics for cell in used)]
    by_metric = {name: _located([cell.metrics[name] for cell in used]) for name in names}
    correlations = run_correlations(used, names, [True] * len(used))
    survival = Survival([c.n_runs for c in cells], [c.n_converged for c in cells])
    positions = [i for i, is_known in enumerate(known) if is_known]
    for i, (position, cell) in enumerate(zip(positions, used)):
        generator = np.random.Generator(np.random.Philox(derive_seed("phase", cell.cell_id)))
        converged = survival.draw(position, cell.n_runs, n_draws, generator)
        own = {name: by_metric[name][i] for name in names}
        yield list(draw_cell(cell, own, correlations, converged, generator))


def _located(values: Sequence[Values]) -> list[Location]:
    """The posterior of one metric in the cells of a grid."""
    found = spreads([transformed(one) for one in values], [tuple(one.members) for one in values])
    return locations(
        found, [shared_error(one) for one in values], [run_weight(one) for one in values]
    )
