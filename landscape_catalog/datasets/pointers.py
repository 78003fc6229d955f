"""Files that stand for others: pointers of Git LFS, DVC and git-annex."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.errors import DataError
from landscape_catalog.regular import open_regular

HEAD = 200  # bytes of a file that tell
LARGEST_POINTER = 100_000  # bytes: longer files are data
# What a pointer begins with, whose it is, and the command that fetches the file.
_POINTERS = (
    (b"version https://git-lfs.github.com/spec/", "Git LFS", "git lfs pull"),
    (b"version https://hawser.github.com/spec/", "Git LFS", "git lfs pull"),
    (b"outs:\n- ", "DVC", "dvc pull"),
    (b"/annex/objects/", "git-annex", "git annex get"),
)


def refuse_pointer(path: Path) -> None:
    """Reject a file that only stands for the data.

    Raises:
        DataError: says whose pointer it is, and which command fetches the data.
        OSError: if the file cannot be read.
    """
    with open_regular(path) as file:
        head = file.read(HEAD).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if path.stat().st_size > LARGEST_POINTER:
        return
    if path.suffix == ".dvc" and b"outs:\n" in head:  # after `md5:` or `frozen:`, say
        head = b"outs:\n- "
    for start, owner, command in _POINTERS:
        if head.startswith(start):
            raise DataError(
                f"{path} is a pointer of {owner} and not the data; `{command}` fetches them"
            )


def where_else(path: Path) -> str:
    """What is known of a missing file, to be appended to a message: tracked, but not fetched."""
    for tracked in (path, *path.parents):
        if not tracked.name:
            break
        pointer = tracked.with_name(f"{tracked.name}.dvc")
        if pointer.is_file():
            return f"; {pointer.name} says that DVC tracks it: `dvc pull` fetches it"
    if path.is_symlink():
        annexed = ".git/annex/" in path.readlink().as_posix()
        hint = ": `git annex get` fetches it" if annexed else ""
        return f"; it is a symbolic link to {path.readlink()}, which does not exist{hint}"
    return ""
