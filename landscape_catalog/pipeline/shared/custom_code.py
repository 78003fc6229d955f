"""Custom code, named `package.module:function`: imported, and checksummed for ids.

It is in the project's `custom/` folder or in an installed package that the project allows. At every
import, the loaded module is compared with the source on disk, so that a long-lived process (a
notebook, a test) never computes with old code under the checksum of new code.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landscape_catalog.errors import CodeError, described, own_code
from landscape_catalog.pipeline.shared.custom_rights import (
    require_allowed,
    require_distinct_names,
    require_own,
)
from landscape_catalog.pipeline.shared.custom_source import (
    Files,
    find_module,
    installed_digest,
    is_from,
    lies_in,
    python_files,
    source_files,
    top_module,
)
from landscape_catalog.store.files import source_digest

# Parameters that can be set by name.
NAMED_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass
class _Imported:
    """What this process has imported.

    Attributes:
        folder: the `custom/` folder.
        source: checksum of its source.
        searched: this and earlier such folders, of other projects, that were put on `sys.path`.
        installed: checksums of installed packages, by top-level name.
        dtypes: the default dtype of torch that a module sets when it is imported, by module.
    """

    folder: Path | None = None
    source: str | None = None
    searched: set[str] = field(default_factory=set)
    installed: dict[str, str] = field(default_factory=dict)
    dtypes: dict[str, Any] = field(default_factory=dict)


_imported = _Imported()  # per process, like `sys.modules`


def why_not_imported(error: BaseException, place: str) -> str:
    """Why importing a custom module failed: it is missing, or what it raised.

    Args:
        error: that importing it raised.
        place: where it was looked for, apart from installed packages.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"there is no module `{error.name}`, neither in {place} nor installed"
    return f"importing it failed: {described(error)}"


def import_custom(name: str, folder: Path, *, code: str | None = None) -> Callable[..., Any]:
    """Import the function that `package.module:function` names, from its current source on disk.

    A default dtype of torch that the module sets when it is imported is set again at every call, so
    that each job computes with it, whichever jobs its process has run before.

    Args:
        name: `package.module:function`.
        folder: the project's `custom/` folder.
        code: the checksum of the source that ids were computed with; any other is rejected. It
            stands for code that the project allows, since planning has imported it; only without
            it is that checked.

    Raises:
        CodeError: if there is no such module or function, the project does not allow it, importing
            it fails, its source does not match `code`, or an installed package has changed since
            it was imported.
    """
    module_name, _, path = name.partition(":")
    _look_in(folder)
    spec = find_module(top_module(name))
    if spec is not None and code is None:
        require_allowed(name, spec, folder)
    if code is not None and code_checksum(name, folder) != code:
        raise CodeError(
            f"{name}: its source has changed since the experiment was read; run the same command "
            "again, or load the experiment again"
        )
    _require_current(name, folder)
    try:
        with _no_bytecode():
            found: Any = _import(module_name)
    except (Exception, SystemExit) as error:  # custom modules may raise anything when imported
        raise CodeError(f"{name}: {why_not_imported(error, f'{folder.name}/')}") from error
    with own_code(name, f": looking up `{path}`"):
        for part in path.split("."):
            if code is None and found is not None:
                require_own(name, part, found, folder)
            found = getattr(found, part, None)
    if not callable(found):
        raise CodeError(f"{name}: `{module_name}` has no function `{path}`")
    if code is None:
        require_own(name, path.rpartition(".")[2], found, folder)
    function: Callable[..., Any] = found
    return function


def _import(name: str) -> Any:
    """Import a module, and set the default dtype that it and what it imports set on import."""
    loaded, former = set(sys.modules), _default_dtype()
    module = importlib.import_module(name)
    torch, current = sys.modules.get("torch"), _default_dtype()
    if torch is None:
        return module
    for new in set(sys.modules) - loaded:
        _imported.dtypes.pop(new, None)
        if current != (former or torch.float32):  # float32 is the default of a fresh torch
            _imported.dtypes[new] = current
    torch.set_default_dtype(_imported.dtypes.get(name, current))
    return module


