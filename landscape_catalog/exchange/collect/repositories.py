"""Where catalogs are looked for: this repository, other repositories, and plain folders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from landscape_catalog.catalog.parquet import MANIFEST
from landscape_catalog.errors import RepositoryError
from landscape_catalog.exchange.collect.contents import EXPERIMENTS
from landscape_catalog.exchange.collect.dvc_cache import cache_folder, default_remote
from landscape_catalog.exchange.collect.dvc_lock import CATALOG, LOCK_FILE
from landscape_catalog.exchange.collect.git import Git, NoRepositoryError
from landscape_catalog.exchange.collect.revisions import TAGS, Ref, local_refs

STAGES_FILE = "dvc.yaml"


class Repository(Protocol):
    """A Git repository whose revisions are looked at."""

    @property
    def name(self) -> str | None:
        """Its URL or path; None: this repository."""

    @property
    def refs(self) -> list[Ref]:
        """Its branches, tags and DVC experiments, and `HEAD`."""

    @property
    def git(self) -> Git:
        """Git in it; in a remote one, after fetching it."""

    @property
    def projects(self) -> list[str]:
        """Paths of its projects; the empty text is the top folder."""

    def caches(self, project: str) -> list[Path]:
        """DVC's caches of a project."""

    def dvc_remote(self, project: str) -> str | None:
        """Name of the DVC remote that a project has today, in the files of a working tree."""


@dataclass
class LocalRepository:
    """A repository on this machine.

    Attributes:
        name: its path; None: this repository.
        git: Git in its top folder.
        trees: for each project, the working trees that it was given in; none if it is bare.
    """

    name: str | None
    git: Git
    trees: dict[str, list[Path]] = field(default_factory=dict)

    @cached_property
    def refs(self) -> list[Ref]:
        """See `Repository`."""
        return local_refs(self.git)

    @property
    def projects(self) -> list[str]:
        """See `Repository`."""
        return list(self.trees)

    def caches(self, project: str) -> list[Path]:
        """See `Repository`."""
        found = (cache_folder(tree / project, tree) for tree in self.trees[project])
        return [folder for folder in found if folder is not None]

    def dvc_remote(self, project: str) -> str | None:
        """See `Repository`."""
        found = (default_remote(tree / project, tree) for tree in self.trees[project])
        return next(filter(None, found), None)


@dataclass(frozen=True)
class Folder:
    """Catalogs in files, outside Git's revisions.

    Attributes:
        path: the folder that was given.
        catalogs: its folders with a catalog, relative to it.
        repository: by which its places are known: the top folder of the Git repository that it is
            in, or else the folder; None: this repository.
        prefix: its path in the repository.
    """

    path: Path
    catalogs: tuple[str, ...]
    repository: str | None
    prefix: str

    def place(self, catalog: str) -> str:
        """Path of a catalog in the repository."""
        return str(PurePosixPath(self.prefix, catalog))


