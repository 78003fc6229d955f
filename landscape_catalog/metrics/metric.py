"""What a metric is: the declaration that plans, records, tables and the report are derived from.

A metric is a folder: `spec.py` declares a subclass of `Metric` and imports no torch, since planning
does not; `compute.py` defines `compute(context)`, which runs in a worker. `registry.py` lists them.
"""

from __future__ import annotations

import importlib
from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from landscape_catalog.errors import Problem
from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.schema.fields import Added, OneOrMore, Section
from landscape_catalog.schema.tables import Column, Row, Table

PRIMARY = "primary"  # name, in the catalog, of the probe that classifies
Scope = Literal["run", "pair"]
PairChoice = Literal["first", "ring", "all"]
Named = tuple[str, Estimate]


@dataclass(frozen=True)
class Panel:
    """How a number is drawn over the grid.

    Attributes:
        place: among the panels that are drawn unless `report.panels` chooses; 0: only if chosen.
        title: `{unit}` stands for the unit.
        hint: how the colours are read.
        scheme: of Vega's colour schemes.
        number: Vega format of the numbers in cells.
        symmetric: whether colours diverge around zero.
        reverse: whether the colours run backwards.
    """

    place: int
    title: str
    hint: str
    scheme: str = "viridis"
    number: str = ".3~g"
    symmetric: bool = False
    reverse: bool = False


@dataclass(frozen=True)
class Slice:
    """How a number is drawn against the temperature.

    Attributes:
        title: `{unit}` stands for the unit.
        hint: how the axis is read.
        logarithmic: whether the axis is.
    """

    title: str
    hint: str
    logarithmic: bool = False


@dataclass(frozen=True)
class Quantity:
    """A number that a metric gives: a `metric` of `cell_metrics`, a column of the view `cells`.

    Attributes:
        name: in the catalog.
        unit: where numbers do not carry one.
        share_of: what a unit of % is a share of, in words.
        n_unit: what its n counts, said even where the number is missing.
        logarithmic: whether colours follow the natural logarithm.
        better: whether `higher` or `lower` is better, where a cell can be judged by it.
        panel: None: a plain one, only if `report.panels` chooses it.
        slice: None: it is not drawn against the temperature.
    """

    name: str
    unit: str = ""
    n_unit: str = ""
    share_of: str = ""
    logarithmic: bool = False
    better: Literal["higher", "lower"] | None = None
    panel: Panel | None = None
    slice: Slice | None = None


@dataclass(frozen=True)
class Cost:
    """The size of a measurement, about: samples a step, steps, forward passes a step."""

    batch_size: int
    steps: int
    forward_passes: int


@dataclass(frozen=True)
class MeasuredData:
    """What settings must fit.

    Attributes:
        samples: training samples of the smallest landscape.
        kind: of the data.
        perturbations: that the task supports on them; empty where nobody knows.
    """

    samples: int
    kind: str
    perturbations: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """The results of one probe, repeat by repeat.

    Attributes:
        probe: name of the probe in the catalog; of `loss`, the snapshot unless it is the primary.
        results: one for each repeat.
    """

    probe: str
    results: list[Any] = field(default_factory=list)


def require_distinct_names(value: Any) -> Any:
    """Refuse probes that share a name, and `primary` for any but the first."""
    names = [probe.name for probe in value] if isinstance(value, tuple) else []
    repeated = sorted({name for name in names if names.count(name) > 1})
    if PRIMARY in names[1:]:
        raise PydanticCustomError(
            "second_primary", "probes with a `name` each; only the first may be left at `primary`"
        )
    if repeated:
        raise PydanticCustomError(
            "repeated_probe",
            "probes with a `name` each (repeated: {named})",
            {"named": ", ".join(repeated)},
        )
    return value


