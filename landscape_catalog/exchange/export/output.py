"""A new folder or ZIP archive that is written whole or not at all, equal to the byte each time."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from landscape_catalog.errors import DamagedFileError, UserError
from landscape_catalog.paths import TEMPORARY_PREFIX, Project
from landscape_catalog.regular import open_regular
from landscape_catalog.store.files import explained_damage, explained_storage

ARCHIVE = ".zip"
PIECE = 2**20
# What is compressed already, or hardly becomes smaller.
_STORED = frozenset((".parquet", ".safetensors"))
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # of the format


@dataclass(frozen=True)
class Written:
    """A file that has been written.

    Attributes:
        size: its bytes.
        sha256: their SHA-256.
    """

    size: int
    sha256: str


class Output(ABC):
    """Takes files, one after the other.

    Attributes:
        files: what has been written, by the path within the output.
    """

    def __init__(self) -> None:
        self.files: dict[str, Written] = {}

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""
        with self._opened(name, len(content)) as stream:
            stream.write(content)
        self.files[name] = Written(len(content), hashlib.sha256(content).hexdigest())

    def copy(self, name: str, path: Path, sha256: str) -> None:
        """Copy a file piece by piece.

        Raises:
            DamagedFileError: if it does not have this SHA-256, or cannot be read.
        """
        digest, size = hashlib.sha256(), 0
        with explained_damage(path):
            source = open_regular(path)
        with source, self._opened(name, path.stat().st_size) as stream:
            while piece := source.read(PIECE):
                digest.update(piece)
                size += len(piece)
                stream.write(piece)
        if digest.hexdigest() != sha256:
            raise DamagedFileError(f"{path} is damaged: its SHA-256 does not match the record")
        self.files[name] = Written(size, sha256)

    @abstractmethod
    def _opened(self, name: str, size: int) -> AbstractContextManager[BinaryIO]:
        """A new file, of about this many bytes."""


class _Folder(Output):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    @contextmanager
    def _opened(self, name: str, size: int) -> Iterator[BinaryIO]:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())


class _Archive(Output):
    def __init__(self, archive: zipfile.ZipFile) -> None:
        super().__init__()
        self._archive = archive

    @contextmanager
    def _opened(self, name: str, size: int) -> Iterator[BinaryIO]:
        member = zipfile.ZipInfo(name, _FIRST_DATE)
        is_stored = Path(name).suffix in _STORED
        member.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
        member.create_system, member.external_attr = 3, 0o644 << 16  # on every system
        is_large = 2 * size > zipfile.ZIP64_LIMIT
        with self._archive.open(member, "w", force_zip64=is_large) as stream:
            yield stream  # type: ignore[misc]


@contextmanager
def new_output(path: Path, project: Project) -> Iterator[Output]:
    """A new folder, or an archive if the name ends in `.zip`; it gets its name at the end.

    Args:
        path: of the folder or archive.
        project: whose outputs it must not lie in.

    Raises:
        UserError: if there is something of that name already, other than an empty folder.
        StorageError: if it cannot be written; then nothing is left behind.
    """
    is_archive = path.suffix.lower() == ARCHIVE
    with explained_storage(path, every=True):
        _require_free(path, project, may_be_empty=not is_archive)
        target = path.absolute()
        temporary = target.with_name(f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}")
        with suppress(FileNotFoundError):
            target.lstat()  # whether the name is possible
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch() if is_archive else temporary.mkdir()
    try:
        with explained_storage(path):
            if is_archive:
                with zipfile.ZipFile(temporary, "w") as archive:
                    yield _Archive(archive)
            else:
                yield _Folder(temporary)
                if target.is_dir():
                    target.rmdir()
            temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.unlink(missing_ok=True)
        raise


def _require_free(path: Path, project: Project, *, may_be_empty: bool) -> None:
    allowed = "a new or empty folder" if may_be_empty else "a new file"
    require_outside_of_stages(path, project, f"{allowed} elsewhere")
    if not os.path.lexists(path):
        return
    if path.is_symlink():
        found = "a symbolic link"
    elif not path.is_dir():
        found = "a file that exists"
    elif not may_be_empty:
        found = "a folder"
    elif any(path.iterdir()):
        found = "a folder that is not empty"
    else:
        return
    raise UserError(f"{path}: got {found}; allowed: {allowed}. Nothing was written")


def require_outside_of_stages(path: Path, project: Project, allowed: str, option: str = "") -> None:
    """Check that a place that somebody typed does not lie where the stages write.

    Args:
        path: the place.
        project: whose stages.
        allowed: what may be given instead.
        option: what the message says before the place, such as the option that took it.

    Raises:
        UserError: if it does; it says what is allowed.
    """
    taken = next((one for one in project.written() if _is_in(path, one)), None)
    if taken is not None:
        raise UserError(
            f"{option}{path}: got a place in {project.shown(taken)}, which "
            f"belongs to the stages; allowed: {allowed}"
        )


def _is_in(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder; links that lead in a circle lead nowhere."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
