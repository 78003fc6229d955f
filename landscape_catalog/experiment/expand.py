"""Expand an experiment into its grid: every variant, every combination of its axes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from landscape_catalog.datasets import DataFacts
from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.checks import experiment_problems, landscape_problems, listed
from landscape_catalog.experiment.components import Components
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import (
    Cell,
    DataSpec,
    Grid,
    GridAxis,
    Landscape,
    Point,
    dotted,
)
from landscape_catalog.experiment.landscape import Load
from landscape_catalog.experiment.training import Temperature
from landscape_catalog.experiment.variants import BASE
from landscape_catalog.models.registry import non_default_args


def expand(
    variants: Mapping[str, Experiment], components_of: Callable[[Experiment], Components]
) -> Grid:
    """Lay out the grid of an experiment.

    Args:
        variants: the experiment of each variant, `base` first.
        components_of: finds the dataset, network and task of an experiment, and the facts of its
            data.

    Raises:
        SpecError: if values do not fit together: more samples than there are, a batch larger than
            the training set of some landscape, a network that cannot take the data, noise that
            does not apply to the data, axis values that are equal once resolved, variants that
            share cells.
    """
    cells: list[Cell] = []
    problems: list[Problem] = []
    of_base: set[Problem] = set()
    for name, experiment in variants.items():
        components = components_of(experiment)
        try:
            found = experiment_problems(experiment, components)
        except SpecError as error:
            found = error.problems
        if not found:
            added = list(_cells(name, experiment, components))
            found = landscape_problems(experiment, added)
            cells += added
        if name == BASE:
            of_base = set(found)
        else:  # problems of the base are reported once
            found = [
                Problem(f"variants.{name}.{problem.path}", problem.given, problem.allowed)
                for problem in found
                if problem not in of_base
            ]
        problems += found
    if len(variants) > 1:
        problems += _shared(cells)
    if problems:
        raise SpecError(list(dict.fromkeys(problems)))
    return Grid(_axes(variants), tuple(variants), tuple(cells))


def _cells(name: str, experiment: Experiment, components: Components) -> Iterator[Cell]:
    for load in _points(experiment.load):
        landscape = _landscape(experiment, components, load)
        load["samples"] = landscape.data.samples
        for temperature in _points(experiment.temperature):
            yield Cell(landscape, load, temperature, experiment.train, name)


def _points(section: Load | Temperature) -> Iterator[Point]:
    """Every combination of a section's axes, in the order in which the section lists them."""
    names = [name for name in type(section).model_fields if name != "extra"]
    choices = [listed(getattr(section, name)) for name in names]
    choices += [listed(value) for value in section.extra.values()]
    for values in itertools.product(*choices):
        point: Point = dict(zip(names, values))
        yield point | {"extra": dict(zip(section.extra, values[len(names) :]))}


def _landscape(experiment: Experiment, components: Components, load: Point) -> Landscape:
    dataset, extra = experiment.dataset, load["extra"]
    accepted = components.dataset.accepted(extra)
    facts = components.facts(accepted)
    available = facts.n_available(dataset.test_samples)
    data = DataSpec(
        dataset=dataset,
        component=components.dataset,
        facts=facts,
        extra=accepted,
        samples=available if load["samples"] == "all" else load["samples"],
        test_samples=dataset.test_samples,
        seed=dataset.seed,
        label_noise=load["label_noise"],
        label_noise_mode=dataset.label_noise_mode,
        pixel_noise=load["pixel_noise"],
        size=_pixels(facts, dataset.resize),
        vocabulary=dataset.vocabulary,
    )
    args = {**experiment.model.args, **components.model.accepted(extra)}
    return Landscape(
        data=data,
        model=components.model,
        width=load["width"],
        model_args=args if components.model.code else non_default_args(components.model.name, args),
        task=components.task_for(facts.kind),
        task_args=components.task.accepted(extra),
    )


def _pixels(facts: DataFacts, resize: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Height and width that images are resampled to."""
    if facts.kind != "images" or resize is None:
        return None
    height, width = facts.input_shape(resize)[1:]
    return height, width


def _axes(variants: Mapping[str, Experiment]) -> tuple[GridAxis, ...]:
    """Every parameter that is a list in some variant, with its values in order of appearance."""
    found: dict[str, dict[Any, None]] = {}
    for experiment in variants.values():
        for section in ("load", "temperature"):
            named = dotted(section, getattr(experiment, section).model_dump())
            for path, values in named.items():
                if isinstance(values, (tuple, list)):
                    found.setdefault(path, {}).update(dict.fromkeys(values))
    return tuple(GridAxis(path, tuple(values)) for path, values in found.items())


def _shared(cells: list[Cell]) -> list[Problem]:
    """Variants that share a cell with another: the catalog holds each cell once."""
    first: dict[str, str] = {}
    problems = {}
    for cell in cells:
        other = first.setdefault(cell.cell_id, cell.variant)
        if other != cell.variant:
            given = f"cells shared with `{other}`"
            problems[cell.variant] = Problem(
                f"variants.{cell.variant}", given, "an overlay that changes every cell"
            )
    return list(problems.values())
