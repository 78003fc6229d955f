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
