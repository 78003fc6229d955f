"""The grid of an experiment: axes, landscapes, cells and runs with their ids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from landscape_catalog.datasets import DataFacts, Preparation
from landscape_catalog.experiment.components import Component
from landscape_catalog.experiment.landscape import Dataset
from landscape_catalog.experiment.training import Train
from landscape_catalog.models.registry import non_default_args
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.schema.identity import Identifier, identify, recipes
from landscape_catalog.tasks.registry import default_task
from landscape_catalog.training.grouping import trains_grouped

Point = dict[str, Any]


def dotted(section: str, parameters: Point) -> Point:
    """The parameters of a section by dotted path, those under `extra` last.

    >>> dotted("load", {"width": 8, "extra": {"depth": 2}})
    {'load.width': 8, 'load.extra.depth': 2}
    """
    found = {f"{section}.{name}": value for name, value in parameters.items() if name != "extra"}
    return found | {f"{section}.extra.{name}": v for name, v in parameters["extra"].items()}


@dataclass(frozen=True)
class GridAxis:
    """A parameter with several values: its dotted path and the values in the order listed."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class DataSpec(Preparation):
    """The data of a landscape: the dataset and its preparation, with every value resolved.

    `extra` holds the parameters of `load.extra` that the dataset function takes.
    """

    dataset: Dataset
    component: Component
    facts: DataFacts
    extra: Point

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input as the network sees it."""
        return self.facts.input_shape(self.dataset.resize)

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the data id hashes: the values in effect."""
        content = {
            "dataset": self._dataset_content(),
            "source_checksum": self.facts.checksum,
            "samples": self.samples,
            "label_noise": self.label_noise,
            "pixel_noise": self.pixel_noise,
            **self.component.code_content,
        }
        if self.label_noise > 0 and self.label_noise_mode != "different":
            content["label_noise_mode"] = self.label_noise_mode
        return content | ({"extra": self.extra} if self.extra else {})

    def _dataset_content(self) -> dict[str, Any]:
        """The section with sizes resolved, without constants that `extra` overrides."""
        content, facts = self.dataset.content(), self.facts
        if facts.kind == "images":
            if facts.n_test and self.test_samples == facts.n_test:
                content["test_samples"] = "all"
            height, width = self.input_shape[1:]
            content["resize"] = height if height == width else [height, width]
            if self.input_shape == facts.shape:
                del content["resize"]
        args = {k: v for k, v in content.pop("args", {}).items() if k not in self.extra}
        return content | ({"args": args} if args else {})

    @cached_property
    def data_id(self) -> str:
        """The id of the data, known before they are prepared."""
        return identify("data", self.content, recipes("data"))


