"""A user's own code, named `package.module:function`: imported, checked, and part of ids.

It is looked for in the project's `custom/` folder first, then among what is installed.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landscape_catalog.errors import CodeError


def import_custom(name: str, folder: Path) -> Callable[..., Any]:
    """The function that `package.module:function` names.

    Raises:
        CodeError: if there is no such module or function, or its import fails.
    """
    module_name, _, path = name.partition(":")
    _look_in(folder)
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever a user's module does when it is imported
        if isinstance(error, ModuleNotFoundError) and error.name:
            words = f"there is no module `{error.name}`, neither in {folder.name}/ nor installed"
        else:
            words = f"importing it failed: {type(error).__name__}: {error}"
        raise CodeError(f"{name}: {words}") from error
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise CodeError(f"{name}: `{module_name}` has no function `{path}`")
    function: Callable[..., Any] = found
    return function


def _look_in(folder: Path) -> None:
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()


def code_checksum(name: str, folder: Path) -> str:
    """SHA-256 over every source file of the top-level package that `name` lies in.

    Raises:
        CodeError: if there is no such package, or its source cannot be read.
    """
    _look_in(folder)
    top = name.partition(":")[0].partition(".")[0]
    spec = importlib.util.find_spec(top)
    if spec is None:
        raise CodeError(f"{name}: there is no module `{top}`, in {folder.name}/ or installed")
    if spec.submodule_search_locations:
        bases = [Path(place) for place in spec.submodule_search_locations]
        files = [(p.relative_to(base).as_posix(), p) for base in bases for p in base.rglob("*.py")]
    else:
        if spec.origin is None or not spec.origin.endswith(".py"):
            raise CodeError(f"{name}: the source of `{top}` cannot be read")
        files = [(Path(spec.origin).name, Path(spec.origin))]
    digest = hashlib.sha256()
    for relative, path in sorted(files):
        digest.update(f"{relative}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def parameters(function: Callable[..., Any], *, given: tuple[str, ...] = ()) -> frozenset[str]:
    """Names of the parameters that an experiment can set, besides those that are always given."""
    try:
        found = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return frozenset()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = [name for name, parameter in found.items() if parameter.kind in kinds]
    return frozenset(named) - set(given)
