"""The base class of metrics, from which plans, records, tables and the report are derived.

Each metric is a folder. Its `spec.py` declares a subclass of `Metric` and does not import torch,
because planning must not; its `compute.py` defines `compute(context)`, which runs in a worker.
`registry.py` lists all metrics.
"""

from __future__ import annotations

import importlib
from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from landscape_catalog.errors import Problem
from landscape_catalog.metrics.batch_norm import Kind
from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.schema.fields import Added, OneOrMore, Section
from landscape_catalog.schema.pairs import PairChoice
from landscape_catalog.schema.tables import Column, Row, Table

PRIMARY = "primary"  # catalog name of the probe that classification uses
Scope = Literal["run", "pair"]
Named = tuple[str, Estimate]


@dataclass(frozen=True)
class Panel:
    """How a quantity is drawn over the grid.

    Attributes:
        place: position among the default panels; 0: drawn only if `report.panels` lists it.
        title: `{unit}` is replaced by the unit.
        hint: how to read the colours.
        scheme: a Vega colour scheme.
        number: Vega format of the numbers in the cells.
        symmetric: whether the colour scale diverges around zero.
        reverse: whether the colour scheme is reversed.
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
    """How a quantity is plotted against the temperature.

    Attributes:
        title: `{unit}` is replaced by the unit.
        hint: how to read the axis.
        logarithmic: whether the axis is logarithmic.
    """

    title: str
    hint: str
    logarithmic: bool = False


@dataclass(frozen=True)
class Quantity:
    """A number that a metric yields: a `metric` of `cell_metrics` and a column of the view `cells`.

    Attributes:
        name: in the catalog.
        unit: used where the values do not carry a unit of their own.
        share_of: for a unit of %, what it is a percentage of, in words.
        n_unit: what n counts; also given where the value is missing.
        logarithmic: whether the colour scale shows the natural logarithm.
        better: whether `higher` or `lower` is better; None if cells cannot be ranked by it.
        panel: None: a plain panel, drawn only if `report.panels` lists it.
        slice: None: it is not plotted against the temperature.
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
    """Approximate size of a measurement: samples per step, steps, forward passes per step."""

    batch_size: int
    steps: int
    forward_passes: int


@dataclass(frozen=True)
class MeasuredData:
    """The data that settings are checked against.

    Attributes:
        samples: training samples of the smallest landscape.
        kind: of the data.
        perturbations: those that the task supports on these data; empty if unknown.
    """

    samples: int
    kind: str
    perturbations: tuple[str, ...]


def require_distinct_names(value: Any) -> Any:
    """Reject probes that share a name, and the name `primary` for any probe but the first."""
    names = [probe.name for probe in value] if isinstance(value, tuple) else []
    repeated = sorted({name for name in names if names.count(name) > 1})
    if PRIMARY in names[1:]:
        raise PydanticCustomError(
            "second_primary", "a `name` for each probe; only the first may be left at `primary`"
        )
    if repeated:
        raise PydanticCustomError(
            "repeated_probe",
            "probes with distinct names (repeated: {named})",
            {"named": ", ".join(repeated)},
        )
    return value


