"""Published files: held against their MD5, and fetched whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from landscape_catalog.errors import DataError

log = logging.getLogger(__name__)

TIMEOUT_S = 30  # for a server to answer or go on; without one, a silent server holds for minutes
FAILURES = (OSError, RuntimeError, HTTPException)  # URLError is an OSError; torchvision's Runtime


@dataclass(frozen=True)
class Download:
    """A file that can be had.

    Attributes:
        path: where it is kept, under the data folder.
        md5: of its bytes.
        urls: where it lies; tried in order.
    """

    path: str
    md5: str
    urls: tuple[str, ...]


def files_checksum(files: dict[str, str]) -> str:
    """SHA-256 of the sorted lines "path md5": names the contents of files without reading them.

    >>> files_checksum({"b": "1", "a": "2"}) == hashlib.sha256(b"a 2\\nb 1\\n").hexdigest()
    True
    """
    lines = "".join(f"{path} {md5}\n" for path, md5 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def md5_of(path: Path) -> str:
    """MD5 of a file, as the publishers of datasets give it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def check_md5(path: Path, md5: str) -> None:
    """Refuse a file that is not the published one.

    Raises:
        DataError: naming the file, both checksums and what to do.
    """
    try:
        found = md5_of(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if found != md5:
        raise DataError(
            f"{path} has MD5 {found}, the published file has {md5}: it is cut off, damaged or "
            "another file. Remove it, to have it downloaded again, or replace it"
        )


def get(url: str, target: Path) -> None:
    """Write what a server answers to a file; `fetch` checks what it is."""
    request = urllib.request.Request(url, headers={"User-Agent": "landscape_catalog"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer, target.open("wb") as file:
        shutil.copyfileobj(answer, file)


def fetch(
    wanted: list[Download],
    folder: Path,
    what: str,
    get: Callable[[str, Path], None] = get,
) -> None:
    """Bring absent files: each appears under its name only when it is whole and has its MD5.

    Args:
        wanted: files that are not there.
        folder: the data folder.
        what: the dataset's name, for messages.
        get: writes the answer of a URL to a path.

    Raises:
        DataError: if one cannot be had: what to get from where, and where to put it.
    """
    for index, download in enumerate(wanted):
        try:
            _fetch_one(download, folder / download.path, get)
        except FAILURES as error:
            raise DataError(_by_hand(wanted[index:], folder, what, error)) from error


def _fetch_one(download: Download, target: Path, get: Callable[[str, Path], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as scratch:
        part = Path(scratch) / target.name
        for url in download.urls:
            log.info("Downloading %s", url)
            try:
                get(url, part)
                found = md5_of(part)
                if found != download.md5:
                    raise OSError(f"{url} gave a file of MD5 {found}, not {download.md5}")
            except FAILURES:
                if url == download.urls[-1]:
                    raise
            else:
                part.replace(target)
                return


def _by_hand(wanted: list[Download], folder: Path, what: str, error: BaseException) -> str:
    lines = [f"{what} could not be downloaded: {error}", "Put these files there by hand:"]
    for download in wanted:
        lines.append(f"  {folder / download.path}")
        lines.append(f"    MD5 {download.md5}, from {' or '.join(download.urls)}")
    return "\n".join(lines)
