"""Zoos in the layout of the Phase Transition Model Zoo: ResNets over widths and batch sizes.

Three runs per cell, with their histories. Similarity, connectivity and Hessian are measured after
one epoch of each run, and published as means over the cell, written alike into all of its runs:
they are one observation, not three. Untried on the original data, which were not at hand.

Source: A model zoo on phase transitions in neural networks, arXiv 2504.18072;
github.com/ModelZoos/PhaseTransitionModelZoo.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape_catalog.errors import PublishedError, shown
from landscape_catalog.exchange.imports.grid import PublishedGrid, PublishedMetric, Source
from landscape_catalog.exchange.imports.settings import cifar_settings
from landscape_catalog.exchange.imports.zoo_cells import probe_of, read_cell
from landscape_catalog.exchange.imports.zoo_files import Model, Zoo, read_zoo_files
from landscape_catalog.exchange.imports.zoo_metrics import CELL_METRICS, RUN_METRICS

FORMAT = "zoo"
_DATASETS = {
    "tiny_imagenet": re.compile(r"tiny.?imagenet", re.IGNORECASE),
    "cifar100": re.compile(r"cifar.?100", re.IGNORECASE),
    "cifar10": re.compile(r"cifar.?10(?!0)", re.IGNORECASE),
    "svhn": re.compile(r"svhn", re.IGNORECASE),
}
_SHARED = {"temperature.lr": "optim::lr", "temperature.weight_decay": "optim::wd"}
_TRAIN = {"epochs": "training::epochs_train", "momentum": "optim::momentum"}


def read_zoo(path: Path) -> PublishedGrid:
    """Read a directory with a folder for each model of one zoo.

    Raises:
        PublishedError: if it has no model, models of several zoos, or none with measurements.
    """
    zoo = read_zoo_files(path)
    models = list(zoo.models.values())
    kinds = sorted({str(model.parameters.get("model::type", "unknown")) for model in models})
    classes = {model.parameters.get("model::o_dim") for model in models}
    if len(kinds) > 1 or len(classes) > 1:
        words = ", ".join(kinds) if len(kinds) > 1 else f"{len(classes)} numbers of classes"
        raise PublishedError(f"{path} holds more than one zoo ({words}); import the folder of each")
    epochs = _measured_epochs(models)
    n_classes = _whole(classes.pop())
    by_cell: dict[tuple[int, int], list[Model]] = {}
    for model in models:
        by_cell.setdefault((model.width, model.batch_size), []).append(model)
    cells = [read_cell(own, epochs, n_classes) for own in by_cell.values()]
    settings = cifar_settings(f"{path.resolve().name}: a zoo of {kinds[0]}")
    return PublishedGrid(
        source=Source(
            format=FORMAT,
            sha256=zoo.sha256,
            file=path.resolve().name,
            citation="Phase Transition Model Zoo 2025",
            url="https://github.com/ModelZoos/PhaseTransitionModelZoo",
            note=(
                "Similarity, connectivity and Hessian are means over a cell, by other definitions "
                "than those of Yang et al. 2021; see the column `method`."
            ),
        ),
        dataset=_dataset(path, models),
        model=_network(kinds[0]),
        kind="images",
        axes=("load.width", "temperature.batch_size"),
        fixed=dict(_constant(_SHARED, models)),
        sections={
            "train": {
                "optimizer": "sgd",
                "schedule": "one-cycle",
                **dict(_constant(_TRAIN, models)),
            },
            "measure": {"snapshots": [f"epoch_{epoch}" for epoch in epochs]},
        },
        metrics=tuple(_metrics(models, epochs)),
        cells=tuple(cells),
        landscape={}
        if n_classes is None
        else {
            "n_classes": n_classes,
            "frequency_loss": math.log(n_classes),
        },
        settings=settings,
        lacks=("single measurements of runs and pairs: they were published for cells only",),
        notes=tuple(_notes(zoo, epochs)),
    )


def _measured_epochs(models: Sequence[Model]) -> list[int]:
    """The epochs with measurements; first the one that most models have, of several the last."""
    counts = Counter(
        epoch
        for model in models
        for epoch, line in model.lines.items()
        if not CELL_METRICS.keys().isdisjoint(line)
    )
    if not counts:
        names = ", ".join(list(CELL_METRICS)[:3])
        raise PublishedError(f"no model has measurements: no line of a history has {names}, ...")
    primary = max(counts, key=lambda epoch: (counts[epoch], epoch))
    return [primary, *sorted(epoch for epoch in counts if epoch != primary)]


def _metrics(models: Sequence[Model], epochs: Sequence[int]) -> Iterator[PublishedMetric]:
    """The metrics of the zoo, for every epoch after which measurements were made."""
    for epoch in epochs:
        lines = [model.lines.get(epoch, {}) for model in models]
        found = [metric for key, metric in CELL_METRICS.items() if any(key in one for one in lines)]
        for metric in (*RUN_METRICS, *found):
            method = f"after epoch {epoch}: {metric.method}"
            yield replace(metric, probe=probe_of(epochs, epoch), method=method)


def _constant(keys: Mapping[str, str], models: Sequence[Model]) -> Iterator[tuple[str, Any]]:
    """Parameters that are the same numbers for all models."""
    for name, key in keys.items():
        values = {shown(model.parameters.get(key)) for model in models}
        value = models[0].parameters.get(key)
        if len(values) == 1 and isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, value


def _whole(value: Any) -> int | None:
    return value if type(value) is int and value > 1 else None


def _dataset(path: Path, models: Sequence[Model]) -> str | None:
    """The dataset that the parameters name, or else the folder."""
    texts = [
        value
        for key, value in models[0].parameters.items()
        if key.startswith("dataset") and isinstance(value, str)
    ]
    for text in (*texts, path.resolve().name):
        for name, pattern in _DATASETS.items():
            if pattern.search(text):
                return name
    return None


def _network(kind: str) -> str:
    """The project's name of a ResNet."""
    found = re.fullmatch(r"Resnet(\d+)_width", kind, re.IGNORECASE)
    return f"resnet{found[1]}" if found else kind


def _notes(zoo: Zoo, epochs: Sequence[int]) -> Iterator[str]:
    damaged = sum(model.n_damaged for model in zoo.models.values())
    short = sum(epochs[0] not in model.lines for model in zoo.models.values())
    yield f"measured after epoch {', '.join(map(str, epochs))}"
    yield "this importer is untried on the original data"
    counts = {
        "models that were run twice, of which the longer run is taken": zoo.n_repeated,
        "folders without a readable history": zoo.n_empty,
        "folders that do not say width, batch size and seed": len(zoo.without_parameters),
        "lines that cannot be read": damaged,
        f"models that did not reach epoch {epochs[0]}": short,
    }
    yield from (f"{words}: {count}" for words, count in counts.items() if count)
