"""What a phase rule is: a section of settings that classifies cells and describes itself."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from landscape_catalog.schema.fields import Section


@dataclass(frozen=True)
class Phase:
    """One phase of a rule.

    Attributes:
        name: as the catalog stores it.
        meaning: in a few words.
        colour: in the report, as #rrggbb.
        dark: whether text on the colour must be white.
        flat: whether the Hessian of its cells is small.
    """

    name: str
    meaning: str
    colour: str
    dark: bool = False
    flat: bool = False


NC = Phase("NC", "training has not converged", "#6e6e6e", dark=True)
UNCLASSIFIED = Phase(
    "unclassified", "a number that is needed is missing (? in the diagram)", "#d4d4d4"
)


@dataclass(frozen=True)
class CellNumbers:
    """What classifies a cell.

    Attributes:
        n_runs: runs of the cell.
        n_converged: those that are not NC.
        means: by metric, the mean over the converged runs or pairs; NaN where there is none.
        pairs: by metric, its value for each pair.
    """

    n_runs: int
    n_converged: int
    means: Mapping[str, float]
    pairs: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def mean(self, metric: str) -> float:
        """The mean of a metric; NaN where there is none."""
        return self.means.get(metric, math.nan)

    def of_pairs(self, metric: str) -> Sequence[float]:
        """A metric's value for each pair."""
        return self.pairs.get(metric, ())


@dataclass(frozen=True)
class Verdict:
    """The name of a phase, in words why, and whether connectivity is ambiguous."""

    phase: str
    reason: str
    ambiguous: bool = False


class Rule(Section):
    """Base of the phase rules: the `classify` section of an experiment, one class a rule.

    A subclass names itself by the default of its field `rule`.

    Attributes:
        own_phases: the phases that the rule tells apart, in order.
    """

    own_phases: ClassVar[tuple[Phase, ...]]
    rule: str

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Every phase that a cell can be in, in order: the rule's own, NC and unclassified."""
        return (*self.own_phases, NC, UNCLASSIFIED)

    def classify(self, cell: CellNumbers) -> Verdict:
        """Put a cell into one phase: NC if more than half of its runs have not converged."""
        gone = cell.n_runs - cell.n_converged
        if 2 * gone > cell.n_runs:
            reason = f"{gone} of {cell.n_runs} runs have not converged"
            return Verdict(NC.name, reason)
        verdict = self.decide(cell)
        if not gone:
            return verdict
        some = f"over the {cell.n_converged} of {cell.n_runs} runs that converged"
        return replace(verdict, reason=f"{verdict.reason}; {some}")

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """The cell metrics whose means the rule needs."""

    @property
    def pair_metrics(self) -> tuple[str, ...]:
        """The cell metrics of which the rule needs the value for each pair."""
        return ()

    @property
    def poorly_connected_below(self) -> float | None:
        """The mode connectivity below which a cell is poorly connected, if the rule has one."""
        return None

    @abstractmethod
    def decide(self, cell: CellNumbers) -> Verdict:
        """The phase of a cell of which at least half of the runs have converged."""

    @abstractmethod
    def thresholds(self, units: Mapping[str, str]) -> list[tuple[str, str]]:
        """The thresholds in words, a row (name, condition) each; an empty name continues a row.

        Args:
            units: of each cell metric.
        """
