"""Finds the project that a command is about, from any folder in it."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.paths import Project


def project_root(start: Path | None = None) -> Path:
    """The nearest folder with `params.yaml` and `dvc.yaml`, as Git and DVC find theirs.

    Args:
        start: where the search starts; None: the current folder.

    Returns:
        This folder or the nearest of its parents that is a project; `start` if there is none.
    """
    start = Path.cwd() if start is None else start.absolute()
    for folder in (start, *start.parents):
        project = Project(folder)
        if project.params.exists() and project.stages.exists():
            return folder
    return start
