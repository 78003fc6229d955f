"""Where the shared store is: `LANDSCAPE_STORE`, or else the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from landscape_catalog.errors import UserError
from landscape_catalog.paths import STORE_VARIABLE, Project


def store_root(project: Project) -> Path:
    """The folder in which all workspaces of this machine share finished runs and measurements.

    `~` in `LANDSCAPE_STORE` is the home folder, and a relative path is relative to the project. In
    a temporary copy that DVC makes of a project it is relative to that copy, so not shared with it.

    Raises:
        UserError: if the store would lie in a folder that stages clean up or depend on, or `~user`
            names no user.
    """
    chosen = os.environ.get(STORE_VARIABLE)
    if not chosen:
        return Path(platformdirs.user_cache_dir("landscape_catalog"))
    try:
        store = project.root.absolute() / Path(chosen).expanduser()
    except RuntimeError:
        raise _refusal(chosen, "the path of a folder; this user has no home folder") from None
    taken = (project.root / "data", project.custom, project.mine)
    if any(store.resolve().is_relative_to(place.resolve()) for place in taken):
        names = " and ".join(f"{place.name}/" for place in taken)
        raise _refusal(chosen, f"a folder that is not within the project's {names}")
    return Path(os.path.normpath(store))


def _refusal(given: str, allowed: str) -> UserError:
    return UserError(f"{STORE_VARIABLE}: got {given!r}; allowed: {allowed}")
