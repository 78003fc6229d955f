"""From an experiment to its grid: axes, landscapes, cells, runs and pairs, each with its id."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.schemas.experiment import Dataset, Experiment
from landscape_catalog.schemas.identity import identify

Point = dict[str, Any]


@dataclass(frozen=True)
class GridAxis:
    """A parameter that takes several values: its dotted path and the values as they are listed."""

    path: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class DataSpec:
    """The data of a landscape with every value resolved (`samples` is a number)."""

    dataset: Dataset
    source_checksum: str
    samples: int
    label_noise: float
    pixel_noise: float

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the data id hashes."""
        return {
            "dataset": self.dataset.model_dump(mode="json"),
            "source_checksum": self.source_checksum,
            "samples": self.samples,
            "label_noise": self.label_noise,
            "pixel_noise": self.pixel_noise,
        }

    @cached_property
    def data_id(self) -> str:
        """Known before the data are prepared."""
        return identify("data", self.content, ("data",))


@dataclass(frozen=True)
class Landscape:
    """Prepared data and a network: what fixes the loss."""

    data: DataSpec
    model: Point

    @cached_property
    def landscape_id(self) -> str:
        """Hash of data and model."""
        content = {"data": self.data.data_id, "model": self.model}
        return identify("landscape", content, ("model", "task"))


@dataclass(frozen=True)
class Run:
    """One network to train: a cell and a seed."""

    cell: Cell
    seed: int

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the run id hashes."""
        return {**self.cell.content, "seed": self.seed}

    @cached_property
    def run_id(self) -> str:
        """Hash of data, model, training, temperature and seed."""
        return identify("run", self.content, ("model", "task", "train"))


@dataclass(frozen=True)
class Cell:
    """One point of the grid. `load` and `temperature` hold every parameter of their section."""

    landscape: Landscape
    load: Point
    temperature: Point
    training: Point
    n_seeds: int

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the cell id hashes: a run without its seed."""
        return {
            "data": self.landscape.data.data_id,
            "model": self.landscape.model,
            "train": self.training,
            "temperature": self.temperature,
        }

    @cached_property
    def cell_id(self) -> str:
        """Hash of data, model, training and temperature."""
        return identify("cell", self.content, ("model", "task", "train"))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """One run for each seed, in order of seeds."""
        return tuple(Run(self, seed) for seed in range(self.n_seeds))

    @cached_property
    def values(self) -> Point:
        """Every load and temperature parameter by its dotted path."""
        return {f"load.{name}": value for name, value in self.load.items()} | {
            f"temperature.{name}": value for name, value in self.temperature.items()
        }


@dataclass(frozen=True)
class Grid:
    """Every cell of an experiment, in the order in which its axes are listed."""

    axes: tuple[GridAxis, ...]
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


def _values(section: Point) -> list[Point]:
    """Every combination of a section's axes, in the order in which the section lists them."""
    choices = [value if isinstance(value, (list, tuple)) else [value] for value in section.values()]
    return [dict(zip(section, combination)) for combination in itertools.product(*choices)]


def expand(experiment: Experiment, *, n_available: int, source_checksum: str) -> Grid:
    """Lay out the grid of an experiment.

    Args:
        experiment: the validated sections.
        n_available: training images that the dataset has once the test set is held out.
        source_checksum: of the raw dataset.

    Raises:
        SpecError: where values do not go together: more samples than there are, a batch larger
            than the samples of some landscape, an axis value repeated once resolved.
    """
    load = experiment.load.model_dump()
    temperature = experiment.temperature.model_dump()
    _check_sizes(experiment, n_available)
    training = experiment.train.model_dump(mode="json", exclude={"seeds"})
    cells = []
    for point in _values(load):
        data = DataSpec(
            dataset=experiment.dataset,
            source_checksum=source_checksum,
            samples=n_available if point["samples"] == "all" else point["samples"],
            label_noise=point["label_noise"],
            pixel_noise=point["pixel_noise"],
        )
        model = {**experiment.model.model_dump(mode="json"), "width": point["width"]}
        landscape = Landscape(data, model)
        resolved = {**point, "samples": data.samples}
        cells += [
            Cell(landscape, resolved, temperature_point, training, experiment.train.seeds)
            for temperature_point in _values(temperature)
        ]
    axes = tuple(
        GridAxis(f"{section}.{name}", values)
        for section, parameters in (("load", load), ("temperature", temperature))
        for name, values in parameters.items()
        if isinstance(values, tuple)
    )
    return Grid(axes, tuple(cells))


def _check_sizes(experiment: Experiment, n_available: int) -> None:
    """Refuse counts that exceed the data, naming the parameter."""
    samples = _listed(experiment.load.samples)
    problems = [
        Problem("load.samples", repr(n), f"at most {n_available}, the training images there are")
        for n in samples
        if n != "all" and n > n_available
    ]
    if samples.count("all") and n_available in samples:
        problems.append(
            Problem("load.samples", repr(samples), f"`all` or {n_available}: they are the same")
        )
    smallest = min(n_available if n == "all" else n for n in samples)
    counts = [("temperature.batch_size", b) for b in _listed(experiment.temperature.batch_size)]
    counts.append(("measure.hessian.samples", experiment.measure.hessian.samples))
    counts.append(("measure.connectivity.batch_size", experiment.measure.connectivity.batch_size))
    problems += [
        Problem(path, repr(count), f"at most {smallest}, the samples of the smallest landscape")
        for path, count in counts
        if count > smallest
    ]
    if problems:
        raise SpecError(problems)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def chosen_pairs(
    run_ids: list[str], which: Literal["first", "ring", "all"]
) -> list[tuple[str, str]]:
    """Pairs among the runs of a cell: the first two, a ring, or every pair.

    A pair names its runs in the order of seeds, so that it is the same pair whichever way chosen.

    >>> chosen_pairs(["a", "b", "c", "d"], "ring")
    [('a', 'b'), ('b', 'c'), ('c', 'd'), ('a', 'd')]
    """
    every = list(itertools.combinations(run_ids, 2))
    if which == "all" or len(run_ids) < 3:
        return every
    return (
        every[:1] if which == "first" else [*itertools.pairwise(run_ids), (run_ids[0], run_ids[-1])]
    )
