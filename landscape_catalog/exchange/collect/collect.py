"""`landscape collect`: from what is asked for to what has been found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from landscape_catalog.catalog.parquet import read_fingerprint
from landscape_catalog.errors import LandscapeError, RepositoryError, shown
from landscape_catalog.exchange.collect.collection import Collection
from landscape_catalog.exchange.collect.collector import Collector
from landscape_catalog.exchange.collect.experiments import without_result
from landscape_catalog.exchange.collect.git_remote import GitRemote, remote_url, without_secrets
from landscape_catalog.exchange.collect.index import Index, read_index, write_index
from landscape_catalog.exchange.collect.outcome import Outcome
from landscape_catalog.exchange.collect.repositories import LocalRepository, Repository, Sources
from landscape_catalog.exchange.collect.revisions import (
    Revision,
    chosen,
    experiments_of,
    is_pattern,
)
from landscape_catalog.paths import Project
from landscape_catalog.store.files import remove_temporary
from landscape_catalog.store.lock import acquire

LOCK = ".lock"
_BUSY = "another `landscape collect` is running here (process %s); waiting for it"


@dataclass(frozen=True)
class Request:
    """What to collect, besides this project's repository.

    Attributes:
        revs: `all`, a pattern of branches and tags, or a commit; None: branches, tags and `HEAD`.
        experiments: whether to collect DVC experiments too.
        remote: a Git remote, by name or URL.
        paths: folders of other repositories, projects or catalogs.
    """

    revs: str | None = None
    experiments: bool = False
    remote: str | None = None
    paths: tuple[Path, ...] = ()


def collect(project: Project, request: Request) -> Outcome:
    """Collect catalogs into `data/collected`; nothing else is changed.

    Raises:
        RepositoryError: if something that is asked for does not exist or cannot be read; nothing
            has been written.
        StorageError: if a catalog cannot be written.
    """
    with ExitStack() as stack:
        sources = Sources(project.root, request.paths)
        repositories: list[Repository] = [*sources.repositories.values()]
        if request.remote is not None:
            index = read_index(project.collected)
            repositories.append(_remote(request.remote, sources, index, stack))
        if not repositories and not sources.folders:
            raise RepositoryError(
                f"{project.root} is in no Git repository; name other repositories or folders"
            )
        wanted = _wanted(repositories, request)
        with collecting(project, sources) as (collector, index):
            for repository, revisions in wanted:
                collector.add_revisions(repository, revisions)
                if request.experiments and isinstance(repository, LocalRepository):
                    collector.add_waiting(repository, without_result(repository.git))
                if isinstance(repository, GitRemote) and repository.projects:
                    index.projects[repository.name] = repository.projects
            for folder in sources.folders:
                collector.add_folder(folder)
        return collector.outcome


@contextmanager
def collecting(project: Project, sources: Sources) -> Iterator[tuple[Collector, Index]]:
    """A collector into `data/collected`, and what earlier calls have found out; alone meanwhile.

    What was collected is written at the end, also after an error.

    Raises:
        StorageError: if it cannot be written.
    """
    lock = acquire(project.collected / LOCK, _BUSY)
    try:
        remove_temporary(project.collected)
        index = read_index(project.collected)
        collection = Collection(project.collected, index.stamps)
        caches = partial(_own_caches, sources)
        try:
            yield Collector(collection, index, _current(project), caches), index
        finally:
            collection.save()
            write_index(project.collected, index)
    finally:
        lock.release()


def _remote(given: str, sources: Sources, index: Index, stack: ExitStack) -> GitRemote:
    own = sources.own.git if sources.own else None
    url = remote_url(given, own)
    known = index.projects.get(without_secrets(url))
    return GitRemote(url, own, sources.project, known, stack)


def _wanted(
    repositories: list[Repository], request: Request
) -> list[tuple[Repository, list[Revision]]]:
    """The revisions that are asked for in each repository.

    Raises:
        RepositoryError: if the pattern matches nothing in any of them, or Git fails.
    """
    wanted = [(each, _chosen(each, request.revs)) for each in repositories]
    if is_pattern(request.revs) and not any(revisions for _, revisions in wanted):
        raise RepositoryError(
            f"--revs: got {shown(request.revs)}, which matches nothing; allowed: all, a pattern of "
            "branches and tags such as 'paper-*', or the first digits of a commit"
        )
    if not request.experiments:
        return wanted
    return [
        (each, list(dict.fromkeys([*revisions, *experiments_of(each.refs)])))
        for each, revisions in wanted
    ]


def _chosen(repository: Repository, revs: str | None) -> list[Revision]:
    return chosen(repository.refs, revs, lambda: repository.git)


def _current(project: Project) -> str | None:
    with suppress(LandscapeError):
        return read_fingerprint(project.catalog)
    return None


def _own_caches(sources: Sources) -> list[Path]:
    return sources.own.caches(sources.project) if sources.own else []
