"""What the grid needs to know about the dataset, network and task before they are built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from landscape_catalog.datasets import DataFacts, Kind
from landscape_catalog.tasks.registry import AUTO, default_task


@dataclass(frozen=True)
class Component:
    """A named function that builds a dataset, a network or a task.

    Attributes:
        name: of a built-in function, or `package.module:function`.
        accepts: names of the parameters that an experiment may set.
        code: SHA-256 of the source of a custom function; None if built in.
        multiply_adds: of a network, the counted multiply-adds of a forward pass, by a key of its
            shapes. Only for time estimates, never part of an id.
    """

    name: str
    accepts: frozenset[str] = frozenset()
    code: str | None = None
    multiply_adds: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def accepted(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values whose names are parameters of this function."""
        return {name: value for name, value in values.items() if name in self.accepts}

    @property
    def code_content(self) -> dict[str, Any]:
        """What custom code adds to an id; empty for built-in functions, which have recipes."""
        return {"code": self.code} if self.code else {}


@dataclass(frozen=True)
class Components:
    """Dataset, network and task of an experiment, and the facts of its data.

    `facts` takes the parameters of `load.extra` that the dataset function accepts.
    """

    dataset: Component
    model: Component
    task: Component
    facts: Callable[[dict[str, Any]], DataFacts]

    def task_for(self, kind: Kind) -> Component:
        """The task for a kind of data, with `auto` resolved."""
        return Component(default_task(kind)) if self.task.name == AUTO else self.task
