"""How a built-in dataset describes itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from landscape_catalog.datasets.facts import DataFacts, Kind
from landscape_catalog.datasets.pool import Pool


class DatasetSettings(Protocol):
    """The parameters of the `dataset` section that determine what is read, and from where."""

    @property
    def name(self) -> str:
        """Name of the dataset."""

    @property
    def path(self) -> str | None:
        """Path of the user's training data."""

    @property
    def test_path(self) -> str | None:
        """Path of the user's test data."""

    @property
    def root(self) -> str:
        """Folder of downloaded files."""

    @property
    def languages(self) -> tuple[str, str]:
        """File extensions of the source and target language."""

    @property
    def vocabulary(self) -> int:
        """Size of the byte-pair vocabulary."""

    @property
    def max_words(self) -> int:
        """Maximum number of words per sentence."""


@dataclass(frozen=True)
class Source:
    """A dataset that can be read.

    Attributes:
        checksum: of the raw data.
        load: reads it, downloading missing files.
        known: its facts, if they are known without reading it.
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
            to which paths in the settings are relative. Raises SpecError if a path is not set, and
            DataError, naming the parameter, if a file is missing.
        uses: those parameters of the `dataset` section that it uses and some other datasets do not.
        files: the user's files that a path in its settings stands for.
    """

    name: str
    kind: Kind
    origin: str
    source: Callable[[DatasetSettings, Path], Source]
    uses: frozenset[str] = frozenset()
    files: Callable[[DatasetSettings, Path], list[Path]] = lambda settings, path: [path]
