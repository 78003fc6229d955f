"""Files whose content is part of ids must be dependencies of the stages in `dvc.yaml`.

Otherwise `dvc repro` calls stages up to date whose ids have changed, and a later change of anything
else trains on the new content.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from pathspec import GitIgnoreSpec

from landscape_catalog.errors import CodeError, DataError
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.custom_code import code_files
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.words import enumerated
from landscape_catalog.store.stages_file import Stage, read_stages

DATA_STAGES = ("prepare",)  # the others depend on what it prepares
CODE_STAGES = ("prepare", "train", "measure", "aggregate")


def require_watched(what: str, path: Path, project: Project) -> None:
    """Require that DVC would notice that a data file changes.

    Args:
        what: the parameter or the function that names it, for the message.
        path: the file, relative to the project's root.
        project: the project.

    Raises:
        DataError: if it would not.
    """
    reason = unwatched(path, project, DATA_STAGES)
    if reason is not None:
        raise DataError(f"{what}: got {project.shown(project.root / path)}: {reason}")


def require_watched_code(name: str, project: Project) -> None:
    """Require that DVC would notice that the source of `package.module:function` changes.

    Raises:
        CodeError: if it would not.
    """
    files, _ = code_files(name, project.custom)
    for path in (path for _, path in files):
        reason = unwatched(path, project, CODE_STAGES)
        if reason is not None:
            raise CodeError(f"{name}: it is defined in {project.shown(path)}: {reason}")


def unwatched(path: Path, project: Project, stages: tuple[str, ...]) -> str | None:
    """Why DVC would not notice that a file changes, and what to do about it.

    A project without these stages, such as one that is only used from Python, has nothing that
    could be up to date.

    Args:
        path: the file, relative to the project's root; it need not exist.
        project: the project.
        stages: the commands whose stages must depend on it.

    Returns:
        The reason; None if each of these stages depends on the file.
    """
    root = project.root.absolute()
    place = Path(os.path.normpath(root / path))
    for name in stages:
        stage = _stage(project.stages.absolute(), name)
        reason = None if stage is None else _reason(place, root, stage)
        if reason is not None:
            return (
                f"{reason}, and `dvc repro` would not notice that it changes. "
                f"{_way_out(place, root, stages)} to the `deps` of "
                f"{enumerated(f'`{stage}`' for stage in stages)} in {project.stages.name}"
            )
    return None


def _way_out(place: Path, root: Path, stages: tuple[str, ...]) -> str:
    if stages == DATA_STAGES:
        return "Move it to mine/, or add it"
    if place.is_relative_to(root):
        return "Move it to custom/, or add it"
    return "Add it, or the folder of its package,"


def _reason(place: Path, root: Path, stage: Stage) -> str | None:
    above = [dependency for dependency in stage.dependencies if place.is_relative_to(dependency)]
    if not above:
        return "no dependency of DVC holds it"
    # DVC follows a link to a file, and a dependency that is a link, but no link to a folder within.
    within = [p for p in place.parents if any(p.is_relative_to(top) and p != top for top in above)]
    if any(parent.is_symlink() for parent in within):
        return "it is in a linked folder, which DVC does not follow"
    for folder in (p for p in place.parents if p.is_relative_to(root)):
        if _ignored(folder / ".dvcignore", place.relative_to(folder)):
            return f"{(folder / '.dvcignore').relative_to(root)} hides it from DVC"
    return None


def _ignored(ignore: Path, path: Path) -> bool:
    try:
        lines = read_regular(ignore).decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return GitIgnoreSpec.from_lines(lines).match_file(path.as_posix())


def _stage(path: Path, name: str) -> Stage | None:
    """The stage that runs `landscape NAME`; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    command = re.compile(rf"\blandscape(_catalog)?\s+{name}\b")
    stages = _known_stages(path, found.st_mtime_ns, found.st_size)
    return next((stage for stage in stages if any(map(command.search, stage.commands))), None)


@lru_cache(maxsize=4)
def _known_stages(path: Path, _: int, __: int) -> list[Stage]:
    return read_stages(path)