class Metric(ABC):
    """Something that is measured on a run, or on a pair of runs of a cell.

    Attributes:
        name: of the metric, of its folder, and of its records.
        scope: whether it is about a `run` or a `pair`, where its settings do not say so.
        result: the dataclass of the stored numbers; its field `metric` is the name.
        recipes: number of each component of its own, raised when a change of code alters numbers.
        shared_recipes: components of others that its numbers depend on.
        section: field of `measure` with its settings; None where there is nothing to set.
        owns_section: whether it declares that field (`settings`, `many`, `describes`).
        settings: model of the section.
        many: whether the section may be a list of probes.
        optional: whether it is measured only if an experiment has the section, which is null by
            default; so that a new metric leaves former experiments, and their ids, as they are.
        describes: the section's description in the JSON Schema.
        every_snapshot: whether it is measured on every snapshot, or on the primary one alone.
        only_converged: whether it needs runs that have converged.
        alone: whether each measurement is a job of its own; else those of a cell share one.
        identifies: whether its measurements are part of the experiment's id.
        quantities: the numbers that it gives a cell.
        tables: the catalog's tables that it fills, by name.
        pair_columns: its columns in the table `pairs`.
    """

    name: ClassVar[str]
    scope: ClassVar[Scope]
    result: ClassVar[type[Any]]
    recipes: ClassVar[Mapping[str, int]]
    shared_recipes: ClassVar[tuple[str, ...]] = ("task",)
    section: ClassVar[str | None] = None
    owns_section: ClassVar[bool] = False
    settings: ClassVar[type[Section] | None] = None
    many: ClassVar[bool] = False
    optional: ClassVar[bool] = False
    describes: ClassVar[str] = ""
    every_snapshot: ClassVar[bool] = False
    only_converged: ClassVar[bool] = True
    alone: ClassVar[bool] = False
    identifies: ClassVar[bool] = True
    quantities: ClassVar[tuple[Quantity, ...]] = ()
    tables: ClassVar[Mapping[str, Table]] = {}
    pair_columns: ClassVar[tuple[Column, ...]] = ()

    def field(self) -> tuple[Any, Any]:
        """Annotation and default of its field of `measure`."""
        assert self.settings is not None
        kind: Any = self.settings
        if self.many:
            listed: Any = OneOrMore
            kind = Annotated[listed[kind], AfterValidator(require_distinct_names)]
        if self.optional:
            return Annotated[kind | None, Added(None)], None
        return kind, self.settings()

    def scope_of(self, settings: Any) -> Scope:
        """Whether these settings measure runs or pairs."""
        return self.scope

    def probe_name(self, settings: Any, place: int) -> str:
        """What the catalog calls these settings, which stand at a place among those of the section.

        The first of a list is `primary`.
        """
        return getattr(settings, "name", PRIMARY) if place else PRIMARY

    def catalog_name(self, probe: str, name: str) -> tuple[str, str]:
        """The columns `metric` and `probe` of a number that a probe gave."""
        return name, probe

    def ways(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """The settings to measure by, the primary first, out of those of its section."""
        return sections if self.section else (None,)

    def problems(self, settings: Any, data: MeasuredData) -> list[Problem]:
        """Settings that cannot be measured, or not on these data, if it owns its section."""
        return []

    def too_many(self, name: str, count: int, data: MeasuredData) -> list[Problem]:
        """The problem of a setting that counts more samples than the smallest landscape has."""
        if count <= data.samples:
            return []
        allowed = f"at most {data.samples}, the samples of the smallest landscape"
        return [Problem(f"measure.{self.section}.{name}", repr(count), allowed)]

    def content(self, settings: Any) -> dict[str, Any]:
        """What the measurement's id hashes of the settings."""
        return {} if settings is None else settings.content()

    def recipe_names(self, settings: Any) -> tuple[str, ...]:
        """Its own recipes that these settings use."""
        return tuple(self.recipes)

    def method(self, settings: Any) -> str:
        """How it is computed, for the catalog's `method` columns."""
        return "direct"

    def pairs(self, settings: Any) -> PairChoice:
        """Which pairs of a cell's runs are measured, if it is about pairs."""
        return "all"

    def repeats(self, settings: Any) -> int:
        """How often it is measured, each time with seeds of its own."""
        return 1

    def work_kind(self, settings: Any) -> str:
        """What its jobs are timed as: the time of one kind predicts that of others."""
        return self.name

    def cost(self, settings: Any, samples: int) -> Cost:
        """How large a measurement is, where the landscape has so many training samples."""
        return Cost(samples, 1, 1)

    def fits_in_group(self, settings: Any, network: Mapping[str, Any]) -> bool:
        """Whether measurements of one landscape are computed side by side.

        A frozen rule, part of the recipe, where it decides about roundings.

        Args:
            settings: how it is measured.
            network: `name`, `width`, `input_shape`, `n_outputs` and `args` of a built-in network.
        """
        return False

    def estimates(self, results: Sequence[Any]) -> Iterator[Named]:
        """The numbers of a measurement, from its repeats (most metrics have one)."""
        return iter(())

    def member_estimates(self, result: Any) -> tuple[list[Named], list[Named]]:
        """What a measurement of a pair says about each of the two runs."""
        return [], []

    def rows(self, found: Sequence[Found]) -> dict[str, list[Row]]:
        """Rows of its tables, without the columns that say which run or pair they are of."""
        return {}

    def pair_row(self, results: Sequence[Any]) -> Row:
        """Its part of a row of `pairs`, from the primary probe's repeats."""
        return {}

    @property
    def compute(self) -> Callable[[Context], Any]:
        """`compute` of its folder, which makes the result; loads torch."""
        module = importlib.import_module(f"landscape_catalog.metrics.{self.name}.compute")
        function: Callable[[Context], Any] = module.compute
        return function
