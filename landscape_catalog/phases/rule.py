"""The base class of phase rules: settings that classify cells and describe themselves."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from landscape_catalog.phases.auto import AUTO, FoundThreshold
from landscape_catalog.phases.criterion import Criterion
from landscape_catalog.phases.decision_table import DecisionTable
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.schema.fields import Section


@dataclass(frozen=True)
class Phase:
    """One phase of a rule.

    Attributes:
        name: as the catalog stores it.
        meaning: a short description.
        colour: in the report, as #rrggbb.
        dark: whether text on the colour must be white.
        flat: whether the cells in this phase have a small Hessian.
    """

    name: str
    meaning: str
    colour: str
    dark: bool = False
    flat: bool = False


NC = Phase("NC", "training has not converged", "#6e6e6e", dark=True)
UNCLASSIFIED = Phase("unclassified", "a required number is missing (? in the diagram)", "#d4d4d4")


@dataclass(frozen=True, slots=True)
class CellNumbers:
    """The numbers by which a cell is classified.

    Attributes:
        n_runs: number of runs of the cell.
        n_converged: number of runs that are not NC.
        means: for each metric, the mean over the converged runs or pairs; NaN if there is none.
        pairs: for each metric, its value for each pair.
    """

    n_runs: int
    n_converged: int
    means: Mapping[str, float]
    pairs: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def mean(self, metric: str) -> float:
        """The mean of a metric; NaN if there is none."""
        return self.means.get(metric, math.nan)

    def of_pairs(self, metric: str) -> Sequence[float]:
        """The value of a metric for each pair."""
        return self.pairs.get(metric, ())


@dataclass(frozen=True)
class Verdict:
    """The name of a phase, the reason in words, and whether connectivity is ambiguous."""

    phase: str
    reason: str
    ambiguous: bool = False


@dataclass(frozen=True)
class Resolved:
    """A rule with numbers only, and the thresholds of it that were found from a grid."""

    rule: Rule
    found: tuple[FoundThreshold, ...] = ()


class Rule(Section):
    """Base class of phase rules, each of which is a form of the `classify` section.

    The default of a subclass's field `rule` is its name.

    Attributes:
        own_phases: the phases that the rule distinguishes, in order.
    """

    own_phases: ClassVar[tuple[Phase, ...]]
    rule: str

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Every phase that a cell can be in, in order: the rule's own, then NC and unclassified."""
        return (*self.own_phases, NC, UNCLASSIFIED)

    @property
    def is_automatic(self) -> bool:
        """Whether a threshold is `auto`: to be found from a grid before anything is classified."""
        return _mentions(self.model_dump(exclude={"rule"}), AUTO)

    def resolved(self, diagram: Diagram) -> Resolved:
        """The rule with numbers instead of `auto`; a rule without `auto` resolves to itself.

        Args:
            diagram: the cells that are to be classified; their phases are not used.
        """
        found = self.find_thresholds(diagram) if self.is_automatic else ()
        return Resolved(self.with_thresholds({one.name: one.value for one in found}), found)

    def with_thresholds(self, values: Mapping[str, float]) -> Rule:
        """The rule with these thresholds, by their paths such as `hessian.threshold`."""
        if not values:
            return self
        settings = self.model_dump()
        for name, value in values.items():
            *sections, key = name.split(".")
            inner = settings
            for section in sections:
                inner = inner[section]
            inner[key] = value
        return type(self).model_validate(settings)

    def find_thresholds(self, diagram: Diagram) -> tuple[FoundThreshold, ...]:
        """The thresholds that are `auto`; a rule that admits `auto` has to define it."""
        raise NotImplementedError

    def classify(
        self, cell: CellNumbers, thresholds: Mapping[str, float] = MappingProxyType({})
    ) -> Verdict:
        """Assign a phase to a cell: NC if more than half of its runs have not converged.

        Args:
            cell: its numbers.
            thresholds: other thresholds than the rule's own, by the name of the criterion.
        """
        n_excluded = cell.n_runs - cell.n_converged
        if 2 * n_excluded > cell.n_runs:
            reason = f"{n_excluded} of {cell.n_runs} runs have not converged"
            return Verdict(NC.name, reason)
        verdict = self.decide_with(cell, thresholds) if thresholds else self.decide(cell)
        if not n_excluded:
            return verdict
        averaged = f"over the {cell.n_converged} of {cell.n_runs} runs that converged"
        return replace(verdict, reason=f"{verdict.reason}; {averaged}")

    def labels(
        self,
        n_runs: int,
        n_converged: int,
        means: Mapping[str, np.ndarray],
        pairs: Mapping[str, np.ndarray],
    ) -> list[str]:
        """The phases of many sets of numbers, as `classify` assigns them one by one.

        Args:
            n_runs: number of runs, the same for all.
            n_converged: number of converged runs, the same for all.
            means: the mean of each of `drawn_metrics`, (sets,).
            pairs: for those of pairs, their values, (sets, pairs).
        """
        table = self.table
        if table is not None and 2 * (n_runs - n_converged) <= n_runs:
            return [str(name) for name in table.phases(means)]
        of_metrics = [one.tolist() for one in means.values()]
        of_pairs = {name: one.tolist() for name, one in pairs.items()}
        return [
            self.classify(
                CellNumbers(
                    n_runs,
                    n_converged,
                    dict(zip(means, of_set)),
                    {name: one[i] for name, one in of_pairs.items()},
                )
            ).phase
            for i, of_set in enumerate(zip(*of_metrics))
        ]

    @property
    def drawn_metrics(self) -> tuple[str, ...]:
        """The metrics on which a label depends, each once; `metrics` must be among them."""
        return tuple(dict.fromkeys((*self.metrics, *self.pair_metrics)))

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """The cell metrics whose means the rule needs."""

    @property
    def pair_metrics(self) -> tuple[str, ...]:
        """The cell metrics whose value for each pair the rule needs."""
        return ()

    @property
    def poorly_connected_below(self) -> float | None:
        """The mode connectivity below which a cell is poorly connected; None if there is none."""
        return None

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """The comparisons that decide; the catalog says how many labels hang on each of them."""
        return ()

    @property
    def table(self) -> DecisionTable | None:
        """The rule as a table of comparisons; None if it is no such table.

        With a table, the report has a slider for each of its settings.
        """
        return None

    @abstractmethod
    def decide(self, cell: CellNumbers) -> Verdict:
        """The phase of a cell in which at least half of the runs have converged."""

    def decide_with(self, cell: CellNumbers, thresholds: Mapping[str, float]) -> Verdict:
        """`decide` with other thresholds; a rule that lists `criteria` has to define it.

        Args:
            cell: its numbers.
            thresholds: by the name of the criterion; an infinite one may never be met.
        """
        raise NotImplementedError

    @abstractmethod
    def thresholds(self, units: Mapping[str, str]) -> list[tuple[str, str]]:
        """The thresholds in words, as rows (name, condition); an empty name continues a row.

        Args:
            units: the unit of each cell metric.
        """


def _mentions(value: Any, word: str) -> bool:
    """Whether a value is this word, or a mapping that contains it at any depth."""
    if isinstance(value, dict):
        return any(_mentions(part, word) for part in value.values())
    return isinstance(value, str) and value == word
