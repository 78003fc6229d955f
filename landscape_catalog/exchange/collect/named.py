"""A source by its name: this project's own, or a revision of its repository."""

from __future__ import annotations

from dataclasses import replace

from landscape_catalog.catalog.sources import (
    Source,
    current_source,
    find_source,
    listed,
    source_names,
)
from landscape_catalog.errors import QueryError, shown
from landscape_catalog.exchange.collect.collect import collecting
from landscape_catalog.exchange.collect.experiments import without_result
from landscape_catalog.exchange.collect.git import Git
from landscape_catalog.exchange.collect.outcome import Outcome
from landscape_catalog.exchange.collect.repositories import LocalRepository, Sources
from landscape_catalog.exchange.collect.revisions import Ref, Revision
from landscape_catalog.paths import Project


def source_or_revision(project: Project, name: str) -> Source:
    """The source with a name, or else the catalog of a Git revision or DVC experiment.

    A revision is a branch, a tag, a DVC experiment, or anything else by which Git names a commit of
    this project's repository. Its catalog is collected into `data/collected` by the rules of
    `landscape collect`, unless it is there or is the current one.

    Args:
        project: the project.
        name: of the source or revision; sources come first.

    Raises:
        QueryError: if there is neither, if two commits have this name, or if the revision has no
            catalog that can be read.
        RepositoryError: if Git fails.
        StorageError: if the catalog cannot be written.
    """
    found = find_source(project, name)
    if found is not None:
        return found
    sources = Sources(project.root, ())
    own = sources.own
    commit = None if own is None else _commit(own, name)
    if own is None or commit is None:
        raise QueryError(f"there is no source {shown(name)}; {_known(project, own)}")
    with collecting(project, sources) as (collector, _):
        collector.add_revisions(own, [Revision(commit, name)])
    return replace(_taken(project, collector.outcome, name), name=name)


def _commit(own: LocalRepository, name: str) -> str | None:
    """The commit of a branch, tag or experiment, or of what else Git calls by this name.

    Experiments on several commits may have the same name; then that of the last commit is meant.

    Raises:
        QueryError: if several have the name.
    """
    refs = [ref for ref in own.refs if ref.name == name]
    if len(refs) > 1 and all(ref.is_experiment for ref in refs):
        head = own.git.commit("HEAD")
        refs = [ref for ref in refs if ref.base == head] or refs
    commits = list(dict.fromkeys(ref.commit for ref in refs))
    if len(commits) > 1:
        each = ", ".join(f"{ref.commit[:10]} ({_kind(ref)})" for ref in refs)
        raise QueryError(f"{shown(name)} is the name of several: {each}; give the commit instead")
    return commits[0] if commits else _of_git(own.git, name)


def _of_git(git: Git, name: str) -> str | None:
    """What Git calls by a name that is no ref's own, such as `HEAD~1`."""
    return git.commit(name) if name and name.isprintable() else None


def _kind(ref: Ref) -> str:
    return "experiment" if ref.is_experiment else "branch or tag"


def _known(project: Project, own: LocalRepository | None) -> str:
    """What there is, in words."""
    kinds = [("", source_names(project))]
    if own is not None:
        kinds.append(("branches and tags ", [ref.name for ref in own.refs if ref.is_named]))
        kinds.append(("DVC experiments ", [ref.name for ref in own.refs if ref.is_experiment]))
        waiting = [f"{one.name} ({one.state}, no result)" for one in without_result(own.git)]
        kinds.append(("waiting: ", waiting))
    words = [f"{kind}{listed(names)}" for kind, names in kinds if names]
    return f"there are {'; '.join(words)}"


def _taken(project: Project, outcome: Outcome, name: str) -> Source:
    """The source that a revision was collected as.

    Raises:
        QueryError: if its catalog cannot be read.
    """
    if outcome.current:
        return current_source(project.catalog)
    for folder in outcome.experiments:
        return Source(folder, "collected", project.collected / folder)
    reason, skipped = next(iter(outcome.skipped.items()))
    raise QueryError(f"the revision {shown(name)} has no usable catalog: {reason} "
                     f"({skipped[0].detail})")  # fmt: skip
