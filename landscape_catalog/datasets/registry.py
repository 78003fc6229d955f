"""The built-in datasets: each has a file of its own and one line here."""

from __future__ import annotations

import itertools
from pathlib import Path

from landscape_catalog.datasets import (
    arrays,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    iwslt,
    mnist,
    number_words,
    svhn,
    text_pairs,
)
from landscape_catalog.datasets.spec import DatasetSettings, DatasetSpec, Source
from landscape_catalog.datasets.user_files import parameter

_LISTED = (
    digits.DATASET,
    mnist.DATASET,
    fashion_mnist.DATASET,
    cifar10.DATASET,
    cifar100.DATASET,
    svhn.DATASET,
    arrays.DATASET,
    text_pairs.DATASET,
    number_words.DATASET,
    iwslt.DATASET,
)
DATASETS: dict[str, DatasetSpec] = {dataset.name: dataset for dataset in _LISTED}


def source_of(settings: DatasetSettings, project: Path) -> Source:
    """The source of a built-in dataset; see `DatasetSpec.source`."""
    return DATASETS[settings.name].source(settings, project)


def files_of_user(settings: DatasetSettings, project: Path) -> list[tuple[str, Path]]:
    """The user's own files that a built-in dataset reads, each with the parameter that names it.

    Raises:
        DataError: if a path cannot be one of such files.
    """
    dataset = DATASETS[settings.name]
    found: list[tuple[str, Path]] = []
    for name, path in (("path", settings.path), ("test_path", settings.test_path)):
        if path is not None and name in dataset.uses:
            with parameter(f"dataset.{name}"):
                files = dataset.files(settings, project / path)
            found += [(f"dataset.{name}", file) for file in files]
    return found


def datasets_using(parameter: str) -> tuple[str, ...]:
    """Names of the datasets that use a parameter of the `dataset` section.

    >>> datasets_using("max_words")
    ('text_pairs', 'iwslt_de_en')
    """
    return tuple(name for name, dataset in DATASETS.items() if parameter in dataset.uses)


def described() -> str:
    """Every dataset with its kind and origin, for the documentation of `dataset.name`."""
    groups = itertools.groupby(DATASETS.values(), lambda dataset: (dataset.kind, dataset.origin))
    return ", ".join(
        f"{', '.join(f'`{dataset.name}`' for dataset in group)} ({kind}, {origin})"
        for (kind, origin), group in groups
    )
