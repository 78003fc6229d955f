"""`landscape init`: creates a study, i.e. an experiment in its own Git and DVC repository."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from landscape_catalog.commands.presets import find_preset, preset_text
from landscape_catalog.commands.study_files import study_files
from landscape_catalog.errors import LandscapeError, Problem, SpecError, StorageError, UserError
from landscape_catalog.paths import TEMPORARY_PREFIX
from landscape_catalog.presets import Scale
from landscape_catalog.store.files import storage_reason
from landscape_catalog.store.recipes_file import installed_recipes

FIRST_COMMIT = "A study of loss landscapes"
# Git sets these variables for its hooks; they would point `git init` at the hook's repository.
FOREIGN_REPOSITORY = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}


def init_study(folder: Path, preset: str | None = None, scale: Scale | None = None) -> str:
    """Create a study in a new or empty folder.

    The study is built under a temporary name, so that a failure leaves nothing behind.

    Args:
        folder: the folder.
        preset: an experiment of the paper; None: the default experiment.
        scale: scale of the preset; None: `paper`.

    Returns:
        A message that says what was created and what to do next.

    Raises:
        SpecError: if the folder is not empty, there is no such preset, or a scale is given without
            a preset.
        UserError: if Git is not installed.
        LandscapeError: if a Git or DVC command fails.
        StorageError: if the folder cannot be written.
    """
    files = study_files() | {"recipes.json": installed_recipes().text()}
    if preset is not None:
        files["params.yaml"] = preset_text(find_preset(preset), scale or "paper")
    elif scale is not None:
        raise _refusal("--scale", repr(str(scale)), "only together with --preset")
    try:
        _check_folder(folder)
        if shutil.which("git") is None:
            raise UserError("landscape init: `git` was not found; install Git first")
        with _built_atomically(folder) as temporary:
            outer = _repository_around(temporary)
            uncommitted = _make_repository(temporary, files)
    except OSError as error:
        raise StorageError(f"landscape init: cannot create {folder}: {_reason(error)}") from error
    lines = [f"Created a study in {folder}: a Git and DVC repository with its own params.yaml."]
    if outer:
        lines.append(
            f"It lies within the Git repository {outer}, which does not track a repository inside "
            "it: add the folder to its .gitignore, or create the study elsewhere."
        )
    if uncommitted:
        lines.append(f"The files are staged but not committed: {uncommitted}.")
    enter = "" if folder.samefile(Path.cwd()) else f"cd {shlex.quote(str(folder))}; "
    return "\n".join([*lines, f"Next: {enter}landscape plan; dvc repro"])


def _check_folder(folder: Path) -> None:
    given = None
    if folder.is_dir():
        given = "a folder that is not empty" if any(folder.iterdir()) else None
    elif os.path.lexists(folder):
        given = "a file"
    if given:
        raise _refusal(str(folder), given, "a new or empty folder")


def _reason(error: OSError) -> str:
    """Why a folder cannot be created or filled."""
    if error.errno == errno.ENOENT:  # its nearest existing parent was there a moment ago
        return "the file system does not allow new folders there"
    return storage_reason(error) or (error.strerror or str(error)).lower()


def _refusal(path: str, given: str, allowed: str) -> SpecError:
    return SpecError([Problem(path, given, allowed)], "landscape init")


@contextmanager
def _built_atomically(folder: Path) -> Iterator[Path]:
    """A temporary folder that becomes `folder` if the block succeeds, and is removed otherwise.

    An existing folder may be a shell's current directory or a mount point, which cannot be
    replaced; the content is then moved into it.
    """
    exists = folder.is_dir()
    parent = folder if exists else next(path for path in folder.absolute().parents if path.exists())
    temporary = parent / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}"
    temporary.mkdir()
    try:
        yield temporary
        if exists:
            _move_content(temporary, folder)
        else:
            _rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _rename(source: Path, target: Path) -> None:
    """Rename a folder and create the parents of its new place; if that fails, remove them."""
    missing = [path for path in target.absolute().parents if not path.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


def _move_content(source: Path, target: Path) -> None:
    """Move everything in a folder into another; if that fails, undo it."""
    moved: list[Path] = []
    try:
        for item in sorted(source.iterdir()):
            item.rename(target / item.name)
            moved.append(target / item.name)
    except BaseException:
        for item in moved:
            item.rename(source / item.name)
        raise


def _make_repository(root: Path, files: dict[str, str]) -> str:
    """Initialise Git and DVC, write the files and commit them.

    Returns:
        Why there is no first commit; empty if there is one.
    """
    _run(root, "git", "init", "-q")
    _run(root, sys.executable, "-m", "dvc", "init", "-q")
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    _run(root, "git", "add", "--all")
    if any(_failure(root, "git", "var", f"GIT_{who}_IDENT") for who in ("AUTHOR", "COMMITTER")):
        return "Git does not know your name (`git config --global user.name` and `user.email`)"
    return _failure(root, "git", "commit", "-q", "-m", FIRST_COMMIT)


def _repository_around(folder: Path) -> str:
    """The working tree of the Git repository that a new folder lies in; empty if there is none."""
    done = _call(folder, "git", "rev-parse", "--show-toplevel")
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(root: Path, *words: str) -> None:
    reason = _failure(root, *words)
    if reason:
        raise LandscapeError(f"landscape init: `{' '.join(words)}` failed: {reason}")


def _failure(root: Path, *words: str) -> str:
    """Run a command; returns the last line it printed if it fails, and nothing if it succeeds."""
    done = _call(root, *words)
    if done.returncode == 0:
        return ""
    printed = (done.stderr + done.stdout).strip().splitlines()
    return printed[-1] if printed else f"exit code {done.returncode}"


def _call(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with no Git hook's repository in its environment."""
    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN_REPOSITORY}
    environment["DVC_NO_ANALYTICS"] = "1"
    return subprocess.run(
        words, cwd=root, env=environment, capture_output=True, text=True, errors="replace"
    )
