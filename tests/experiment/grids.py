"""Grids without files: a base experiment, its components, and changes by dotted path."""

from __future__ import annotations

import copy
from typing import Any

from landscape_catalog.datasets import DATASETS, DataFacts
from landscape_catalog.experiment.components import Component, Components
from landscape_catalog.experiment.expand import expand
from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Grid
from landscape_catalog.experiment.variants import resolve_variants
from landscape_catalog.models.registry import NETWORKS

BASE: dict[str, Any] = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet18"},
    "load": {"width": [2, 4]},
    "temperature": {"batch_size": [16, 32]},
    "train": {"seeds": 2},
    "measure": {"batch_norm": "authors"},  # under which the golden ids were made
    "classify": {},
    "report": {},
    "variants": {},
}
DIGITS = DataFacts("images", "c", 1797, 0, 10, (1, 8, 8))
CIFAR = DataFacts("images", "c", 50_000, 10_000, 10, (3, 32, 32))
POINTS = DataFacts("points", "c", 900, 0, 0, (2,))

# Custom functions: their parameters and the checksum of their code.
OWN = {
    "mine:data": Component("mine:data", frozenset({"beta", "count"}), "a" * 64),
    "mine:network": Component("mine:network", frozenset({"depth", "rate"}), "b" * 64),
    "mine:task": Component("mine:task", frozenset({"beta", "strength", "rate"}), "c" * 64),
}
TEXT = {
    "dataset.name": "number_words",
    "dataset.vocabulary": 400,
    "model.name": "transformer",
    "load.width": [8, 16],
    "measure.similarity.perturbation": "token_noise",
}
CUSTOM_CODE = {
    "dataset.name": "mine:data",
    "dataset.task": "mine:task",
    "model.name": "mine:network",
}


def components(experiment: Experiment) -> Components:
    """The components as `find_components` describes them, from the tables above."""
    dataset, model = experiment.dataset, experiment.model

    def part(name: str) -> Component:
        known = frozenset(NETWORKS[name].args) if name in NETWORKS else frozenset()
        return OWN.get(name, Component(name, known))

    def facts(extra: dict[str, Any]) -> DataFacts:
        if dataset.name in DATASETS and DATASETS[dataset.name].kind == "text":
            return DataFacts("text", "c", 10_000, 0, dataset.vocabulary, ())
        if dataset.name == "mine:data":
            return DataFacts("points", "c", extra.get("count", 900), 0, 0, (2,))
        return {"digits": DIGITS, "cifar10": CIFAR}[dataset.name]

    return Components(part(dataset.name), part(model.name), part(dataset.task), facts)


def put(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of nested mappings with values set at dotted paths."""
    result = copy.deepcopy(data)
    for path, value in changes.items():
        *parents, last = path.split(".")
        inner = result
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return result


def experiment_of(changes: dict[str, Any]) -> Experiment:
    """The base experiment with values set at dotted paths."""
    return Experiment.model_validate(put(BASE, changes))


def grid_of(changes: dict[str, Any]) -> Grid:
    """The grid of the base experiment with values set at dotted paths."""
    return expand(resolve_variants(experiment_of(changes)), components)


def grid(**sections: Any) -> Grid:
    """The grid of the base experiment with whole sections replaced."""
    experiment = Experiment.model_validate({**BASE, **sections})
    return expand(resolve_variants(experiment), components)