class Metric(ABC):
    """A measurement on a run, or on a pair of runs of one cell.

    Attributes:
        name: of the metric, its folder and its records.
        scope: whether it measures a `run` or a `pair`, unless its settings decide (`scope_of`).
        result: the dataclass of the stored numbers; its field `metric` holds the name.
        recipes: version number of each of its own components, raised when a code change alters
            numbers.
        grouped_recipes: their numbers where networks are computed side by side.
        shared_recipes: components defined elsewhere that its numbers depend on.
        section: field of `measure` with its settings; None if there is nothing to set.
        owns_section: whether it declares that field (`settings`, `many`, `describes`).
        settings: Pydantic model of the section.
        many: whether the section may be a list of probes.
        optional: whether it is measured only if an experiment sets the section, which is null by
            default, so that a new metric does not change existing experiments and their ids.
        describes: the section's description in the JSON Schema.
        repeated_by: the setting that `repeats` reads.
        authors_statistics: which batch-norm statistics its networks have in the authors' code; None
            if it sees none.
        compares_statistics: whether it is measured only where an experiment chooses batch-norm
            statistics, on networks that have them.
        every_snapshot: whether it is measured on every snapshot, or on the primary one only.
        only_converged: whether it requires converged runs.
        alone: whether each measurement is a job of its own; otherwise those of a cell share a job.
        records_steps: whether it takes steps that a GPU records, for several measurements of one
            landscape at the same time.
        identifies: whether its measurements are part of the experiment's id.
        quantities: the quantities that it yields for each cell.
        tables: the catalog tables that it fills, by name.
        pair_columns: its columns in the table `pairs`.
    """

    name: ClassVar[str]
    scope: ClassVar[Scope]
    result: ClassVar[type[Any]]
    recipes: ClassVar[Mapping[str, int]]
    grouped_recipes: ClassVar[Mapping[str, int]] = {}
    shared_recipes: ClassVar[tuple[str, ...]] = ("task",)
    section: ClassVar[str | None] = None
    owns_section: ClassVar[bool] = False
    settings: ClassVar[type[Section] | None] = None
    many: ClassVar[bool] = False
    optional: ClassVar[bool] = False
    describes: ClassVar[str] = ""
    repeated_by: ClassVar[str] = "repeats"
    authors_statistics: ClassVar[Kind | None] = "running"
    compares_statistics: ClassVar[bool] = False
    every_snapshot: ClassVar[bool] = False
    only_converged: ClassVar[bool] = True
    alone: ClassVar[bool] = False
    records_steps: ClassVar[bool] = False
    identifies: ClassVar[bool] = True
    quantities: ClassVar[tuple[Quantity, ...]] = ()
    tables: ClassVar[Mapping[str, Table]] = {}
    pair_columns: ClassVar[tuple[Column, ...]] = ()

    def field(self) -> tuple[Any, Any]:
        """Annotation and default of its field in `measure`."""
        assert self.settings is not None
        kind: Any = self.settings
        if self.many:
            listed: Any = OneOrMore
            kind = Annotated[listed[kind], AfterValidator(require_distinct_names)]
        if self.optional:
            return Annotated[kind | None, Added(None)], None
        return kind, self.settings()

    def scope_of(self, settings: Any) -> Scope:
        """Whether a measurement with these settings is of a run or of a pair."""
        return self.scope

    def probe_name(self, settings: Any, place: int) -> str:
        """Catalog name of the probe with these settings, at position `place` of the section's list.

        The first probe is called `primary`.
        """
        return getattr(settings, "name", PRIMARY) if place else PRIMARY

    def catalog_name(self, probe: str, name: str) -> tuple[str, str]:
        """Values of the columns `metric` and `probe` for a number that a probe yielded."""
        return name, probe

    def select_probes(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """The settings it is measured with, the primary probe's first, out of its section's."""
        return sections if self.section else (None,)

    def problems(self, settings: Any, data: MeasuredData) -> list[Problem]:
        """Settings that are invalid, or do not fit these data. Called if it owns its section."""
        return []

    def drawn_samples(self, settings: Any) -> int:
        """How many samples it draws and holds at once, besides the prepared ones."""
        return 0

    def held_weights(self, settings: Any) -> tuple[str, int]:
        """The setting that decides how many vectors of all weights it holds at once, and how many.

        Only what it certainly needs is counted; an empty name and 0: nothing to speak of.
        """
        return "", 0

    def largest_cost(self, settings: Any, samples: int) -> Cost:
        """The cost of a measurement that never meets its tolerance; see `cost`."""
        return self.cost(settings, samples)

    def too_many(self, name: str, count: int, data: MeasuredData) -> list[Problem]:
        """The problem of a setting that asks for more samples than the smallest landscape has."""
        if count <= data.samples:
            return []
        allowed = f"at most {data.samples}, the samples of the smallest landscape"
        return [Problem(f"measure.{self.section}.{name}", repr(count), allowed)]

    def content(self, settings: Any) -> dict[str, Any]:
        """The part of the settings that the measurement's id hashes."""
        return {} if settings is None else settings.content()

    def recipe_names(self, settings: Any) -> tuple[str, ...]:
        """Those of its own recipes that these settings use."""
        return tuple(self.recipes)

    def recipe_numbers(self, settings: Any, network: Mapping[str, Any] | None) -> dict[str, int]:
        """The numbers of its own recipes under which a measurement's id is hashed.

        Args:
            settings: of the measurement.
            network: as for `fits_in_group`.
        """
        return {name: self.recipes[name] for name in self.recipe_names(settings)}

    def authors_statistics_of(self, settings: Any) -> Kind | None:
        """The batch-norm statistics that it sees with these settings in the authors' code."""
        return self.authors_statistics

    def method(self, settings: Any) -> str:
        """How it is computed, in words, for the catalog's `method` columns."""
        return "direct"

    def pairs(self, settings: Any) -> PairChoice:
        """Which pairs of a cell's runs are measured, if its scope is `pair`."""
        return "all"

    def repeats(self, settings: Any) -> int:
        """How often the measurement is repeated, each time with different seeds."""
        return 1

    def work_kind(self, settings: Any) -> str:
        """The kind of work as which its jobs are timed, to predict the time of later jobs."""
        return self.name

    def cost(self, settings: Any, samples: int) -> Cost:
        """Cost of a measurement on a landscape with `samples` training samples."""
        return Cost(samples, 1, 1)

    def fits_in_group(self, settings: Any, network: Mapping[str, Any] | None) -> bool:
        """Whether measurements on the same landscape are batched together.

        If batching affects rounding, this rule is frozen and part of the recipe.

        Args:
            settings: of the measurement.
            network: `name`, `width`, `input_shape`, `n_outputs` and `args` of a built-in network;
                None if the network or the task is custom.
        """
        return False

    def judged(self, result: Any, settings: Any) -> Any:
        """A stored result as these settings read it, by what does not enter the measurement's id.

        A change of such a setting measures nothing again.
        """
        return result

    def estimates(self, results: Sequence[Any]) -> Iterator[Named]:
        """Named estimates of a measurement, computed from its repeats (usually one)."""
        return iter(())

    def member_estimates(self, result: Any) -> tuple[list[Named], list[Named]]:
        """Named estimates for each of the two runs of a pair."""
        return [], []

    def rows(self, probe: str, results: Sequence[Any]) -> dict[str, list[Row]]:
        """Rows of its tables, without the columns that identify the run or pair."""
        return {}

    def pair_row(self, results: Sequence[Any]) -> Row:
        """Its columns of a row of `pairs`, computed from the primary probe's repeats."""
        return {}

    @property
    def compute(self) -> Callable[[Context], Any]:
        """The function `compute` of its folder, which returns the result. This loads torch."""
        module = importlib.import_module(f"landscape_catalog.metrics.{self.name}.compute")
        function: Callable[[Context], Any] = module.compute
        return function
