"""Custom metrics: functions of networks, data, task and seed that return numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Strict
from pydantic_core import PydanticCustomError

from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.metric import PRIMARY, Metric, Named, Scope
from landscape_catalog.schema.fields import (
    Added,
    Constant,
    Later,
    Name,
    Outside,
    Section,
    Text,
    known_or_custom,
)
from landscape_catalog.schema.records import VALUES

# Positional arguments of a function; `seed` and `args` are passed by keyword.
POSITIONAL: dict[Scope, tuple[str, ...]] = {
    "run": ("network", "data", "task"),
    "pair": ("network", "other", "data", "task"),
}


class CustomSettings(Section):
    """A metric of your own; see docs/own.md."""

    name: Annotated[Name, Outside()]
    """Name of the metric. The catalog calls its values `custom.<name>.<value>`."""
    scope: Scope
    """What is measured: each converged `run`, or each `pair` of converged runs of a cell."""
    function: Annotated[Text, known_or_custom()]
    """The function, as `module:function` under `custom/` or in an installed package. Its source is
    part of the measurement's id."""
    args: Annotated[dict[Name, Constant], Later({})] = {}
    """Further keyword arguments of the function."""


def _require_distinct_names(value: tuple[CustomSettings, ...]) -> tuple[CustomSettings, ...]:
    names = [settings.name for settings in value]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise PydanticCustomError(
            "repeated_metric",
            "metrics with a `name` each (repeated: {named})",
            {"named": ", ".join(repeated)},
        )
    return value


@dataclass(frozen=True)
class CustomValues:
    """The values that a custom metric returned."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    values: dict[str, Estimate]
    """By name, each with its unit, error and status."""
    metric: Literal["custom"] = field(default="custom", kw_only=True)
    """Which metric."""


class CustomMetric(Metric):
    """A user's function that returns numbers for a run, or for a pair of runs.

    It is called as `function(network, data, task, seed=..., **args)`, or for a pair as
    `function(network, other, data, task, seed=..., **args)`, and returns a mapping from names to
    numbers or `Estimate`s. The names are not known before it has been called.
    """

    name = "custom"
    scope = "run"
    result = CustomValues
    recipes: ClassVar = {"custom": 1}
    section = "custom"
    owns_section = True
    settings = CustomSettings
    describes = "Your own metrics, each a function of networks, data, task and seed."
    alone = True
    identifies = False

    def field(self) -> tuple[Any, Any]:
        """A list of metrics, empty by default."""
        kind = Annotated[
            tuple[CustomSettings, ...], Strict(False), AfterValidator(_require_distinct_names)
        ]
        return Annotated[kind, Added(())], ()

    def scope_of(self, settings: CustomSettings) -> Scope:
        """According to the settings."""
        return settings.scope

    def probe_name(self, settings: CustomSettings, place: int) -> str:
        """The name given in the settings."""
        return settings.name

    def catalog_name(self, probe: str, name: str) -> tuple[str, str]:
        """`custom.<name>.<value>`."""
        return f"custom.{probe}.{name}", PRIMARY

    def method(self, settings: CustomSettings) -> str:
        """The function's name."""
        return settings.function

    def work_kind(self, settings: CustomSettings) -> str:
        """The function's name: timings differ between functions."""
        return f"custom {settings.function}"

    def estimates(self, results: Sequence[CustomValues]) -> Iterator[Named]:
        """The values as they were returned."""
        yield from results[0].values.items()
