"""Read members of a tar archive of others into memory. Nothing is ever written from it.

Every member is checked: an archive that holds anything but plain
files and folders within itself is refused as a whole.
"""

from __future__ import annotations

import gzip
import io
import itertools
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, cast

from landscape_catalog.errors import PublishedError, shown

BLOCK = tarfile.BLOCKSIZE
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Limits:
    """What an archive may have at most."""

    members: int = 100_000
    member_bytes: int = 64 * 2**20
    total_bytes: int = 2**30
    ratio: int = 200
    """Bytes for each byte of the compressed file, once there are more than `free_bytes`."""
    free_bytes: int = 16 * 2**20
    name_bytes: int = 4096


_NO_FILES = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_LONGLINK: "a link",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_LONG_NAME, _EXTENDED = tarfile.GNUTYPE_LONGNAME, (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_RECORD = re.compile(rb"(\d{1,9}) ([^=\n]+)=")


class _RefusedError(Exception):
    """What an archive holds that is not read."""


class _TruncatedError(Exception):
    """The archive ends within a member."""


def members(content: bytes, name: str, limits: Limits = Limits()) -> Iterator[tuple[str, bytes]]:
    """The files of a tar or tar.gz archive: path within it and content, one after another.

    Args:
        content: of the archive.
        name: of the archive, for messages.
        limits: what the archive may have at most.

    Raises:
        PublishedError: if it is no whole archive, exceeds a limit, or has a member that is no plain
            file or folder within the archive.
    """
    try:
        yield from _members(content, limits)
    except _RefusedError as error:
        raise PublishedError(f"{name} is not read: {error}") from None
    except (_TruncatedError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PublishedError(f"{name} is damaged or cut off: {error}") from None


def _members(content: bytes, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """The files; a folder may be there several times, as archives have it that grew."""
    stream = _Stream(content, limits)
    is_folder: dict[str, bool] = {}
    for count in itertools.count(1):
        if (header := stream.header()) is None:
            break
        if count > limits.members:
            raise _RefusedError(f"it has more than {limits.members:,} members")
        path, size = header
        if path in is_folder and not (is_folder[path] and size is None):
            raise _RefusedError(f"it has two members named {shown(path)}")
        is_folder[path] = size is None
        if size is None:
            continue
        if size > limits.member_bytes:
            raise _RefusedError(
                f"its member {shown(path)} has {size:,} bytes, and at most "
                f"{limits.member_bytes:,} are read"
            )
        yield path, stream.payload(size)
    stream.require_end()


class _Stream:
    """The decompressed archive, read once from begin to end."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        self._limits = limits
        self._file: IO[bytes] = io.BytesIO(content)
        self._most = limits.total_bytes
        if content.startswith(GZIP):
            self._file = cast(IO[bytes], gzip.GzipFile(fileobj=self._file))
            self._most = min(self._most, max(limits.free_bytes, limits.ratio * len(content)))
        self._count = 0

    def header(self) -> tuple[str, int | None] | None:
        """Path and size of the next file, or path and None of a folder; None at the end."""
        long_name: str | None = None
        extended: dict[str, str] = {}
        while True:
            start = self._count == 0
            block = self._read(BLOCK)
            if start and len(block) < BLOCK:
                raise _RefusedError("it is no tar archive")
            if len(block) < BLOCK:
                raise _TruncatedError("it ends without the mark of its end")
            if not block.strip(b"\0"):
                if start:
                    raise _RefusedError("it is empty")
                return None
            try:
                info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError as error:
                if start:
                    raise _RefusedError("it is neither a tar nor a tar.gz archive") from None
                raise _TruncatedError(f"a header within it is wrong ({error})") from None
            if info.size < 0:
                raise _TruncatedError("a member has a negative size")
            if info.type == _LONG_NAME:
                long_name = self._text(info.size)
            elif info.type in _EXTENDED:
                extended |= self._extended(info.size)
            elif info.type == tarfile.XGLTYPE:
                if {"path", "size", "linkpath"} & self._extended(info.size).keys():
                    raise _RefusedError("it renames all of its members")
            else:
                size = extended.get("size", str(info.size))
                path = _checked_path(extended.get("path", long_name or info.name))
                return path, self._size(info, path, size)

    def _size(self, info: tarfile.TarInfo, path: str, size: str) -> int | None:
        """Size of a plain file, None for a folder."""
        if info.type == tarfile.DIRTYPE:
            return None
        if info.type not in _FILES:
            kind = _NO_FILES.get(info.type, f"of an unknown type, {shown(info.type)}")
            raise _RefusedError(
                f"its member {shown(path)} is {kind}; only files and folders are read"
            )
        if not re.fullmatch(r"[0-9]{1,15}", size):
            raise _TruncatedError(f"the size of {shown(path)} is no number")
        return int(size)

    def payload(self, size: int) -> bytes:
        """The content of a member."""
        padded = -(-size // BLOCK) * BLOCK
        data = self._read(padded)
        if len(data) < padded:
            raise _TruncatedError("it ends within a member")
        return data[:size]

    def require_end(self) -> None:
        """Require that only zeros follow, and that the compressed file is whole."""
        while block := self._read(2**16):
            if block.strip(b"\0"):
                raise _RefusedError("there is more after its end")

    def _read(self, size: int) -> bytes:
        """As many bytes, or fewer at the end; refuses before it holds more than is allowed."""
        if self._count + size > self._most + 2**16:
            raise _RefusedError(
                f"it unpacks to more than {self._most:,} bytes, as an archive would that is made "
                "to fill the memory"
            )
        parts, left = [], size
        while left and (part := self._file.read(min(left, 2**20))):
            parts.append(part)
            left -= len(part)
            self._count += len(part)
        return b"".join(parts)

    def _text(self, size: int) -> str:
        if size > self._limits.name_bytes:
            raise _RefusedError(f"the name of a member has {size:,} bytes")
        return self.payload(size).rstrip(b"\0").decode("utf-8", "surrogateescape")

    def _extended(self, size: int) -> dict[str, str]:
        """The records of an extended header, `length key=value`."""
        if size > 16 * self._limits.name_bytes:
            raise _RefusedError(f"the header of a member has {size:,} bytes")
        data, found = self.payload(size), {}
        while data:
            record = _RECORD.match(data)
            length = int(record[1]) if record else 0
            if record is None or not record.end() < length <= len(data):
                raise _TruncatedError("an extended header within it is wrong")
            key, value = record[2].decode("utf-8", "replace"), data[record.end() : length - 1]
            if key.startswith("GNU.sparse"):
                raise _RefusedError("it has a sparse file; only files and folders are read")
            found[key] = value.decode("utf-8", "surrogateescape")
            data = data[length:]
        return found


def _checked_path(path: str) -> str:
    """The path of a member without `.`; refuses those that lead out of the archive."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or re.match(r"[A-Za-z]:", path):
        raise _RefusedError(f"its member {shown(path)} has an absolute path")
    if ".." in parts:
        raise _RefusedError(f"its member {shown(path)} lies outside of it")
    if "\0" in path:
        raise _RefusedError(f"its member {shown(path)} has no valid name")
    return "/".join(parts) or "."
