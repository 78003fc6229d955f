"""DVC experiments that have no result: queued and failed ones."""

from __future__ import annotations

import re
from dataclasses import dataclass

from landscape_catalog.exchange.collect.git import Git

# Where DVC keeps them: entries of a stash each, with the message
# `dvc-exp:<commit>:<commit that it is based on>:<name>[:<branch>]`.
_STASHES = {"refs/exps/celery/stash": "queued", "refs/exps/celery/failed": "failed"}
_MESSAGE = re.compile(r"(?:commit: )?dvc-exp:[0-9a-f]+:[0-9a-f]+:(?P<name>[^:]*)")


@dataclass(frozen=True)
class Waiting:
    """An experiment without a result.

    Attributes:
        name: its name, or the first digits of its commit.
        state: `queued` (it may be running by now) or `failed`.
    """

    name: str
    state: str


def without_result(git: Git) -> list[Waiting]:
    """The queued and failed experiments of a repository.

    They are read as DVC stores them: `dvc exp show` lists them too, but first reads all others.

    Raises:
        RepositoryError: if Git fails.
    """
    found = []
    for ref in git.lines("for-each-ref", "--format=%(refname)", *_STASHES):
        for line in git.lines("log", "--walk-reflogs", "--format=%h %gs", ref, "--"):
            commit, _, message = line.partition(" ")
            known = _MESSAGE.match(message)
            if known is not None:
                found.append(Waiting(known["name"] or commit, _STASHES[ref]))
    return found
