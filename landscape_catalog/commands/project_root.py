"""Finds the project that a command is about, from any folder in it."""

from __future__ import annotations

import os
from pathlib import Path

from landscape_catalog.errors import UserError
from landscape_catalog.paths import Project


def project_root(start: Path | None = None) -> Path:
    """The project that a command reads or writes, from any folder in it; see `find_project`.

    Raises:
        UserError: if there is none.
    """
    found = find_project(start)
    if found is None:
        raise UserError(
            "there is no project here: neither this folder nor one above it has both params.yaml "
            "and dvc.yaml. Enter a project's folder; `landscape init FOLDER` creates one"
        )
    return found


def find_project(start: Path | None = None) -> Path | None:
    """The nearest folder with `params.yaml` and `dvc.yaml`, as Git and DVC find theirs.

    A study, which has a `recipes.json` too, is still found if either of the two is missing.

    Args:
        start: where the search starts; None: the current folder.

    Returns:
        This folder or the nearest of its parents that is a project; None if there is none.
    """
    start = Path.cwd() if start is None else start.absolute()
    for folder in (start, *start.parents):
        project = Project(folder)
        marks = (project.params, project.stages, project.recipes)
        # `os.path` instead of `Path.exists`, which raises an error in a folder without permission.
        if sum(map(os.path.exists, marks)) >= 2:
            return folder
    return None
