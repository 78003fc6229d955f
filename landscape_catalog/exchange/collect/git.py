"""Git as a program that reads a repository: no hooks, no prompts, no change."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from landscape_catalog.errors import RepositoryError

COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")  # SHA-1, or SHA-256
# Variables that point Git to another repository than that of the folder.
_FOREIGN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)
_SETTINGS = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}
# A repository may be someone else's: nothing in its configuration may start a program.
_HARDENED = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("log.showSignature", "false"),
    ("protocol.ext.allow", "never"),
)


# Lines of Git's error output that tell less than the others.
_HINTS = (
    "warning:",
    "hint:",
    "fatal: Could not read from remote repository",
    "Please make sure you have the correct access rights",
    "and the repository exists",
)
_HINTS_FOLDED = tuple(hint.casefold() for hint in _HINTS)


def what_is_wrong(said: str) -> str:
    r"""The line of Git's error output that says what is wrong; empty if there is none.

    >>> what_is_wrong("ssh: no such host\nfatal: Could not read from remote repository.\n\nPlease")
    'ssh: no such host'
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not line.casefold().startswith(_HINTS_FOLDED)]
    errors = [line for line in telling if line.startswith(("fatal: ", "error: "))]
    found = next(iter(errors or telling or lines), "")
    return found.removeprefix("fatal: ").removeprefix("error: ")


class NoRepositoryError(RepositoryError):
    """A folder does not belong to a Git repository."""


class Git:
    """Calls of Git in one repository.

    Args:
        folder: a folder in its working tree; for a repository without one, its Git directory.
        bare: whether it has no working tree.
        offline: whether it may not reach other repositories. Git would otherwise fetch objects that
            a partial clone lacks, by a program that the configuration may name.
        settings: further settings, as `settings` returns them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        bare: bool = False,
        offline: bool = True,
        settings: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.folder, self.bare = folder, bare
        self._environment = {k: v for k, v in os.environ.items() if k not in _FOREIGN} | _SETTINGS
        before = int(self._environment.get("GIT_CONFIG_COUNT") or 0)
        for number, (key, value) in enumerate(settings, start=before):
            self._environment[f"GIT_CONFIG_KEY_{number}"] = key
            self._environment[f"GIT_CONFIG_VALUE_{number}"] = value
        self._environment["GIT_CONFIG_COUNT"] = f"{before + len(settings)}"
        if offline:
            self._environment |= {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
        self._words = ["git", "--no-pager"]
        for name, value in _HARDENED:
            self._words += ["-c", f"{name}={value}"]
        self._words += [f"--git-dir={folder}"] if bare else ["-C", str(folder)]

    def __call__(self, *words: str, given: bytes = b"") -> bytes:
        """Standard output of a Git command.

        Raises:
            NoRepositoryError: if the folder does not belong to a repository.
            RepositoryError: if the command fails for another reason, or Git is not installed.
        """
        done = self._run(words, given)
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.decode(errors="replace").strip()
        if "not a git repository" in said:
            raise NoRepositoryError(f"{self.folder} is not in a Git repository")
        why = what_is_wrong(said) or f"exit code {done.returncode}"
        raise RepositoryError(f"{self.folder}: `git {words[0]}` failed: {why}")

    def lines(self, *words: str, given: bytes = b"") -> list[str]:
        """The lines of standard output, as the file system's encoding reads them."""
        return os.fsdecode(self(*words, given=given)).split("\n")[:-1]

    def commit(self, name: str) -> str | None:
        """The commit that a name stands for; None if there is none, or more than one."""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        done = self._run(words, b"")
        found = os.fsdecode(done.stdout).strip()
        return found if done.returncode == 0 and COMMIT.fullmatch(found) else None

    def settings(self, keys: str) -> list[tuple[str, str]]:
        """The repository's own settings whose keys match a regular expression."""
        done = self._run(("config", "--local", "--null", "--get-regexp", keys), b"")
        pairs = (entry.partition("\n") for entry in os.fsdecode(done.stdout).split("\0")[:-1])
        return [(key, value) for key, _, value in pairs]

    def _run(self, words: Sequence[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
        command = [*self._words, *words]
        try:
            return subprocess.run(command, input=given, capture_output=True, env=self._environment)
        except FileNotFoundError:
            raise RepositoryError("`git` was not found; install Git first") from None
