"""How a built-in dataset describes itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from landscape_catalog.datasets.facts import DataFacts, Kind
from landscape_catalog.datasets.pool import Pool


class DatasetSettings(Protocol):
    """The parameters of the `dataset` section that say what is read, and from where."""

    @property
    def name(self) -> str:
        """Of the dataset."""

    @property
    def path(self) -> str | None:
        """A user's file, or files, of training data."""

    @property
    def test_path(self) -> str | None:
        """The same of test data."""

    @property
    def root(self) -> str:
        """Folder of downloaded files."""

    @property
    def languages(self) -> tuple[str, str]:
        """File endings of source and target language."""

    @property
    def vocabulary(self) -> int:
        """Size of the byte-pair vocabulary."""

    @property
    def max_words(self) -> int:
        """Most words of a sentence."""


@dataclass(frozen=True)
class Source:
    """A dataset that can be read.

    Attributes:
        checksum: of the raw data.
        load: reads it, downloading what is missing.
        known: its facts where they are known without reading.
    """

    checksum: str
    load: Callable[[], Pool]
    known: DataFacts | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """A built-in dataset.

    Attributes:
        name: as `dataset.name` gives it.
        kind: of its samples.
        origin: where it comes from, in a few words for the documentation.
        source: its checksum, reader and known facts, given its settings and the project's root,
            which paths in the settings are relative to. Raises SpecError if a path is missing and
            DataError, naming the parameter, if a file is not there.
        uses: the parameters of the `dataset` section that have an effect on some datasets only,
            and have one here.
    """

    name: str
    kind: Kind
    origin: str
    source: Callable[[DatasetSettings, Path], Source]
    uses: frozenset[str] = frozenset()
