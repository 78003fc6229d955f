"""Where a dataset comes from: its checksum, what is known of it, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from landscape_catalog.datasets import arrays, digits, iwslt, number_words, text
from landscape_catalog.datasets.checksums import file_checksum, joined_checksum
from landscape_catalog.datasets.official import OFFICIAL, load_official
from landscape_catalog.datasets.parameter import parameter
from landscape_catalog.datasets.pool import ImagePool, PointPool, TextPool
from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.components import DataFacts
from landscape_catalog.experiment.landscape import Dataset

Pool = ImagePool | TextPool | PointPool


@dataclass(frozen=True)
class Source:
    """A dataset that can be read.

    Attributes:
        checksum: of the raw data.
        load: reads it, downloading what can be had.
        known: its facts where they are known without reading.
    """

    checksum: str
    load: Callable[[], Pool]
    known: DataFacts | None = None


def source_of(dataset: Dataset, project: Path) -> Source:
    """The source of a built-in dataset.

    Args:
        dataset: its section; paths in it are relative to the project.
        project: the project's root.

    Raises:
        SpecError: if a path that the dataset needs is not given.
        DataError: if a file is not there, naming the parameter.
    """
    name = dataset.name
    if name == "digits":
        shape = (1, digits.SIZE, digits.SIZE)
        facts = DataFacts("images", digits.CHECKSUM, digits.N_IMAGES, 0, digits.N_CLASSES, shape)
        return Source(digits.CHECKSUM, digits.load_digits, facts)
    if name in OFFICIAL:
        entry = OFFICIAL[name]
        facts = DataFacts(
            "images", entry.checksum, entry.n_train, entry.n_test, entry.n_classes, entry.shape
        )
        return Source(entry.checksum, partial(load_official, name, project / dataset.root), facts)
    if name == "arrays":
        path, test_path = _paths(dataset, project)
        checksum = _checksum(path, test_path, lambda file: [file])
        return Source(checksum, partial(arrays.read_arrays, path, test_path))
    return _text_source(dataset, project)


def _text_source(dataset: Dataset, project: Path) -> Source:
    if dataset.name == "number_words":
        facts = _text_facts(dataset, number_words.CHECKSUM, number_words.N_PAIRS, 0)
        return Source(number_words.CHECKSUM, number_words.number_words, facts)
    if dataset.name == "iwslt_de_en":
        facts = replace(
            _text_facts(dataset, iwslt.CHECKSUM, iwslt.N_TRAIN, iwslt.N_TEST), counted=False
        )
        load = partial(iwslt.load_iwslt_de_en, project / dataset.root, dataset.max_words)
        return Source(iwslt.CHECKSUM, load, facts)
    path, test_path = _paths(dataset, project)
    checksum = _checksum(
        path,
        test_path,
        lambda prefix: [text.language_file(prefix, ending) for ending in dataset.languages],
    )
    read = partial(text.read_text_pairs, path, test_path, dataset.languages, dataset.max_words)
    return Source(checksum, read)


def _checksum(path: Path, test_path: Path | None, files: Callable[[Path], list[Path]]) -> str:
    """Of the files that each of the two paths stands for, in their order."""
    found: list[str] = []
    for name, given in (("dataset.path", path), ("dataset.test_path", test_path)):
        if given is not None:
            with parameter(name):
                found += [file_checksum([file]) for file in files(given)]
    return joined_checksum(found)


def _text_facts(dataset: Dataset, checksum: str, n_train: int, n_test: int) -> DataFacts:
    return DataFacts("text", checksum, n_train, n_test, dataset.vocabulary, ())


def _paths(dataset: Dataset, project: Path) -> tuple[Path, Path | None]:
    if dataset.path is None:
        allowed = f"a path: {dataset.name} are files of yours"
        raise SpecError([Problem("dataset.path", "null", allowed)])
    test = None if dataset.test_path is None else project / dataset.test_path
    return project / dataset.path, test


def facts_of(pool: Pool, checksum: str, *, vocabulary: int) -> DataFacts:
    """The facts of a dataset that has been read."""
    if isinstance(pool, TextPool):
        n_test = len(pool.test_sources or ())
        return DataFacts("text", checksum, len(pool.sources), n_test, vocabulary, ())
    if isinstance(pool, ImagePool):
        n_test = 0 if pool.test_labels is None else len(pool.test_labels)
        n_train, shape = len(pool.labels), pool.images.shape[1:]
        classes, counts = np.unique(pool.labels, return_counts=True)
        single = next(map(int, classes[counts == 1]), None)
        return DataFacts(
            "images", checksum, n_train, n_test, pool.n_classes, shape, single_class=single
        )
    n_test = 0 if pool.test_inputs is None else len(pool.test_inputs)
    n_train, shape = len(pool.inputs), pool.inputs.shape[1:]
    return DataFacts("points", checksum, n_train, n_test, pool.n_classes or 0, shape)
