"""A Git remote: its refs are listed, and its commits fetched if some of them are unknown.

They are fetched into a temporary repository that borrows the objects of this one, so that only new
ones are transferred and nothing here changes.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

from landscape_catalog.errors import RepositoryError
from landscape_catalog.exchange.collect.dvc_cache import cache_folder
from landscape_catalog.exchange.collect.dvc_lock import LOCK_FILE
from landscape_catalog.exchange.collect.git import Git
from landscape_catalog.exchange.collect.git_objects import blobs_at
from landscape_catalog.exchange.collect.repositories import projects_in
from landscape_catalog.exchange.collect.revisions import Ref, listed_refs

_PATTERNS = ("HEAD", "refs/heads/*", "refs/tags/*", "refs/exps/*")
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")  # `ext::` starts any program
_ACCESS = r"^(http|credential|url|ssh|core\.sshcommand|core\.gitproxy)\b"


def remote_url(given: str, own: Git | None) -> str:
    """The URL of a remote: of that name in this repository, or the given one.

    Args:
        given: name, URL or path.
        own: Git in this project's repository.

    Raises:
        RepositoryError: if it is neither, or would start a program.
    """
    names = own.lines("remote") if own else []
    if given in names and own is not None:
        given = own.lines("remote", "get-url", "--", given)[0]
    elif "/" not in given and ":" not in given:
        known = f"a remote of this repository ({', '.join(names)}), or" if names else "only"
        raise RepositoryError(f"--remote: got {given!r}; allowed: {known} a repository's URL")
    if given.startswith("-") or _HELPER.match(given):
        raise RepositoryError(
            f"--remote: got {given!r}; allowed: a URL such as https://…, ssh://… or file://…, "
            "host:path, or a path"
        )
    folder = Path(own.folder if own else Path.cwd(), given)
    return str(folder.resolve()) if folder.exists() else given


def without_secrets(url: str) -> str:
    """A URL without user and password, which may be a token; a user of SSH is kept.

    >>> without_secrets("https://me:secret@example.org/a.git")
    'https://example.org/a.git'
    >>> without_secrets("ssh://git@example.org/a.git")
    'ssh://git@example.org/a.git'
    """
    parts = urlsplit(url) if "://" in url else None
    if parts is None or "@" not in parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    kept = f"{user.partition(':')[0]}@" if "ssh" in parts.scheme else ""
    return urlunsplit(parts._replace(netloc=f"{kept}{host}"))


class GitRemote:
    """A repository that is reached by a URL.

    Args:
        url: see `remote_url`.
        own: Git in this project's repository, whose access settings are used.
        here: path of this project in its repository.
        known: paths of the remote's projects, if earlier calls have found them.
        stack: removes the temporary repository when it is closed.
    """

    def __init__(
        self, url: str, own: Git | None, here: str, known: list[str] | None, stack: ExitStack
    ) -> None:
        self.name = without_secrets(url)
        self._url, self._own, self._here, self._known, self._stack = url, own, here, known, stack

    @cached_property
    def refs(self) -> list[Ref]:
        """See `Repository`."""
        git = self._own or Git(Path.cwd(), offline=False)
        return listed_refs(self._lines(git, "ls-remote", "--quiet", "--", self._url, *_PATTERNS))

    @cached_property
    def git(self) -> Git:
        """Git in a temporary repository with the remote's commits."""
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="landscape-collect-")))
        longest = max((len(ref.commit) for ref in self.refs), default=40)
        form = "sha256" if longest > 40 else "sha1"
        settings = self._own.settings(_ACCESS) if self._own else []
        git = Git(folder, bare=True, offline=False, settings=settings)
        git("init", "--quiet", "--bare", "--template=", f"--object-format={form}")
        self._borrow(folder, form)
        refspecs = [f"+{pattern}:{pattern}" for pattern in _PATTERNS[1:]]
        if any(ref.full == "HEAD" for ref in self.refs):
            refspecs.append("+HEAD:refs/collected/HEAD")
        words = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
        self._lines(git, "fetch", *words, "--", self._url, *refspecs)
        return git

    @cached_property
    def projects(self) -> list[str]:
        """This project's path, if the remote has it; otherwise all folders with a `dvc.lock`."""
        if self._known is not None:
            return self._known
        tips = list(dict.fromkeys(ref.commit for ref in self.refs))
        if any(blobs_at(self.git, tips, str(PurePosixPath(self._here, LOCK_FILE))).values()):
            return [self._here]
        return projects_in(self.git, self.refs)

    def caches(self, project: str) -> list[Path]:
        """DVC's cache of the project, if the remote is a working tree on this machine."""
        top = Path(self._url.removeprefix("file://"))
        found = cache_folder(top / project, top) if top.is_dir() else None
        return [found] if found else []

    def dvc_remote(self, project: str) -> str | None:
        """See `Repository`; there is no working tree."""
        return None

    def _borrow(self, folder: Path, form: str) -> None:
        """Let a repository use the objects of this project's."""
        if self._own is None:
            return
        asked = ("--path-format=absolute", "--show-object-format", "--git-path", "objects")
        mine, objects = self._own.lines("rev-parse", *asked)
        if mine == form and "\n" not in objects:
            (folder / "objects" / "info").mkdir(exist_ok=True)
            (folder / "objects" / "info" / "alternates").write_bytes(os.fsencode(f"{objects}\n"))

    def _lines(self, git: Git, *words: str) -> list[str]:
        try:
            return git.lines(*words)
        except RepositoryError as error:
            said = f"{error}".replace(self._url, self.name).partition("failed: ")[2] or f"{error}"
            raise RepositoryError(f"{self.name} cannot be reached: {said}") from None
