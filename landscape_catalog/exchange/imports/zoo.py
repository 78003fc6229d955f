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
from landscape_catalog.exchange.imports.named import first_few
from landscape_catalog.exchange.imports.settings import cifar_settings
from landscape_catalog.exchange.imports.zoo_cells import probe_of, read_cell
from landscape_catalog.exchange.imports.zoo_files import Model, Zoo, read_zoo_files
from landscape_catalog.exchange.imports.zoo_metrics import CELL_METRICS, RUN_METRICS
from landscape_catalog.exchange.imports.zoo_parameters import whole_number

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
    kind = _only("model::type", "kinds of networks", models, path)
    classes = _only("model::o_dim", "numbers of classes", models, path)
    epochs = _measured_epochs(models)
    n_classes = _n_classes(classes)
    by_cell: dict[tuple[int, int], list[Model]] = {}
    for model in models:
        by_cell.setdefault((model.width, model.batch_size), []).append(model)
    cells = [read_cell(own, epochs, n_classes) for own in by_cell.values()]
    settings = cifar_settings(f"{path.resolve().name}: a zoo{_of(kind)}")
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
        model=_network(kind),
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


def _only(key: str, what: str, models: Sequence[Model], path: Path) -> Any:
    """The value of a parameter in those models that state it; None if none does.

    Raises:
        PublishedError: if they differ, so that the directory holds several zoos.
    """
    found = _stated(key, models)
    if len(found) > 1:
        words = ", ".join(shown(value) for value in found)
        raise PublishedError(
            f"{path} holds more than one zoo ({what}: {words}); import the folder of each"
        )
    return found[0] if found else None


def _stated(key: str, models: Sequence[Model]) -> list[str | int | float]:
    """The different values of a parameter in those models that state it."""
    values = (model.parameters.get(key) for model in models)
    plain = [value for value in values if isinstance(value, (str, int, float))]
    return sorted(set(plain), key=str)


def _constant(keys: Mapping[str, str], models: Sequence[Model]) -> Iterator[tuple[str, Any]]:
    """Parameters that are the same numbers in all models that state them."""
    for name, key in keys.items():
        found = _stated(key, models)
        if len(found) == 1 and not isinstance(found[0], (bool, str)):
            yield name, found[0]


def _n_classes(value: Any) -> int | None:
    found = whole_number(value)
    return found if found is not None and found > 1 else None


def _dataset(path: Path, models: Sequence[Model]) -> str | None:
    """The dataset that the parameters name, or else the folder."""
    found = sorted({name for model in models if (name := _named(_dataset_words(model)))})
    if len(found) > 1:
        raise PublishedError(
            f"{path} holds more than one zoo (datasets: {', '.join(found)}); import the folder "
            "of each"
        )
    return found[0] if found else _named([path.resolve().name])


def _dataset_words(model: Model) -> list[str]:
    return [
        value
        for key, value in model.parameters.items()
        if key.startswith("dataset") and isinstance(value, str)
    ]


def _named(texts: Sequence[str]) -> str | None:
    """The first dataset that a text names."""
    for text in texts:
        for name, pattern in _DATASETS.items():
            if pattern.search(text):
                return name
    return None


def _of(kind: Any) -> str:
    return "" if kind is None else f" of {kind}"


def _network(kind: Any) -> str | None:
    """The project's name of a ResNet."""
    found = re.fullmatch(r"Resnet(\d+)_width", str(kind), re.IGNORECASE)
    return f"resnet{found[1]}" if found else None if kind is None else str(kind)


def _notes(zoo: Zoo, epochs: Sequence[int]) -> Iterator[str]:
    models = zoo.models.values()
    yield f"measured after epoch {', '.join(map(str, epochs))}"
    yield "this importer is untried on the original data"
    folders = {
        "folders without parameters, known by their names": zoo.without_parameters,
        "folders with damaged parameters, known by their names": zoo.damaged_parameters,
    }
    unknown = set(zoo.unknown)
    known = {
        words: [name for name in names if name not in unknown] for words, names in folders.items()
    }
    incomplete = {
        "folders with lines that cannot be read": [
            model.folder for model in models if model.n_damaged
        ],
        f"models that did not reach epoch {epochs[0]}": [
            model.folder for model in models if epochs[0] not in model.lines
        ],
    }
    for words, names in (*known.items(), *zoo.left_out.items(), *incomplete.items()):
        if names:
            yield f"{words}: {len(names)} ({first_few(names)})"
