"""Read regular files only.

Reading a FIFO waits for a writer, a device such as `/dev/zero` never ends, and a file of the kernel
under `/proc` may do either although it claims to be regular.
"""

from __future__ import annotations

import errno
import stat
from functools import cache
from io import BufferedReader
from pathlib import Path

KERNEL_FOLDERS = ("/proc", "/sys")
# (what `stat` calls it, what messages call it)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class IrregularFileError(OSError):
    """What is read is no regular file; `strerror` says what it is."""


def require_regular(path: Path) -> None:
    """Refuse anything that is not a regular file on a disk; symbolic links are followed.

    Raises:
        FileNotFoundError: if there is nothing of that name.
        IrregularFileError: if it is something else.
        OSError: if it cannot be looked at.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for is_kind, words in _KINDS if is_kind(found.st_mode)), "no file")
    elif found.st_dev in _kernel_devices():
        kind = "a file of the operating system"
    else:
        return
    raise IrregularFileError(errno.EINVAL, f"it is {kind}, not a regular file", str(path))


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading bytes; raises the same errors as `require_regular`."""
    require_regular(path)
    return path.open("rb")


def read_regular(path: Path) -> bytes:
    """The content of a regular file; raises the same errors as `require_regular`."""
    with open_regular(path) as file:
        return file.read()


@cache
def _kernel_devices() -> frozenset[int]:
    return frozenset(
        Path(folder).stat().st_dev for folder in KERNEL_FOLDERS if Path(folder).is_mount()
    )
