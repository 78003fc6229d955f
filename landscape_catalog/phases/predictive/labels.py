"""How sure a label is: the probability of each phase for as many fresh runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from landscape_catalog.phases.criterion import Criterion
from landscape_catalog.phases.predictive.draws import Drawn
from landscape_catalog.phases.predictive.grid import draw_grid, unknown_because
from landscape_catalog.phases.predictive.observed import ObservedCell
from landscape_catalog.phases.rule import NC, CellNumbers, Rule

DRAWS = 2000
SURE = 0.9  # probability from which on a label counts as sure


@dataclass(frozen=True)
class LabelDistribution:
    """The probability of each phase of a cell, or why it is not known.

    Attributes:
        label: the phase that the rule assigns to the observed means.
        probabilities: by the name of the phase, for every phase of the rule; empty if not known.
        reason: why it is not known.
        words: the probability of the label, the second phase and what decides between them.
    """

    label: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    words: str = ""

    @property
    def probability(self) -> float | None:
        """The probability of the label; None if not known."""
        return self.probabilities.get(self.label)

    @property
    def second(self) -> str | None:
        """The most probable other phase; None if there is none or nothing is known."""
        others = {k: p for k, p in self.probabilities.items() if k != self.label and p > 0}
        return max(others, key=others.__getitem__, default=None)


def label_distributions(
    rule: Rule,
    cells: Sequence[ObservedCell],
    numbers: Sequence[CellNumbers],
    n_draws: int = DRAWS,
) -> list[LabelDistribution]:
    """For each cell of a grid, the probability that fresh runs would give it each of the phases.

    As many runs with other seeds, paired in the same way, with fresh draws of those things that all
    runs of a cell share and whose error is known (such as the samples of CKA), are drawn from a
    model of how runs and pairs vary, and the rule classifies their means. `docs/thresholds.md`
    describes the model and how well stated probabilities agree with what happens.

    Args:
        rule: which classifies.
        cells: of one grid; they inform each other about how runs vary.
        numbers: of the same cells, by which they are classified.
        n_draws: number of draws for each cell.
    """
    reasons = [unknown_because(cell, rule.metrics) for cell in cells]
    known = [reason is None for reason in reasons]
    drawn = draw_grid(cells, rule.drawn_metrics, known, n_draws)
    found = []
    for cell, observed, reason in zip(cells, numbers, reasons):
        label = rule.classify(observed).phase
        if reason is None:
            found.append(_distribution(rule, cell, observed, label, next(drawn)))
        else:
            found.append(LabelDistribution(label, reason=reason))
    return found


def _distribution(
    rule: Rule, cell: ObservedCell, observed: CellNumbers, label: str, groups: list[Drawn]
) -> LabelDistribution:
    labels = [
        name
        for group in groups
        for name in rule.labels(cell.n_runs, group.n_converged, group.means, group.values)
    ]
    counts = Counter(labels)
    found = LabelDistribution(
        label, {phase.name: counts[phase.name] / len(labels) for phase in rule.phases}
    )
    means = {name: np.concatenate([group.means[name] for group in groups]) for name in rule.metrics}
    second = found.second
    is_second = np.array([name == second for name in labels])
    others = {name: one[is_second] for name, one in means.items()}
    return replace(found, words=_words(rule, found, observed, others))


def _words(
    rule: Rule, found: LabelDistribution, observed: CellNumbers, others: Mapping[str, np.ndarray]
) -> str:
    """The label with its probability, the second phase, and what decides between them."""
    probability, second = found.probability, found.second
    assert probability is not None
    if second is None:
        return f"{found.label} with {percent(probability)}"
    if probability >= found.probabilities[second]:
        words = f"{found.label} rather than {second} with {percent(probability)}"
    else:
        only = "" if probability < 0.01 else "only "
        words = (
            f"{found.label} with {only}{percent(probability)}, {second} with "
            f"{percent(found.probabilities[second])}"
        )
    if second == NC.name or found.label == NC.name:
        return f"{words}: {observed.n_converged} of {observed.n_runs} runs have converged"
    criterion = _deciding(rule, observed, others)
    if criterion is None:
        return words
    return f"{words}: {criterion.standing(observed.mean(criterion.metric))}"


def _deciding(
    rule: Rule, observed: CellNumbers, others: Mapping[str, np.ndarray]
) -> Criterion | None:
    """The criterion that most of the other draws meet and the observed means do not, or inversely.

    Args:
        rule: with its criteria.
        observed: means.
        others: means of the draws that are in the second phase.
    """
    changes = {
        criterion: int(
            (
                criterion.met_by(others[criterion.metric])
                != criterion.met(observed.mean(criterion.metric))
            ).sum()
        )
        for criterion in rule.criteria
        if criterion.metric in others
    }
    criterion = max(changes, key=changes.__getitem__, default=None)
    return criterion if criterion is not None and changes[criterion] else None


def percent(probability: float) -> str:
    """A probability in words, rounded down, so that only what is sure (90%) reads as such.

    It is never 0% or 100%, which no finite number of runs shows.

    >>> percent(0.714), percent(0.8996), percent(0.9), percent(0.998), percent(0.002)
    ('71%', '89%', '90%', 'over 99%', 'under 1%')
    """
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else f"{math.floor(100 * probability + 1e-9)}%"
