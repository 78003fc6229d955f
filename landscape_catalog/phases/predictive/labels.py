"""How sure a label is: the probability of each phase for as many fresh runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from landscape_catalog.phases.predictive.draws import Drawn
from landscape_catalog.phases.predictive.grid import draw_grid, unknown_because
from landscape_catalog.phases.predictive.observed import ObservedCell
from landscape_catalog.phases.rule import NC, CellNumbers, Criterion, Rule

DRAWS = 2000


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

    As many runs with other seeds, paired in the same way, with fresh draws of what all runs of a
    cell share (such as the samples of CKA), are drawn from a model of how runs and pairs vary, and
    the rule classifies their means. `docs/thresholds.md` describes the model and how well stated
    probabilities agree with what happens.

    Args:
        rule: which classifies.
        cells: of one grid; they inform each other about how runs vary.
        numbers: of the same cells, by which they are classified.
        n_draws: number of draws for each cell.
    """
    names = tuple(dict.fromkeys((*rule.metrics, *rule.pair_metrics)))
    reasons = [unknown_because(cell, rule.metrics) for cell in cells]
    drawn = draw_grid(cells, names, [reason is None for reason in reasons], n_draws)
    found = []
    for cell, known, reason in zip(cells, numbers, reasons):
        label = rule.classify(known).phase
        if reason is None:
            found.append(_distribution(rule, cell, known, label, next(drawn)))
        else:
            found.append(LabelDistribution(label, reason=reason))
    return found


def _distribution(
    rule: Rule, cell: ObservedCell, observed: CellNumbers, label: str, groups: list[Drawn]
) -> LabelDistribution:
    drawn = [numbers for group in groups for numbers in _numbers(rule, cell, group)]
    labels = [rule.classify(numbers).phase for numbers in drawn]
    counts = Counter(labels)
    found = LabelDistribution(
        label, {phase.name: counts[phase.name] / len(labels) for phase in rule.phases}
    )
    others = [numbers for numbers, name in zip(drawn, labels) if name == found.second]
    return LabelDistribution(
        label, found.probabilities, None, _words(rule, found, observed, others)
    )


def _numbers(rule: Rule, cell: ObservedCell, group: Drawn) -> Iterator[CellNumbers]:
    """The numbers of each draw, in the form that the rule classifies."""
    means = [one.tolist() for one in group.means.values()]
    pairs = {
        name: group.values[name].tolist() for name in rule.pair_metrics if name in group.values
    }
    for i, of_draw in enumerate(zip(*means)):
        yield CellNumbers(
            cell.n_runs,
            group.n_converged,
            dict(zip(group.means, of_draw)),
            {name: one[i] for name, one in pairs.items()},
        )


def _words(
    rule: Rule, found: LabelDistribution, observed: CellNumbers, others: Sequence[CellNumbers]
) -> str:
    """The label with its probability, the second phase, and what decides between them."""
    probability, second = found.probability, found.second
    assert probability is not None
    if second is None:
        return f"{found.label} with {percent(probability)}"
    if probability >= found.probabilities[second]:
        words = f"{found.label} rather than {second} with {percent(probability)}"
    else:
        words = (
            f"{found.label} with only {percent(probability)}, {second} with "
            f"{percent(found.probabilities[second])}"
        )
    if second == NC.name or found.label == NC.name:
        return f"{words}: {observed.n_converged} of {observed.n_runs} runs have converged"
    criterion = _deciding(rule, observed, others)
    if criterion is None:
        return words
    return f"{words}: {criterion.standing(observed.mean(criterion.metric))}"


def _deciding(rule: Rule, observed: CellNumbers, others: Sequence[CellNumbers]) -> Criterion | None:
    """The criterion that most often is met in the one case and not in the other."""
    changes = {
        criterion: sum(
            criterion.met(numbers.mean(criterion.metric))
            != criterion.met(observed.mean(criterion.metric))
            for numbers in others
        )
        for criterion in rule.criteria
    }
    criterion = max(changes, key=changes.__getitem__, default=None)
    return criterion if criterion is not None and changes[criterion] else None


def percent(probability: float) -> str:
    """A probability in words; never 0% or 100%, which no finite number of runs shows.

    >>> percent(0.714), percent(0.998), percent(0.002)
    ('71%', 'over 99%', 'under 1%')
    """
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else f"{probability:.0%}"
