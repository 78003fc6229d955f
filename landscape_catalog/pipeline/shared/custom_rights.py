"""Which code `params.yaml` may name: that of `custom/`, and of packages that the project allows.

`params.yaml` may be anybody's, so it alone never runs other code. The files of `custom/` and
`pyproject.toml` belong to the project, which whoever works in it trusts.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder, all_suffixes
from pathlib import Path
from types import ModuleType
from typing import Any

from landscape_catalog.errors import CodeError
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.custom_source import is_from, lies_in, top_module
from landscape_catalog.pipeline.shared.project_settings import TABLE, read_settings


def require_allowed(name: str, spec: ModuleSpec, folder: Path) -> None:
    """Require that a module is one of `custom/`, or of a package that the project allows.

    Args:
        name: `package.module:function`.
        spec: by which its top-level module would be imported.
        folder: the project's `custom/` folder.

    Raises:
        CodeError: if it is neither.
    """
    top = top_module(name)
    settings = Project(folder.parent).settings
    if not is_from(spec, folder) and top not in read_settings(settings).packages:
        raise CodeError(
            f"{name}: `{top}` is not in {folder.name}/, and params.yaml alone does not run other "
            f"code. If you trust this installed module, list it in {settings.name}: "
            f'{TABLE} packages = ["{top}"]'
        )


def require_own(name: str, part: str, found: Any, folder: Path) -> None:
    """Require that something is defined in the code that `params.yaml` may name.

    Modules import others, and `own:os.system` or `own:getoutput` would name functions of those.

    Args:
        name: `package.module:function`.
        part: the part of it, or the module, that was looked up.
        found: what it names.
        folder: the project's `custom/` folder.

    Raises:
        CodeError: if it is defined elsewhere.
    """
    home = _home(found)
    if home is None or lies_in(sys.modules.get(home), folder.absolute()):
        return
    if home.partition(".")[0] not in read_settings(Project(folder.parent).settings).packages:
        raise CodeError(
            f"{name}: `{part}` is defined in `{home}`, not in {folder.name}/; define a function "
            "there that calls it"
        )


def _home(found: Any) -> str | None:
    """Name of the module that defines a module, function, class, or an instance's class.

    None for a `functools.partial`, which is made where it is named.
    """
    if isinstance(found, functools.partial):
        return None
    if isinstance(found, ModuleType):
        return found.__name__
    named = found if hasattr(found, "__qualname__") else type(found)
    return str(getattr(named, "__module__", None))


def require_distinct_names(folder: Path) -> None:
    """Require that no file of `custom/` takes the place of an installed module.

    The folder comes first on Python's path, so every later import in this process, by whatever
    library, would find the file instead.

    Raises:
        CodeError: if one does.
    """
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = _module_name(entry)
        if name and any(_installed(name, folder)):
            kind = "Python" if name in sys.stdlib_module_names else "an installed package"
            raise CodeError(
                f"{folder.name}/{entry.name}: `{name}` is the name of a module of {kind}, whose "
                "place the file would take; rename it"
            )


def _module_name(entry: Path) -> str | None:
    """The name under which a file or folder can be imported; None if it cannot."""
    name, point, suffix = entry.name.partition(".")
    is_module = point + suffix in all_suffixes() or (
        not point and entry.is_dir() and any(entry.rglob("*.py"))
    )
    return name if is_module and name.isidentifier() and name != "__init__" else None


def _installed(name: str, folder: Path) -> Iterator[ModuleSpec]:
    """Modules of this name outside the project; plain folders on Python's path do not count."""
    project = {"", str(folder.absolute()), str(folder.parent.absolute()), str(Path.cwd())}
    places = [place for place in sys.path if place not in project]
    for finder in sys.meta_path:
        if finder is PathFinder:
            spec = PathFinder.find_spec(name, places)
        else:
            spec = finder.find_spec(name, None)
        if spec is not None and spec.origin is not None and not is_from(spec, folder):
            yield spec
