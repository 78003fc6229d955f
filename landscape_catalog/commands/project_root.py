"""Finds the project that a command is about, from any folder in it."""

from __future__ import annotations

import os
from pathlib import Path

from landscape_catalog.paths import Project


def project_root(start: Path | None = None) -> Path:
    """The nearest folder with `params.yaml` and `dvc.yaml`, as Git and DVC find theirs.

    A study whose `dvc.yaml` is missing is still one, by its `recipes.json`.

    Args:
        start: where the search starts; None: the current folder.

    Returns:
        This folder or the nearest of its parents that is a project; `start` if there is none.
    """
    start = Path.cwd() if start is None else start.absolute()
    for folder in (start, *start.parents):
        project = Project(folder)
        marks = (project.stages, project.recipes)
        # `os.path` instead of `Path.exists`, which raises an error in a folder without permission.
        if os.path.exists(project.params) and any(map(os.path.exists, marks)):  # noqa: PTH110
            return folder
    return start