@dataclass(frozen=True)
class Landscape:
    """Prepared data, a network and a task: together they define the loss."""

    data: DataSpec
    model: Component
    width: int
    model_args: Point
    task: Component
    task_args: Point

    @cached_property
    def model_content(self) -> dict[str, Any]:
        """The network as ids hash it."""
        content = {"name": self.model.name, "width": self.width, **self.model.code_content}
        return content | ({"args": self.model_args} if self.model_args else {})

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the landscape id hashes."""
        content: dict[str, Any] = {"data": self.data.data_id, "model": self.model_content}
        if self.task.code:
            task = {"name": self.task.name, "args": self.task_args, **self.task.code_content}
            content["task"] = task
        elif self.task.name != default_task(self.data.facts.kind):
            content["task"] = {"name": self.task.name}
        return content

    @cached_property
    def landscape_id(self) -> str:
        """Hash of data, model and task."""
        return identify("landscape", self.content, recipes("model", "task"))


@dataclass(frozen=True)
class Run:
    """One network to train: a cell and a seed."""

    cell: Cell
    seed: int

    @property
    def content(self) -> dict[str, Any]:
        """What the run id hashes."""
        return {**self.cell.content, "seed": self.seed}

    @property
    def run_id(self) -> str:
        """Hash of data, model, training, temperature and seed."""
        return self.cell.run_ids[self.seed]


@dataclass(frozen=True)
class Cell:
    """One point of the grid. `load` and `temperature` hold every parameter of their section.

    `seeds` are the seeds of its runs; None: `train.seeds` of them from `train.first_seed` on.
    """

    landscape: Landscape
    load: Point
    temperature: Point
    train: Train
    variant: str
    seeds: tuple[int, ...] | None = None

    @property
    def content(self) -> dict[str, Any]:
        """What the cell id hashes: a run without its seed, with the learning rate in effect."""
        temperature = {**self.temperature, "lr": self.lr, "extra": self._extra_content()}
        if not temperature["extra"]:
            del temperature["extra"]
        return {
            **self.landscape.content,
            "train": self.train.content(),
            "temperature": temperature,
        }

    def _extra_content(self) -> Point:
        """`temperature.extra`, without values that equal the defaults of a built-in network."""
        extra, model = self.temperature["extra"], self.landscape.model
        if model.code:
            return extra
        accepted = model.accepted(extra)
        apart = non_default_args(model.name, accepted)
        inert = {n for n in accepted if n not in apart and n not in self.landscape.model_args}
        return {n: apart.get(n, value) for n, value in extra.items() if n not in inert}

    @cached_property
    def cell_id(self) -> str:
        """Hash of data, model, training and temperature."""
        return identify("cell", self.content, self.recipes)

    @cached_property
    def run_ids(self) -> dict[int, str]:
        """The ids of its runs by seed: hashes of data, model, training, temperature and seed."""
        identifier = Identifier.of("run", self.content, "seed", self.recipes)
        return {run.seed: identifier(run.seed) for run in self.runs}

    @property
    def networks(self) -> tuple[str, str]:
        """Equal in cells with the same data and networks, which are only trained differently."""
        return self.landscape.landscape_id, str(self.temperature["extra"])

    @property
    def recipes(self) -> dict[str, int]:
        """The recipes of the cell's runs."""
        return recipes("model", "task", "train", grouped=self.is_grouped)

    @cached_property
    def is_grouped(self) -> bool:
        """Whether its runs are trained side by side with others, on every device."""
        train = self.train
        return trains_grouped(
            self.built_in,
            batch_size=self.temperature["batch_size"],
            optimizer=train.optimizer,
            clip_norm=train.clip_norm,
            augment=train.augment,
            precision=train.precision,
        )

    @cached_property
    def built_in(self) -> dict[str, Any] | None:
        """What `models.registry` asks of a network; None if the network or the task is custom."""
        return None if is_custom(self.landscape.task.name) else self.network

    @cached_property
    def network(self) -> dict[str, Any] | None:
        """What `models.registry` asks of a network; None if the network is custom."""
        landscape, data = self.landscape, self.landscape.data
        if is_custom(landscape.model.name):
            return None
        return {
            "name": landscape.model.name,
            "width": landscape.width,
            "input_shape": data.input_shape,
            "n_outputs": data.facts.n_outputs,
            "args": self.model_args,
        }

    @property
    def lr(self) -> float:
        """The learning rate in effect, scaled with the batch size under `linear_scaling`."""
        return self.train.rate(self.temperature["lr"], self.temperature["batch_size"])

    @property
    def model_args(self) -> Point:
        """Parameters of the network: constants, and those set under `load` and `temperature`."""
        return self.landscape.model_args | self.landscape.model.accepted(self.temperature["extra"])

    @property
    def task_args(self) -> Point:
        """Parameters of a custom task."""
        return self.landscape.task_args | self.landscape.task.accepted(self.temperature["extra"])

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """One run for each seed, in order of seeds."""
        first = self.train.first_seed
        seeds = range(first, first + self.train.seeds) if self.seeds is None else self.seeds
        return tuple(Run(self, seed) for seed in seeds)

    @property
    def values(self) -> Point:
        """Every load and temperature parameter by dotted path."""
        return dotted("load", self.load) | dotted("temperature", self.temperature)


@dataclass(frozen=True)
class Grid:
    """Every cell of an experiment, variant by variant, in the order of the axes."""

    axes: tuple[GridAxis, ...]
    variants: tuple[str, ...]
    cells: tuple[Cell, ...]

    @cached_property
    def landscapes(self) -> tuple[Landscape, ...]:
        """The distinct landscapes, in order of first appearance."""
        found = {cell.landscape.landscape_id: cell.landscape for cell in self.cells}
        return tuple(found.values())

    @cached_property
    def data(self) -> tuple[DataSpec, ...]:
        """The distinct prepared data, in order of first appearance."""
        found = {cell.landscape.data.data_id: cell.landscape.data for cell in self.cells}
        return tuple(found.values())

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Every run, cell by cell."""
        return tuple(run for cell in self.cells for run in cell.runs)
