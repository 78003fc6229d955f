"""What a grid needs to know of its data, network and task before any of them is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from landscape_catalog.experiment.landscape import Dataset

Kind = Literal["images", "text", "points"]


@dataclass(frozen=True)
class DataFacts:
    """A dataset as it is known before it is prepared.

    Attributes:
        kind: `images`, `text` (pairs of sentences) or `points` (a user's own arrays).
        checksum: of the raw data.
        n_train: samples that training and held-out data are drawn from; the most there can be
            where they are not `counted`.
        n_test: samples of a test split of its own; 0: the test set is held out.
        n_outputs: classes, or the size of the vocabulary; 0 where there are none.
        shape: of one input as it is read, (channels, height, width) for images.
        counted: whether n_train is exact: some sentence pairs are left out when they are read.
        single_class: the first class of images that has one training sample only, or None.
    """

    kind: Kind
    checksum: str
    n_train: int
    n_test: int
    n_outputs: int
    shape: tuple[int, ...]
    counted: bool = True
    single_class: int | None = None

    def n_available(self, dataset: Dataset) -> int:
        """Training samples there are once the test set is held out."""
        held_out = 0 if self.n_test or dataset.test_samples == "all" else dataset.test_samples
        return self.n_train - held_out

    def input_shape(self, dataset: Dataset) -> tuple[int, ...]:
        """Of one input as the network sees it."""
        if self.kind != "images" or dataset.resize is None:
            return self.shape
        size = dataset.resize if isinstance(dataset.resize, tuple) else (dataset.resize,) * 2
        return (self.shape[0], *size)


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
