"""Files of many commits at once, read from Git's objects without a checkout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from landscape_catalog.errors import RepositoryError
from landscape_catalog.exchange.collect.git import Git

LARGEST = 2**24  # bytes of a file that is read
AT_ONCE = 256  # files that are held in memory


def blobs_at(git: Git, commits: Sequence[str], path: str) -> dict[str, str | None]:
    """The id of a file's content at each commit; None if the commit does not have the file.

    Files without changes have the same id, so that each content is read once. Commits that are not
    in the repository are left out.

    Raises:
        RepositoryError: if Git fails.
    """
    asked = "".join(f"{commit}^{{tree}}\n{commit}:{path}\n" for commit in commits)
    form = "--batch-check=%(objecttype) %(objectname) %(objectsize)"
    answers = git.lines("cat-file", form, given=asked.encode(errors="surrogateescape"))
    if len(answers) != 2 * len(commits):
        raise RepositoryError(f"{git.folder}: `git cat-file` cannot look up {path!r}")
    found: dict[str, str | None] = {}
    for commit, tree, file in zip(commits, answers[::2], answers[1::2]):
        if tree.startswith("tree "):
            kind, name, size = file.split(" ") if file.startswith("blob ") else ("", "", "0")
            found[commit] = name if kind and int(size) <= LARGEST else None
    return found


def read_blobs(git: Git, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each id with its content.

    Raises:
        RepositoryError: if Git fails.
    """
    for start in range(0, len(names), AT_ONCE):
        part = names[start : start + AT_ONCE]
        text = git("cat-file", "--batch", given="".join(f"{name}\n" for name in part).encode())
        place = 0
        for name in part:
            end = text.index(b"\n", place)
            size = int(text[place:end].split(b" ")[2])
            yield name, text[end + 1 : end + 1 + size]
            place = end + 1 + size + 1
