"""The folder `data/collected`: one folder for each catalog, with the places where it was found."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from landscape_catalog.catalog.parquet import read_fingerprint
from landscape_catalog.errors import LandscapeError
from landscape_catalog.exchange.collect.contents import Contents
from landscape_catalog.exchange.collect.places import (
    SOURCE,
    Place,
    places_text,
    read_places,
    with_refs,
)
from landscape_catalog.store.files import remove, write_file, write_folder

log = logging.getLogger(__name__)

WRITTEN_AT_ONCE = 8  # files


class Collection:
    """What has been collected.

    Args:
        folder: `data/collected`, which need not exist.

    Attributes:
        names: name of the folder with each fingerprint.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: dict[str, str] = {}
        self._places: dict[str, dict[tuple[str | None, str | None, str], Place]] = {}
        self._changed: set[str] = set()
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_dir() and not path.name.startswith("."):
                self._load(path)

    def _load(self, path: Path) -> None:
        try:
            fingerprint = read_fingerprint(path)
        except LandscapeError:
            log.warning("%s is no catalog that can be read; what it held is collected anew", path)
            return
        self.names.setdefault(fingerprint, path.name)
        self._places[path.name] = {place.key: place for place in read_places(path)}

    def add(self, contents: Contents, place: Place) -> str:
        """Write a catalog that is not there yet, with the first place; returns the folder's name.

        Raises:
            StorageError: if it cannot be written.
        """
        name = self._free_name(contents)
        files = {**contents.files, SOURCE: places_text([place])}
        write_folder(self._folder / name, files, at_once=WRITTEN_AT_ONCE)
        self.names[contents.fingerprint] = name
        self._places[name] = {place.key: place}
        return name

    def _free_name(self, contents: Contents) -> str:
        """Named after its ids, with some of the fingerprint if another folder has this name."""
        name, fingerprint = "-".join(contents.ids), contents.fingerprint
        whole = f"{name}-{fingerprint}"
        for free in (name, f"{name}-{fingerprint[:8]}", whole):
            if not os.path.lexists(self._folder / free):
                return free
        remove(self._folder / whole)  # the same content, damaged
        return whole

    def note(self, name: str, place: Place) -> None:
        """Remember a further place of a folder, or what is newly known of the publication."""
        known = self._places[name].get(place.key)
        new = place if known is None else replace(known, **place.publication)
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
        """Write the places that have changed.

        Raises:
            StorageError: if they cannot be written.
        """
        for name in sorted(self._changed):
            write_file(self._folder / name / SOURCE, places_text(list(self._places[name].values())))
        self._changed.clear()
