"""Download published files atomically and verify their MD5."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

from landscape_catalog.datasets.checksums import reading_problem
from landscape_catalog.datasets.pointers import refuse_pointer
from landscape_catalog.errors import DataError
from landscape_catalog.regular import open_regular

log = logging.getLogger(__name__)

TIMEOUT_S = 30  # to connect, and between packets; without it, a silent server blocks for minutes
# `identity`: a server must not compress the file in transit, which would change its MD5.
HEADERS = {"User-Agent": "landscape_catalog", "Accept-Encoding": "identity"}
FAILURES = (OSError, ValueError)  # errors of requests are OSErrors, a wrong hash a ValueError


@dataclass(frozen=True)
class Download:
    """A file to download.

    Attributes:
        path: where to store it, relative to the data folder.
        md5: of its bytes.
        urls: addresses, tried in order.
        pages: web pages for a manual download, if they differ from `urls`.
    """

    path: str
    md5: str
    urls: tuple[str, ...]
    pages: tuple[str, ...] = ()


def files_checksum(files: dict[str, str]) -> str:
    """SHA-256 of the sorted lines "path md5": identifies the files without reading them.

    >>> files_checksum({"b": "1", "a": "2"}) == hashlib.sha256(b"a 2\\nb 1\\n").hexdigest()
    True
    """
    lines = "".join(f"{path} {md5}\n" for path, md5 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def check_md5(path: Path, md5: str) -> None:
    """Reject a file that is not the published one.

    Raises:
        DataError: names the file, both checksums and what to do.
    """
    try:
        with open_regular(path) as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if digest.hexdigest() != md5:
            refuse_pointer(path)
    except OSError as error:
        raise DataError(reading_problem(path, error)) from error
    if digest.hexdigest() != md5:
        raise DataError(
            f"{path} has MD5 {digest.hexdigest()}, but the published file has {md5}: it is "
            "truncated, damaged or another file. Remove it to download it again, or replace it"
        )


def fetch(wanted: list[Download], folder: Path, what: str) -> None:
    """Download missing files; each appears under its name only once it is complete and verified.

    Args:
        wanted: the missing files.
        folder: the data folder.
        what: the dataset's name, for messages.

    Raises:
        DataError: if one cannot be downloaded; says which files to get from where, and where to put
            them.
    """
    for index, download in enumerate(wanted):
        try:
            _fetch_one(download, folder / download.path)
        except FAILURES as error:
            raise DataError(_by_hand(wanted[index:], folder, what, error)) from error


def _fetch_one(download: Download, target: Path) -> None:
    import pooch  # slow to import, and only needed here

    pooch.get_logger().setLevel(logging.WARNING)  # downloads are logged below
    get = pooch.HTTPDownloader(timeout=TIMEOUT_S, headers=HEADERS, chunk_size=2**20)
    for url in download.urls:
        log.info("Downloading %s", url)
        try:
            pooch.retrieve(url, f"md5:{download.md5}", target.name, target.parent, downloader=get)
        except FAILURES as error:
            if url == download.urls[-1]:
                raise OSError(f"{url}: {error}") from error
        else:
            target.chmod(0o644)  # pooch's temporary file is only readable by its owner
            return


def _by_hand(wanted: list[Download], folder: Path, what: str, error: BaseException) -> str:
    lines = [f"{what} could not be downloaded: {error}", "Put these files in place manually:"]
    for download in wanted:
        lines.append(f"  {folder / download.path}")
        places = " or ".join(download.pages or download.urls)
        lines.append(f"    MD5 {download.md5}, from {places}")
    return "\n".join(lines)
