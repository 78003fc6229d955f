"""Hides all modules but those in LANDSCAPE_ONLY, as if nothing else were installed.

Python imports this module at its start if its folder is in PYTHONPATH: in workers, too.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

ALLOWED = {*sys.stdlib_module_names, *os.environ["LANDSCAPE_ONLY"].split(",")}
VENDORED = str(Path("setuptools") / "_vendor")  # which setuptools, needed by torch, brings


class Hiding:
    """Finds modules in files as Python does, if they are allowed."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if top in ALLOWED or top.startswith("_sysconfigdata"):
            return PathFinder.find_spec(name, path, target)
        vendored = [folder for folder in path or sys.path if VENDORED in folder]
        return PathFinder.find_spec(name, vendored, target) if vendored else None

    find_distributions = staticmethod(PathFinder.find_distributions)


sys.meta_path[:] = [Hiding if finder is PathFinder else finder for finder in sys.meta_path]  # type: ignore[list-item]
