"""Catalogs in DVC's cache, read from its files."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from landscape_catalog.catalog.parquet import MANIFEST
from landscape_catalog.exchange.collect.unusable import Reason, UnusableError
from landscape_catalog.regular import read_regular

DVC_FOLDER = ".dvc"
_MD5 = re.compile(r"[0-9a-f]{32}")


def cache_folder(project: Path, top: Path) -> Path | None:
    """DVC's cache for a project folder, as its configuration says; None without DVC.

    Args:
        project: the project's folder.
        top: the highest folder in which `.dvc` is looked for.
    """
    dvc = _dvc_folder(project, top)
    if dvc is None:
        return None
    folder = _configuration(dvc).get("cache", {}).get("dir")
    if folder is None:
        return dvc / "cache"
    return Path(folder) if Path(folder).is_absolute() else None  # or a URL


def default_remote(project: Path, top: Path) -> str | None:
    """Name of the DVC remote of a project folder, by any of its configuration files."""
    dvc = _dvc_folder(project, top)
    return None if dvc is None else _configuration(dvc).get("core", {}).get("remote")


def _dvc_folder(project: Path, top: Path) -> Path | None:
    for folder in (project, *project.parents):
        if (folder / DVC_FOLDER).is_dir():
            return folder / DVC_FOLDER
        if folder == top:
            break
    return None


def _configuration(dvc: Path) -> dict[str, dict[str, str]]:
    """DVC's settings: of the system, the user, the repository, and local ones; none if invalid."""
    from dvc.config import Config, ConfigError

    try:
        return dict(Config(str(dvc), validate=False))
    except ConfigError:
        return {}


@dataclass(frozen=True)
class CachedFiles:
    """The files of a folder that DVC has stored.

    Attributes:
        md5: its hash, `<md5>.dir`.
        caches: folders in which its objects may be.
    """

    md5: str
    caches: tuple[Path, ...]

    def read(self, name: str) -> bytes:
        """Content of one of its files; raises an `UnusableError` if it is missing."""
        if name not in self._listing:
            raise UnusableError(Reason.OLDER if name == MANIFEST else Reason.DAMAGED, f"no {name}")
        return self._object(self._listing[name])

    @cached_property
    def _listing(self) -> dict[str, str]:
        """The MD5 of each file, by its path in the folder."""
        content = self._object(self.md5)
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != self.md5[:32]:
            raise UnusableError(Reason.DAMAGED, f"the object {self.md5} in the cache is damaged")
        try:
            entries = json.loads(content)
            found = {entry["relpath"]: entry["md5"] for entry in entries}
            sound = isinstance(entries, list) and all(_MD5.fullmatch(md5) for md5 in found.values())
        except (ValueError, KeyError, TypeError, RecursionError):
            sound = False
        if not sound:
            raise UnusableError(Reason.DAMAGED, f"the object {self.md5} in the cache is no list")
        return found

    def _object(self, md5: str) -> bytes:
        for cache in self.caches:
            path = cache / "files" / "md5" / md5[:2] / md5[2:]
            try:
                return read_regular(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                problem = f"the object {md5} cannot be read: {error.strerror}"
                raise UnusableError(Reason.DAMAGED, problem) from None
        raise UnusableError(Reason.MISSING, f"the object {md5} is not in the cache")
