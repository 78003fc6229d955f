"""Catalogs in plain folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landscape_catalog.exchange.collect.unusable import Reason, UnusableError
from landscape_catalog.regular import read_regular


@dataclass(frozen=True)
class FolderFiles:
    """The files of a folder."""

    folder: Path

    def read(self, name: str) -> bytes:
        """Content of one of its files; raises an `UnusableError` if it cannot be read."""
        try:
            return read_regular(self.folder / name)
        except OSError as error:
            raise UnusableError(Reason.DAMAGED, f"{name}: {error.strerror}") from None
