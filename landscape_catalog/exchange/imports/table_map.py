"""The map of a table: which of its columns is which parameter or metric, and in which unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, ValidationError
from pydantic_core import PydanticCustomError

from landscape_catalog.datasets.facts import Kind
from landscape_catalog.errors import Problem, SpecError, shown
from landscape_catalog.exchange.imports.table_units import UNITS
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.experiment.reading import explain
from landscape_catalog.experiment.yaml_text import InvalidTextError, parse_yaml
from landscape_catalog.phases.registry import Classify
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.fields import Constant, PositiveInt, Section, Text

SHARED = ("classify", "report")  # sections that params.yaml has too
WHOLE = ("load.width", "load.samples", "temperature.batch_size")
KNOWN = (*WHOLE, "load.label_noise", "load.pixel_noise", "temperature.lr",
         "temperature.weight_decay")  # fmt: skip
OWN = re.compile(r"(load|temperature)\.extra\.[A-Za-z_][A-Za-z0-9_]*")
METRIC_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")


def _parameter(path: str) -> str:
    if path not in KNOWN and OWN.fullmatch(path) is None:
        words = f"{', '.join(KNOWN)}, load.extra.<name> or temperature.extra.<name>"
        raise PydanticCustomError("unknown_parameter", "{words}", {"words": words})
    return path


def _metric(name: str) -> str:
    if METRIC_NAME.fullmatch(name) is None:
        words = "a name of small letters, digits and `_`, such as test_accuracy"
        raise PydanticCustomError("bad_metric", "{words}", {"words": words})
    return name


Parameter = Annotated[Text, AfterValidator(_parameter)]
MetricName = Annotated[Text, AfterValidator(_metric)]
ColumnName = Annotated[Text, Field(min_length=1)]


class MetricColumn(Section):
    """A metric of the table."""

    column: ColumnName
    """The column with its values."""
    unit: Text | None = None
    """Unit of the values; null if they have none."""
    method: Text = "as published"
    """How it was measured, in words."""
    sd: ColumnName | None = None
    """Column with the standard deviation over runs; null if there is none."""
    standard_error: ColumnName | None = None
    """Column with the standard error of the mean over runs."""
    n: ColumnName | PositiveInt | None = None
    """Of how many runs or pairs the values are means: a number, or a column."""
    of: Literal["cell", "run"] | None = None
    """With `seed`: whether the values are of single runs (the default), or of the whole cell and
    stand in each of its rows."""


class TableMap(Section):
    """What the columns of a table are."""

    coordinates: dict[Parameter, ColumnName] = Field(min_length=1)
    """The parameters that identify a cell, by dotted path, and their columns."""
    metrics: dict[MetricName, MetricColumn] = Field(min_length=1)
    """The metrics by name, and their columns."""
    fixed: dict[Parameter, Constant] = Field(default_factory=dict)
    """Parameters that all cells share."""
    seed: ColumnName | None = None
    """Column with the seed, if a row is a run; null: a row is a cell."""
    n_runs: ColumnName | PositiveInt | None = None
    """Number of runs per cell: a number, or a column. With `seed`, the runs are counted."""
    facts: Annotated[tuple[ColumnName, ...], Strict(False)] = ()
    """Columns with labels, kept as text."""
    citation: Text = "a table"
    """Short, such as `Doe et al. 2025`: the column `source` of `cell_metrics`."""
    url: Text | None = None
    """Where the table was published."""
    note: Text | None = None
    """What a reader should know about it."""
    dataset: Text | None = None
    """Name of the dataset."""
    model: Text | None = None
    """Name of the network."""
    kind: Kind | None = None
    """Kind of the data: images, text or points."""
    n_classes: PositiveInt | None = None
    """Number of equally frequent classes: a run whose training loss is no better than guessing them
    has not converged. null: this is not checked."""
    performance_metric: Literal["test_accuracy", "test_loss", "test_error"] = "test_accuracy"
    """The metric by which cells are ranked."""
    classify: Classify | None = None
    """Thresholds with which imports/NAME.yaml starts; null: those of grids on CIFAR-10."""
    report: Report | None = None
    """Report settings with which it starts."""

    def content(self) -> dict[str, Any]:
        """What decides the tables, and thus enters all ids."""
        return self.model_dump(mode="json", exclude={"classify", "report"})


def read_map(path: Path) -> TableMap:
    """Read and check a map.

    Raises:
        SpecError: if it is missing, no YAML, or invalid; a line for each problem.
    """
    try:
        found = parse_yaml(read_regular(path).decode())
    except FileNotFoundError:
        raise _error(path, "no file", "an existing YAML file") from None
    except UnicodeDecodeError as error:
        raise _error(path, f"not UTF-8 text (byte {error.start + 1})") from None
    except OSError as error:
        raise _error(path, f"cannot be read: {error.strerror}") from None
    except InvalidTextError as error:
        raise _error(path, error.given, error.allowed) from None
    if not isinstance(found, dict):
        raise _error(path, shown(found), "a mapping with `coordinates` and `metrics`")
    try:
        columns = TableMap.model_validate(found)
    except ValidationError as error:
        raise SpecError(_problems(error), path.name) from None
    problems = list(_contradictions(columns))
    if problems:
        raise SpecError(problems, path.name)
    return columns


def _error(path: Path, given: str, allowed: str = "") -> SpecError:
    return SpecError([Problem("(file)", given, allowed)], path.name)


def _problems(error: ValidationError) -> list[Problem]:
    """What Pydantic found; about sections that are those of params.yaml, in the same words."""
    own = [_problem(one) for one in error.errors() if one["loc"][0] not in SHARED]
    return own + explain(error, TableMap, SHARED)


def _problem(detail: Any) -> Problem:
    """What Pydantic found, in the words of other messages."""
    names = [str(part) for part in detail["loc"] if part != "[key]"]
    where = ".".join(names)
    if detail["type"] == "extra_forbidden":
        model: Any = MetricColumn if names[0] == "metrics" else TableMap
        return Problem(where, "an unknown key", ", ".join(model.model_fields))
    if detail["type"] == "missing":
        return Problem(where, "this key is required")
    allowed = str(detail["msg"]).removeprefix("Input should be ").removeprefix("a valid ")
    return Problem(where, shown(detail["input"]), allowed)


def _contradictions(columns: TableMap) -> Iterator[Problem]:
    """Keys that are valid by themselves, but not together."""
    for path, value in columns.fixed.items():
        if path in columns.coordinates:
            yield Problem(f"fixed.{path}", "a parameter that is a coordinate too", "one of the two")
        elif path in WHOLE and (type(value) is not int or value < 1):
            yield Problem(f"fixed.{path}", shown(value), "a whole number, 1 or more")
        elif path in KNOWN and (isinstance(value, (bool, str)) or value < 0):
            yield Problem(f"fixed.{path}", shown(value), "a number, 0 or more")
    taken: dict[str, str] = {}
    for path, column in columns.coordinates.items():
        if column in taken:
            given = f"column {shown(column)}, which is {taken[column]} too"
            yield Problem(f"coordinates.{path}", given, "a column of its own")
        taken[column] = path
    for name, metric in columns.metrics.items():
        where = f"metrics.{name}"
        allowed = UNITS.get(name)
        if allowed is not None and metric.unit not in allowed:
            given = "none" if metric.unit is None else shown(metric.unit)
            words = " or ".join("null" if unit is None else shown(unit) for unit in allowed)
            yield Problem(f"{where}.unit", given, words)
        if metric.of is not None and columns.seed is None:
            yield Problem(f"{where}.of", metric.of, "nothing: without `seed`, a row is a cell")
        if (
            columns.seed is not None
            and metric.of != "cell"
            and (metric.sd or metric.standard_error or metric.n)
        ):
            yield Problem(where, "sd, standard_error or n of a run", "only with `of: cell`")
