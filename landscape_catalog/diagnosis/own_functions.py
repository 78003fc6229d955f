"""A user's own functions, named `package.module:function` on the command line.

Whoever names a function there wants it to be run, so that any module may be named that Python finds
from the working folder or its `custom/`. (`params.yaml`, which may be anybody's, names only what
the project allows: `pipeline.shared.custom_rights`.)
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from landscape_catalog.errors import CodeError, own_code
from landscape_catalog.pipeline.shared.custom_code import (
    NAMED_KINDS,
    signature_of,
    why_not_imported,
)
from landscape_catalog.pipeline.shared.custom_source import top_module
from landscape_catalog.schema.fields import is_custom

_imported: set[str] = set()  # top-level modules that were first loaded here, in this process


def own_function(name: str, folder: Path) -> Callable[..., Any]:
    """Import the function that `package.module:function` names.

    Its module is looked for in the folder, in its subfolder `custom`, and where Python looks. One
    that was loaded here before is imported anew, so that a notebook sees its current source.

    Args:
        name: `package.module:function`.
        folder: the working folder; it stays on Python's path, since functions may import later.

    Raises:
        CodeError: if the name has another form, there is no such function, or importing it fails.
    """
    if not is_custom(name):
        raise CodeError(f"{name}: allowed: a function, as `module:function`")
    module_name, _, path = name.partition(":")
    places = [folder.absolute(), (folder / "custom").absolute()]
    for place in reversed(places):
        if str(place) in sys.path:
            sys.path.remove(str(place))
        if place.is_dir():
            sys.path.insert(0, str(place))
    top = top_module(name)
    if top in _imported:
        _unload(top)
    importlib.invalidate_caches()
    if top not in sys.modules:
        _imported.add(top)
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a user's module may raise anything when imported
        raise CodeError(f"{name}: {why_not_imported(error, str(folder))}") from error
    with own_code(name, f": looking up `{path}`"):
        for part in path.split("."):
            found = getattr(found, part, None)
    if not callable(found):
        raise CodeError(f"{name}: `{module_name}` has no function `{path}`")
    function: Callable[..., Any] = found
    return function


def _unload(top: str) -> None:
    """Remove a package and its modules from those that are loaded."""
    for name in [name for name in sys.modules if top_module(name) == top]:
        del sys.modules[name]


def called_with(
    name: str,
    function: Callable[..., Any],
    offered: Mapping[str, Any],
    args: Mapping[str, Any],
    option: str,
) -> dict[str, Any]:
    """The arguments of a call: those that the user gives, and those offered that it takes.

    Args:
        name: of the function, for messages.
        function: to be called by keyword.
        offered: values by the names under which a function may take them.
        args: values that the user gives, by name.
        option: with which the user gives them, for messages.

    Raises:
        CodeError: if it does not take a given argument, or lacks one that it needs.
    """
    signature = signature_of(function)
    if signature is None:
        return dict(args)
    named = {k: p for k, p in signature.parameters.items() if p.kind in NAMED_KINDS}
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    for given in args:
        if given not in named and not takes_any:
            known = ", ".join(named) or "none"
            raise CodeError(f"{option} {given}: {name} has no such parameter; it has {known}")
    found = {key: offered[key] for key in named if key in offered} | dict(args)
    lacking = [k for k, p in named.items() if p.default is p.empty and k not in found]
    if lacking:
        raise CodeError(
            f"{name} needs {', '.join(lacking)}; give {option} {lacking[0]}=VALUE"
            + (f" (offered: {', '.join(offered)})" if offered else "")
        )
    return found
