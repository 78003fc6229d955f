"""The phase of a few checkpoints: one phase with its probability, or the set of those possible."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from landscape_catalog.catalog.shared_errors import error_of_cell_mean
from landscape_catalog.diagnosis.measuring import Measurements
from landscape_catalog.metrics.estimate import mean_of
from landscape_catalog.metrics.registry import METRIC_OF, METRICS, QUANTITIES
from landscape_catalog.phases import (
    UNCLASSIFIED,
    CellNumbers,
    ObservedCell,
    Rule,
    Values,
    label_distributions,
)
from landscape_catalog.schema.words import in_words

ERRORS = 2.0  # of an estimate, by which a mean is moved to see whether its label holds
FEWEST = 3  # checkpoints for a probability


@dataclass(frozen=True)
class FoundPhase:
    """Which phase checkpoints are in.

    Attributes:
        name: the phase; None if several are possible.
        possible: names of the phases that the known numbers leave, in the rule's order.
        reason: the comparisons that decide, in words.
        probabilities: of each phase for as many fresh runs; empty if unknown.
        words: how sure the label is, in words.
        missing: metrics that the rule needs and that are missing.
    """

    name: str | None
    possible: tuple[str, ...]
    reason: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    words: str = ""
    missing: tuple[str, ...] = ()


def cell_numbers(measured: Measurements) -> CellNumbers:
    """The means of all metrics over checkpoints, or pairs, that have a value."""
    means = {}
    for name in measured.estimates:
        values = [one.value for one in measured.usable(name).values()]
        means[name] = mean_of(values) if values else math.nan
    pairs = {
        name: [one.value for one in measured.usable(name).values()]
        for name in measured.estimates
        if _of_pairs(name)
    }
    return CellNumbers(measured.n, measured.n, means, pairs)


def found_phase(rule: Rule, measured: Measurements) -> FoundPhase:
    """The phase of the checkpoints by a rule.

    With all numbers that the rule needs it is one phase. Its probability, for as many fresh runs,
    needs three checkpoints; of two, only the errors of the estimates themselves are known. If
    numbers are missing, those phases are possible that some values of them give.

    Args:
        rule: with thresholds that are numbers.
        measured: what was measured.
    """
    numbers = cell_numbers(measured)
    missing = tuple(name for name in rule.metrics if math.isnan(numbers.mean(name)))
    verdict = rule.classify(numbers)
    if verdict.phase != UNCLASSIFIED.name:
        words, probabilities = _sureness(rule, measured, numbers, verdict.phase)
        return FoundPhase(
            verdict.phase, (verdict.phase,), verdict.reason, probabilities, words, missing
        )
    possible = tuple(possible_phases(rule, numbers))
    reason = _reason(rule, numbers, missing)
    name = possible[0] if len(possible) == 1 else None
    return FoundPhase(name, possible, reason, missing=missing)


def possible_phases(rule: Rule, numbers: CellNumbers) -> list[str]:
    """The phases that some values of the missing numbers give, in the rule's order.

    Mode connectivity cannot exceed the training error of the ends, of which it is less than the
    mean; CKA is at most 1, and everything else may have any value.

    Args:
        rule: with `criteria`, whose thresholds bound the values that are tried.
        numbers: some of which are missing.
    """
    missing = [name for name in rule.metrics if math.isnan(numbers.mean(name))]
    tried = [list(_values(rule, name, numbers)) for name in missing]
    found = set()
    for values in itertools.product(*tried):
        means = {**numbers.means, **dict(zip(missing, values))}
        found.add(rule.classify(replace(numbers, means=means)).phase)
    return [phase.name for phase in rule.phases if phase.name in found - {UNCLASSIFIED.name}]


def _values(rule: Rule, name: str, numbers: CellNumbers) -> Iterator[float]:
    """A value of a metric in each interval that the criteria on it make."""
    edges = sorted(one.threshold for one in rule.criteria if one.metric == name) or [0.0]
    step = max(1.0, *map(abs, edges))
    most = numbers.mean("train_error") if name == "mode_connectivity" else math.inf
    between = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    for value in (edges[0] - step, *between, *edges, edges[-1] + step):
        if not value > most:  # an unknown training error bounds nothing
            yield value


def _reason(rule: Rule, numbers: CellNumbers, missing: Sequence[str]) -> str:
    """Which comparisons are known, and which are not."""
    known = [
        f"{one.words or one.metric.replace('_', ' ')} {numbers.mean(one.metric):.3g} "
        f"{'>' if one.met(numbers.mean(one.metric)) else '<='} {one.threshold:g}"
        for one in rule.criteria
        if one.metric not in missing and one.relation == ">"
    ]
    lacking = f"missing: {', '.join(name.replace('_', ' ') for name in missing)}"
    return "; ".join([*known, lacking])


def _sureness(
    rule: Rule, measured: Measurements, numbers: CellNumbers, label: str
) -> tuple[str, Mapping[str, float]]:
    """How sure a label is, in words, and the probability of each phase if it is known."""
    if measured.n >= FEWEST:
        found = label_distributions(rule, [_observed(rule, measured)], [numbers])[0]
        if found.probabilities:
            return found.words, found.probabilities
        return f"Its probability is unknown: {found.reason}.", {}
    why = (
        f"Its probability is unknown: there are {measured.n} checkpoints, and it takes {FEWEST} "
        "to see how runs vary."
    )
    return f"{why} {_by_errors(rule, measured, numbers, label)}", {}


def _by_errors(rule: Rule, measured: Measurements, numbers: CellNumbers, label: str) -> str:
    """What the errors of the estimates say about a label, for the samples that were chosen."""
    others, unknown = set(), []
    for name in rule.metrics:
        error = error_of_cell_mean(list(measured.usable(name).values())).total
        if math.isnan(error):
            unknown.append(in_words(name))
            continue
        for sign in (-ERRORS, ERRORS):
            means = {**numbers.means, name: numbers.mean(name) + sign * error}
            others.add(rule.classify(replace(numbers, means=means)).phase)
    others.discard(label)
    without = f" (that of {' and '.join(unknown)} is unknown)" if unknown else ""
    if not others:
        return f"The errors of the estimates on these samples{without} do not change the label."
    named = " or ".join(sorted(others))
    within = f"Within {ERRORS:g} errors of the estimates on these samples"
    return f"{within}{without}, it may also be {named}."


def _of_pairs(name: str) -> bool:
    return METRICS[METRIC_OF[name]].scope == "pair"


def _observed(rule: Rule, measured: Measurements) -> ObservedCell:
    """The values of the rule's metrics by checkpoint and pair, for the probability of a label."""
    found = {}
    for name in rule.drawn_metrics:
        known = measured.usable(name)
        values = [one.value for one in known.values()]
        if not values:
            continue
        error = error_of_cell_mean(list(known.values()))
        shared = error.shared if math.isfinite(error.shared) else 0.0
        choice = measured.pair_choice if METRIC_OF[name] == "connectivity" else "all"
        found[name] = Values(
            values=values,
            members=list(known),
            pairs=choice if _of_pairs(name) else None,
            logarithmic=QUANTITIES[name].logarithmic and min(values) > 0,
            shared_error=shared,
        )
    key = " ".join(sorted(found))
    return ObservedCell(key, measured.n, measured.n, found)


def collapsed(phases: Sequence[str]) -> list[str]:
    """Phases with IV for both of its parts.

    >>> collapsed(["III", "IV-A", "IV-B"]), collapsed(["II", "IV-A"])
    (['III', 'IV'], ['II', 'IV-A'])
    """
    both = {"IV-A", "IV-B"}
    if not both <= set(phases):
        return list(phases)
    names = dict.fromkeys("IV" if name in both else name for name in phases)
    return list(names)
