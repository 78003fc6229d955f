"""Which commits are looked at, and by which names they are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from landscape_catalog.exchange.collect.git import COMMIT, Git

ALL = "all"
BRANCHES, TAGS = "refs/heads/", "refs/tags/"
# refs/exps/<first two digits of the commit that it is based on>/<the others>/<name>
_EXPERIMENT = re.compile(
    r"refs/exps/(?P<first>[0-9a-f]{2})/(?P<rest>[0-9a-f]{38,62})/(?P<name>[^/]+)"
)
_ABBREVIATED = re.compile(r"[0-9a-f]{4,64}")
_PEELED = "^{}"


@dataclass(frozen=True)
class Ref:
    """A branch, a tag, a DVC experiment, or `HEAD`, and the commit that it points to."""

    full: str
    commit: str

    @property
    def name(self) -> str:
        """The name without the part that says what kind of ref it is."""
        if self.is_experiment:
            return self.full.rpartition("/")[2]
        return self.full.removeprefix(BRANCHES).removeprefix(TAGS)

    @property
    def is_experiment(self) -> bool:
        """Whether it is a finished DVC experiment."""
        return _EXPERIMENT.fullmatch(self.full) is not None

    @property
    def base(self) -> str | None:
        """The commit that a DVC experiment is based on; None for others."""
        found = _EXPERIMENT.fullmatch(self.full)
        return found["first"] + found["rest"] if found else None

    @property
    def is_named(self) -> bool:
        """Whether it is a branch or a tag."""
        return self.full.startswith((BRANCHES, TAGS))


@dataclass(frozen=True)
class Revision:
    """A commit.

    Attributes:
        commit: its hash.
        name: a branch, tag or DVC experiment that points to it, or the first digits of its hash.
    """

    commit: str
    name: str


def local_refs(git: Git) -> list[Ref]:
    """`HEAD`, the branches, tags and finished DVC experiments of a repository.

    Raises:
        RepositoryError: if Git fails.
    """
    form = "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)"
    head = git.commit("HEAD")
    refs = [Ref("HEAD", head)] if head else []
    for line in git.lines("for-each-ref", form, "refs/heads", "refs/tags", "refs/exps"):
        kind, commit, peeled_kind, peeled, name = line.split(" ", 4)
        if "commit" in (kind, peeled_kind):  # a tag may be of a file, or of another tag
            refs.append(Ref(name, commit if kind == "commit" else peeled))
        elif peeled_kind == "tag" and (found := git.commit(name)):
            refs.append(Ref(name, found))
    return _known_kinds(refs)


def listed_refs(lines: Iterable[str]) -> list[Ref]:
    """The same, from the lines of `git ls-remote`.

    >>> [ref.name for ref in listed_refs([f"{'a' * 40}\\trefs/heads/main", "warning: x"])]
    ['main']
    """
    found = {}
    for line in lines:
        commit, _, name = line.partition("\t")
        if COMMIT.fullmatch(commit):  # the commit of an annotated tag follows the tag
            found[name.removesuffix(_PEELED)] = commit
    return _known_kinds(Ref(name, commit) for name, commit in found.items())


def _known_kinds(refs: Iterable[Ref]) -> list[Ref]:
    """Branches first, then tags, `HEAD` and experiments: a commit is named after the first."""

    def rank(ref: Ref) -> int:
        return ref.full.startswith((TAGS, "HEAD")) + (ref.full == "HEAD") + 3 * ref.is_experiment

    known = (ref for ref in refs if ref.is_named or ref.is_experiment or ref.full == "HEAD")
    return sorted(known, key=rank)


def is_pattern(revs: str | None) -> bool:
    """Whether revisions are asked for by name, so that there must be some."""
    return revs not in (None, ALL)


def chosen(refs: list[Ref], revs: str | None, git: Callable[[], Git]) -> list[Revision]:
    """The revisions that are asked for, besides DVC experiments.

    Args:
        refs: all of a repository.
        revs: `all`: every commit that a branch, a tag or `HEAD` reaches; a pattern of the names of
            branches and tags; the first digits of a commit. None: branches, tags and `HEAD`.
        git: called for what refs do not tell.

    Raises:
        RepositoryError: if Git fails.
    """
    tips = [ref for ref in refs if not ref.is_experiment]
    if revs is None:
        commits = [ref.commit for ref in tips]
    elif revs == ALL:
        given = "".join(f"{ref.commit}\n" for ref in tips).encode()
        commits = [ref.commit for ref in tips] + git().lines("rev-list", "--stdin", given=given)
    else:
        commits = [ref.commit for ref in tips if ref.is_named and fnmatchcase(ref.name, revs)]
        if not commits and _ABBREVIATED.fullmatch(revs) and (found := git().commit(revs)):
            commits = [found]
    return _revisions(commits, refs)


def experiments_of(refs: list[Ref]) -> list[Revision]:
    """The finished DVC experiments of a repository."""
    return _revisions([ref.commit for ref in refs if ref.is_experiment], refs)


def _revisions(commits: list[str], refs: list[Ref]) -> list[Revision]:
    names: dict[str, str] = {}
    for ref in refs:
        names.setdefault(ref.commit, ref.name)
    return [Revision(commit, names.get(commit, commit[:10])) for commit in dict.fromkeys(commits)]
