"""The rows of several sources as one catalog: each content once, with where it was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from landscape_catalog.catalog.sources import Source
from landscape_catalog.catalog.tables import ORIGIN, SOURCES, TABLES, frame_of
from landscape_catalog.schema.tables import Row

ROWS_AT_ONCE = 2**19  # that are read from a file


@dataclass(frozen=True)
class Loaded:
    """Tables of several sources.

    Attributes:
        frames: for each stored table, its rows by origin; lazy frames are those of files.
        sources: the table `sources`.
    """

    frames: Mapping[str, Mapping[str, pl.DataFrame | pl.LazyFrame]]
    sources: pl.DataFrame

    def parts(self, name: str) -> Iterator[pl.DataFrame]:
        """The rows of a table from all sources, with the column `origin`, so many at a time."""
        rows = self._lazy(name)
        height = rows.select(pl.len()).collect().item()
        for start in range(0, height, ROWS_AT_ONCE):
            yield rows.slice(start, ROWS_AT_ONCE).collect()

    def frame(self, name: str) -> pl.DataFrame:
        """The rows of a table from all sources, with the column `origin`."""
        return self._lazy(name).collect()

    def _lazy(self, name: str) -> pl.LazyFrame:
        return pl.concat(
            frame.lazy().with_columns(pl.lit(origin).alias(ORIGIN.name))
            for origin, frame in self.frames[name].items()
        )


def loaded_lazily(source: Source) -> Loaded:
    """The tables of one source on its verified files, of which no more than a part is in memory.

    Raises the errors of `load`.
    """
    _, places = _told_apart([source])
    frames = {name: {source.name: source.scan(name)} for name in TABLES}
    return Loaded(frames, frame_of(SOURCES, places))


def load(sources: Sequence[Source], names: Iterable[str] | None = None) -> Loaded:
    """Read tables of several sources, those of equal content once.

    Sources are equal if their tables are equal to the byte, or, for published results, imported or
    collected, if they come from the same file and are classified alike. Their rows carry the name
    of the first, and the table `sources` has a row for every name and place.

    Args:
        sources: in the order of precedence.
        names: of the tables to read; None: all.

    Raises:
        MissingArtifactError, DamagedFileError: if a source cannot be read.
        SpecError: if the settings of an import are invalid.
    """
    wanted = None if names is None else list(names)
    different, places = _told_apart(sources)
    frames: dict[str, dict[str, pl.DataFrame]] = {}
    for source in different:
        for name, frame in source.tables(wanted).items():
            frames.setdefault(name, {})[source.name] = frame
    return Loaded(frames, frame_of(SOURCES, places))


def scan(sources: Sequence[Source], name: str) -> pl.LazyFrame:
    """A table of several sources as a lazy frame, with the column `origin`; see `load`."""
    different, _ = _told_apart(sources)
    return pl.concat(
        source.scan(name).with_columns(pl.lit(source.name).alias(ORIGIN.name))
        for source in different
    )


def _told_apart(sources: Sequence[Source]) -> tuple[list[Source], list[Row]]:
    """The sources whose content is not that of an earlier one, and the rows of `sources`."""
    origins: dict[tuple[str, ...], str] = {}
    different: list[Source] = []
    places: list[Row] = []
    for source in sources:
        key, common = _identified(source)
        origin = origins.setdefault(key, source.name)
        if origin == source.name:
            different.append(source)
        places += [{**place, **common, "origin": origin} for place in source.places]
    return different, places


def contents_key(source: Source) -> tuple[str, ...]:
    """What makes the content of a source unique: two with equal keys have equal rows.

    Raises the errors of `load`.
    """
    experiment_id, classification_id = source.ids
    is_published = source.publication is not None
    own = (source.manifest.fingerprint,)
    return (str(experiment_id), str(classification_id)) if is_published else own


def _identified(source: Source) -> tuple[tuple[str, ...], Row]:
    """What makes the content of a source unique, and what `sources` says of all of its places."""
    experiment_id, classification_id = source.ids
    return contents_key(source), {
        "name": source.name,
        "kind": source.kind,
        "experiment_id": experiment_id,
        "classification_id": classification_id,
        "schema_version": source.manifest.version,
        "fingerprint": source.manifest.fingerprint,
    }
