"""The folder `data/collected`: one folder for each catalog, with the places where it was found."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from landscape_catalog.catalog.parquet import read_fingerprint
from landscape_catalog.errors import DamagedFileError, LandscapeError
from landscape_catalog.exchange.collect.contents import Contents
from landscape_catalog.exchange.collect.places import (
    SOURCE,
    Place,
    places_text,
    read_places,
    with_refs,
)
from landscape_catalog.exchange.collect.soundness import has_its_checksums, stamp_of
from landscape_catalog.store.files import remove, replace_folder, write_file

log = logging.getLogger(__name__)

WRITTEN_AT_ONCE = 8  # files


class Collection:
    """What has been collected.

    Args:
        folder: `data/collected`, which need not exist.
        stamps: of the folders whose files had their checksums; brought up to date.

    Attributes:
        names: name of the folder with each fingerprint.
    """

    def __init__(self, folder: Path, stamps: dict[str, str]) -> None:
        self._folder, self._stamps = folder, stamps
        self._damaged: set[str] = set()  # have no manifest that can be read
        self._sound: set[str] = set()
        self.names: dict[str, str] = {}
        self._places: dict[str, dict[tuple[str | None, str | None, str], Place]] = {}
        self._changed: set[str] = set()
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_dir() and not path.name.startswith("."):
                self._load(path)

    def _load(self, path: Path) -> None:
        places = {place.key: place for place in read_places(path)}
        try:
            fingerprint = read_fingerprint(path)
        except LandscapeError as error:
            log.warning("%s is no catalog that can be read; what it held is collected anew", path)
            if isinstance(error, DamagedFileError):
                self._damaged.add(path.name)
                self._places[path.name] = places
            return
        self.names.setdefault(fingerprint, path.name)
        self._places[path.name] = places

    def is_sound(self, name: str) -> bool:
        """Whether a folder's files are what its manifest says.

        Their checksums are compared only if a file was changed since that was done.
        """
        if name in self._sound:
            return True
        stamp = stamp_of(self._folder / name)
        if self._stamps.get(name) != stamp and not has_its_checksums(self._folder / name):
            return False
        self._stamps[name] = stamp
        self._sound.add(name)
        return True

    def add(self, contents: Contents, place: Place) -> str:
        """Write a catalog that is not there yet, or is damaged, with its place.

        Returns:
            The folder's name.

        Raises:
            StorageError: if it cannot be written.
        """
        name = self.names.get(contents.fingerprint) or self._free_name(contents)
        places = dict(self._places.get(name, {}))
        places[place.key] = _merged(places.get(place.key), place)
        files = {**contents.files, SOURCE: places_text(list(places.values()))}
        replace_folder(self._folder / name, files, at_once=WRITTEN_AT_ONCE)
        self.names[contents.fingerprint] = name
        self._places[name] = places
        self._damaged.discard(name)
        self._stamps[name] = stamp_of(self._folder / name)
        self._sound.add(name)
        return name

    def folders(self) -> set[str]:
        """Names of the folders that there are, sound or not."""
        return set(self._places)

    def _free_name(self, contents: Contents) -> str:
        """Named after its ids, with some of the fingerprint if another folder has this name.

        One whose manifest is damaged is replaced: its name is all that can be known of it.
        """
        name, fingerprint = "-".join(contents.ids), contents.fingerprint
        whole = f"{name}-{fingerprint}"
        for free in (name, f"{name}-{fingerprint[:8]}", whole):
            if free in self._damaged or not os.path.lexists(self._folder / free):
                return free
        remove(self._folder / whole)  # the same content, damaged
        return whole

    def note(self, name: str, place: Place) -> None:
        """Remember a further place of a folder, or what is newly known of the publication."""
        known = self._places[name].get(place.key)
        new = _merged(known, place)
        if new != known:
            self._places[name][place.key] = new
            self._changed.add(name)

    def update_refs(self, repository: str | None, refs: Mapping[str, set[str]]) -> None:
        """Give all places in a repository the names that they have today; see `with_refs`."""
        for name, places in self._places.items():
            for key, place in places.items():
                current = with_refs(place, refs)
                if place.repository == repository and current != place:
                    places[key] = current
                    self._changed.add(name)

    def save(self) -> None:
        """Write the places that have changed, and forget stamps of folders that were removed.

        Raises:
            StorageError: if they cannot be written.
        """
        for name in sorted(self._changed):
            write_file(self._folder / name / SOURCE, places_text(list(self._places[name].values())))
        self._changed.clear()
        for name in self._stamps.keys() - self._places.keys():
            del self._stamps[name]


def _merged(known: Place | None, found: Place) -> Place:
    """A place that was found again: the names that it had, and what is known of the publication."""
    return found if known is None else replace(known, **found.publication)
