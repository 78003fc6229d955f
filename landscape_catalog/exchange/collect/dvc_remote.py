"""Catalogs in a DVC remote, read through DVC's API without adding them to a cache."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from landscape_catalog.errors import described
from landscape_catalog.exchange.collect.dvc_cache import DVC_FOLDER
from landscape_catalog.exchange.collect.git import Git
from landscape_catalog.exchange.collect.git_objects import blobs_at, read_blobs
from landscape_catalog.exchange.collect.unusable import (
    Reason,
    UnreachableError,
    UnusableError,
)

_DEFAULT = re.compile(rb"^\s*remote\s*=\s*\S", re.MULTILINE)


def names_remote(configuration: bytes) -> bool:
    r"""Whether the text of a `.dvc/config` names the remote that is used by default.

    >>> names_remote(b"[core]\n    remote = x\n['remote \"x\"']\n    url = /x\n")
    True
    """
    return _DEFAULT.search(configuration) is not None


def commits_with_remote(git: Git, commits: Sequence[str], project: str) -> set[str]:
    """The commits at which DVC's configuration of a project names a remote.

    Raises:
        RepositoryError: if Git fails.
    """
    named, left = set(), list(commits)
    for folder in dict.fromkeys((PurePosixPath(project), *PurePosixPath(project).parents)):
        blobs = blobs_at(git, left, str(folder / DVC_FOLDER / "config"))
        contents = dict(read_blobs(git, list({blob for blob in blobs.values() if blob})))
        with_remote = {blob for blob, content in contents.items() if names_remote(content)}
        named |= {commit for commit, blob in blobs.items() if blob in with_remote}
        left = [commit for commit in left if not blobs.get(commit)]
    return named


class RemoteFiles:
    """The files of a folder at a revision, wherever DVC finds them.

    Args:
        repository: the working tree of a Git repository, or its Git directory.
        commit: the revision.
        folder: path of the folder in the repository.
        remote: name of the DVC remote; None: the one that the revision names.
    """

    def __init__(self, repository: Path, commit: str, folder: str, remote: str | None) -> None:
        self._repository, self._commit, self._folder = repository, commit, folder
        self._settings = {"core": {"remote": remote}} if remote else {}
        self._files: Any = None

    def read(self, name: str) -> bytes:
        """Content of one of its files; raises an `UnusableError` if DVC cannot get it."""
        try:
            content: bytes = self._opened().read_bytes(f"{self._folder}/{name}")
        except Exception as error:  # of any kind of storage
            if _is_missing(error):
                problem = f"neither the cache nor the DVC remote has {name}"
                raise UnusableError(Reason.MISSING, problem) from None
            problem = f"the DVC remote cannot be read: {described(error, longest=200)}"
            raise UnreachableError(problem) from error
        return content

    def _opened(self) -> Any:
        if self._files is None:
            from dvc.api import DVCFileSystem

            logging.getLogger("dvc").setLevel(logging.ERROR)
            self._files = DVCFileSystem(
                str(self._repository), rev=self._commit, subrepos=True, config=self._settings
            )
        return self._files


def _is_missing(error: BaseException) -> bool:
    """Whether a file was looked for and is not there; DVC may say so in an error of its own."""
    cause = error.__cause__ or error.__context__
    return isinstance(error, FileNotFoundError) or (cause is not None and _is_missing(cause))
