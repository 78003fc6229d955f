"""Published files: held against their MD5, and fetched whole or not at all."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from landscape_catalog.errors import DataError

log = logging.getLogger(__name__)

TIMEOUT_S = 30  # for a server to answer or go on; without one, a silent server holds for minutes
# As it lies there: a server must not pack a packed file once more, of which the MD5 is another.
HEADERS = {"User-Agent": "landscape_catalog", "Accept-Encoding": "identity"}
FAILURES = (OSError, ValueError)  # requests' errors are OSErrors; another hash is a ValueError


@dataclass(frozen=True)
class Download:
    """A file that can be had.

    Attributes:
        path: where it is kept, under the data folder.
        md5: of its bytes.
        urls: where it lies; tried in order.
        pages: where a person finds it, if that is somewhere else.
    """

    path: str
    md5: str
    urls: tuple[str, ...]
    pages: tuple[str, ...] = ()


def files_checksum(files: dict[str, str]) -> str:
    """SHA-256 of the sorted lines "path md5": names the contents of files without reading them.

    >>> files_checksum({"b": "1", "a": "2"}) == hashlib.sha256(b"a 2\\nb 1\\n").hexdigest()
    True
    """
    lines = "".join(f"{path} {md5}\n" for path, md5 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def check_md5(path: Path, md5: str) -> None:
    """Refuse a file that is not the published one.

    Raises:
        DataError: naming the file, both checksums and what to do.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if digest.hexdigest() != md5:
        raise DataError(
            f"{path} has MD5 {digest.hexdigest()}, the published file has {md5}: it is cut off, "
            "damaged or another file. Remove it, to have it downloaded again, or replace it"
        )


def fetch(wanted: list[Download], folder: Path, what: str) -> None:
    """Download absent files: each appears under its name only when it is whole and has its MD5.

    Args:
        wanted: files that are not there.
        folder: the data folder.
        what: the dataset's name, for messages.

    Raises:
        DataError: if one cannot be had: what to get from where, and where to put it.
    """
    for index, download in enumerate(wanted):
        try:
            _fetch_one(download, folder / download.path)
        except FAILURES as error:
            raise DataError(_by_hand(wanted[index:], folder, what, error)) from error


def _fetch_one(download: Download, target: Path) -> None:
    import pooch  # slow to import, and only needed here

    pooch.get_logger().setLevel(logging.WARNING)  # we log what is downloaded
    get = pooch.HTTPDownloader(timeout=TIMEOUT_S, headers=HEADERS, chunk_size=2**20)
    for url in download.urls:
        log.info("Downloading %s", url)
        try:
            pooch.retrieve(url, f"md5:{download.md5}", target.name, target.parent, downloader=get)
        except FAILURES as error:
            if url == download.urls[-1]:
                raise OSError(f"{url}: {error}") from error
        else:
            target.chmod(0o644)  # pooch's temporary file is for its owner alone
            return


def _by_hand(wanted: list[Download], folder: Path, what: str, error: BaseException) -> str:
    lines = [f"{what} could not be downloaded: {error}", "Put these files there by hand:"]
    for download in wanted:
        lines.append(f"  {folder / download.path}")
        places = " or ".join(download.pages or download.urls)
        lines.append(f"    MD5 {download.md5}, from {places}")
    return "\n".join(lines)