@contextmanager
def default_dtype_restored() -> Iterator[None]:
    """Restore the default dtype of torch, if it is loaded, after custom modules were imported."""
    former = _default_dtype()
    try:
        yield
    finally:
        if former is not None and _default_dtype() != former:
            sys.modules["torch"].set_default_dtype(former)


def _default_dtype() -> Any:
    """Torch's default dtype; None if torch is not loaded."""
    torch = sys.modules.get("torch")
    return None if torch is None else torch.get_default_dtype()


def _look_in(folder: Path) -> None:
    """Put the project's folder first on `sys.path`, and unload its modules if its source changed.

    A change to any file unloads all modules of the folder, since they may import one another.

    Raises:
        CodeError: if a file of the folder has the name of an installed module, or something that
            is no regular file that of a Python file.
    """
    folder, former = folder.absolute(), _imported.folder
    for other in _imported.searched - {str(folder)}:
        if other in sys.path:
            sys.path.remove(other)
    source = source_digest((path.as_posix(), path) for path in python_files(folder))
    if (folder, source) != (former, _imported.source):
        require_distinct_names(folder)
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        _imported.searched.add(str(folder))
        importlib.invalidate_caches()
    if (folder, source) != (former, _imported.source):
        places = [place for place in (folder, former) if place is not None]
        _unload(lambda _, module: any(lies_in(module, place) for place in places))
        _imported.folder, _imported.source = folder, source
        importlib.invalidate_caches()


def _unload(chosen: Callable[[str, Any], bool]) -> None:
    """Remove modules from `sys.modules`, selected by name and module, so that they are reloaded."""
    for name, module in list(sys.modules.items()):
        if chosen(name, module):
            del sys.modules[name]


def _require_current(name: str, folder: Path) -> None:
    """Make sure that the loaded top-level package matches its source on disk.

    Raises:
        CodeError: if an installed package has changed. It is not reloaded, since parts of it may be
            in use elsewhere.
    """
    top = top_module(name)
    spec, loaded = find_module(top), sys.modules.get(top)
    files = [] if spec is None else source_files(spec)
    if spec is not None and is_from(spec, folder):
        if loaded is not None and not lies_in(loaded, folder.absolute()):
            _unload(lambda name, _: top_module(name) == top)  # now shadowed by the folder
    elif files:
        checksum = installed_digest(files)
        if loaded is None or top not in _imported.installed:
            _imported.installed[top] = checksum
        if _imported.installed[top] != checksum:
            raise CodeError(f"{name}: `{top}` has changed since it was imported; restart Python")


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """Write no bytecode: Python would use it for source that changes within the same second."""
    former, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = former


def code_checksum(name: str, folder: Path) -> str:
    """SHA-256 over all source files of the top-level package that contains `name`.

    Raises:
        CodeError: if there is no such package, or its source cannot be read.
    """
    files, is_own = code_files(name, folder)
    return source_digest(files) if is_own else installed_digest(files)


def code_files(name: str, folder: Path) -> tuple[Files, bool]:
    """All source files of the top-level package, and whether it is in the project's folder.

    Raises the same errors as `code_checksum`.
    """
    _look_in(folder)
    top = top_module(name)
    spec = find_module(top)
    if spec is None:
        raise CodeError(f"{name}: there is no module `{top}`, in {folder.name}/ or installed")
    files = source_files(spec)
    if not files:
        raise CodeError(f"{name}: the source of `{top}` cannot be read")
    return files, is_from(spec, folder)


def parameters(function: Callable[..., Any], *, given: tuple[str, ...] = ()) -> frozenset[str]:
    """Names of a function's parameters that an experiment can set; `given` ones are excluded."""
    signature = signature_of(function)
    found = {} if signature is None else signature.parameters
    named = [name for name, parameter in found.items() if parameter.kind in NAMED_KINDS]
    return frozenset(named) - set(given)


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """The signature, or None for builtins without one; errors then appear when it is called."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None
