"""What a grid needs to know of its data, network and task before any of them is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from landscape_catalog.datasets import DataFacts, Kind
from landscape_catalog.tasks.registry import AUTO, default_task


@dataclass(frozen=True)
class Component:
    """A function that makes data, a network or a task, by name.

    Attributes:
        name: built in, or `package.module:function`.
        accepts: names of the parameters that an experiment may hand to it.
        code: SHA-256 of the source of a user's own; None if built in.
        multiply_adds: of a network, what a forward pass has been counted to take, by a key of its
            shapes. An estimate's ingredient, never part of an id.
    """

    name: str
    accepts: frozenset[str] = frozenset()
    code: str | None = None
    multiply_adds: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def taken(self, values: dict[str, Any]) -> dict[str, Any]:
        """Those of the values that this function has a parameter for."""
        return {name: value for name, value in values.items() if name in self.accepts}

    @property
    def own(self) -> dict[str, Any]:
        """What enters an id of a user's own code; nothing of what is built in."""
        return {"code": self.code} if self.code else {}


@dataclass(frozen=True)
class Components:
    """Dataset, network and task of an experiment, and the facts of its data.

    `facts` takes the parameters of `load.extra` that the dataset function is given.
    """

    dataset: Component
    model: Component
    task: Component
    facts: Callable[[dict[str, Any]], DataFacts]

    def task_for(self, kind: Kind) -> Component:
        """The task of data of a kind, with `auto` resolved."""
        return Component(default_task(kind)) if self.task.name == AUTO else self.task