class Sources:
    """This project's repository, if it is in one, and what is in the folders that were given.

    Args:
        root: this project.
        paths: other repositories, projects and catalogs.

    Attributes:
        repositories: by their Git directory, which the worktrees of a repository share.
        folders: catalogs in the files of the given folders.
        own: this project's repository.
        project: path of this project in it.

    Raises:
        RepositoryError: if a folder holds nothing of that kind, or Git fails.
    """

    def __init__(self, root: Path, paths: Iterable[Path]) -> None:
        self.repositories: dict[Path, LocalRepository] = {}
        self.folders: list[Folder] = []
        self.own: LocalRepository | None = None
        self.project = ""
        with suppress(NoRepositoryError):
            key, git, tree, self.project = _located(root, offline=False)
            self.own = LocalRepository(None, git, {self.project: [tree]})
            self.repositories[key] = self.own
        for path in dict.fromkeys(path.resolve() for path in paths):
            self._add(path, own=root.resolve() / CATALOG)

    def _add(self, path: Path, own: Path) -> None:
        if not path.is_dir():
            what = "is a file" if path.exists() else "does not exist"
            raise RepositoryError(f"{path} {what}; allowed: folders of repositories or catalogs")
        tree, projects = (path, []) if _is_catalog(path) else self._add_revisions(path)
        folders = [path, path / CATALOG, *(tree / project / CATALOG for project in projects)]
        found = [folder for folder in dict.fromkeys(folders) if _is_catalog(folder)]
        if not found and not projects:
            found = [folder for folder in sorted(path.iterdir()) if _is_catalog(folder)]
            if not found:
                raise RepositoryError(
                    f"{path} holds no catalog; allowed: a Git repository with a {LOCK_FILE}, a "
                    f"project with {CATALOG}, a folder with {MANIFEST} and {EXPERIMENTS}"
                )
        names = [folder.relative_to(path).as_posix() for folder in found if folder != own]
        if names:
            self.folders.append(Folder(path, tuple(names), *self._place_of(path)))

    def _place_of(self, path: Path) -> tuple[str | None, str]:
        """The repository of a folder as places name it, and its path in there."""
        try:
            key, git, tree, prefix = _located(path, offline=True)
        except RepositoryError:  # it is in none, or Git refuses that of another user
            return str(path), ""
        if git.bare:
            return str(path), ""
        known = self.repositories.get(key)
        return (known.name if known else str(tree)), prefix

    def _add_revisions(self, path: Path) -> tuple[Path, list[str]]:
        """Add the Git repository that a folder is in, with the projects in the folder.

        Returns:
            The top folder of the repository, and the paths of the projects in it.
        """
        try:
            key, git, tree, prefix = _located(path, offline=True)
        except NoRepositoryError:
            return path, []
        repository = self.repositories.get(key) or LocalRepository(str(tree), git)
        if any((path / name).exists() for name in (LOCK_FILE, STAGES_FILE)):
            projects = [prefix] if _is_tracked(git, prefix) else []
        else:
            projects = projects_in(git, repository.refs, prefix)
        for project in projects:
            trees = repository.trees.setdefault(project, [])
            if tree not in trees and not git.bare:
                trees.append(tree)
        if projects:
            self.repositories[key] = repository
        return tree, projects


def projects_in(git: Git, refs: list[Ref], under: str = "") -> list[str]:
    """Paths of the folders below another one that have a `dvc.lock` on some branch.

    Raises:
        RepositoryError: if Git fails.
    """
    where = ["--", f"{under}/"] if under else []
    tips = (ref.commit for ref in refs if not ref.is_experiment and not ref.full.startswith(TAGS))
    found = set()
    for commit in dict.fromkeys(tips):
        listed = git("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, *where)
        for path in os.fsdecode(listed).split("\0"):
            folder, _, name = path.rpartition("/")
            if name == LOCK_FILE and "\n" not in folder:
                found.add(folder)
    return sorted(found)


def _located(path: Path, *, offline: bool) -> tuple[Path, Git, Path, str]:
    """The Git directory of a folder's repository, Git in its top folder, that, and the path below.

    Raises:
        NoRepositoryError: if the folder is in no repository.
        RepositoryError: if Git does not read the repository, such as one of another user.
    """
    git = Git(path, offline=offline)
    words = ("rev-parse", "--path-format=absolute", "--is-bare-repository", "--git-common-dir")
    bare, common = git.lines(*words)
    folder = Path(common).resolve()
    if bare == "true":
        return folder, Git(folder, bare=True, offline=offline), folder, ""
    top, prefix = git.lines("rev-parse", "--show-toplevel", "--show-prefix")
    return folder, Git(Path(top), offline=offline), Path(top), prefix.rstrip("/")


def _is_tracked(git: Git, prefix: str) -> bool:
    """Whether the last commit has files in a folder, which may else only lie in a repository."""
    if not prefix:
        return True
    words = ("ls-tree", "--name-only", "--full-tree", "HEAD", "--", f"{prefix}/")
    return git.commit("HEAD") is not None and bool(git(*words))


def _is_catalog(folder: Path) -> bool:
    return all((folder / name).is_file() for name in (MANIFEST, EXPERIMENTS))
