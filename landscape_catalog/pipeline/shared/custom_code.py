"""Custom code, named `package.module:function`: imported, and checksummed for ids.

It is searched for in the project's `custom/` folder first, then among installed packages. At every
import, the loaded module is compared with the source on disk, so that a long-lived process (a
notebook, a test) never computes with old code under the checksum of new code.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from landscape_catalog.errors import CodeError, described, own_code

# Parameters that can be set by name.
NAMED_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
Files = list[tuple[str, Path]]  # source files of a package: the name that is hashed, and the path


@dataclass
class _Imported:
    """What this process has imported.

    Attributes:
        folder: the `custom/` folder.
        source: checksum of its source.
        installed: checksums of installed packages, by top-level name.
        dtypes: the default dtype of torch that a module sets when it is imported, by module.
    """

    folder: Path | None = None
    source: str | None = None
    installed: dict[str, str] = field(default_factory=dict)
    dtypes: dict[str, Any] = field(default_factory=dict)


_imported = _Imported()  # per process, like `sys.modules`


def import_custom(name: str, folder: Path, *, code: str | None = None) -> Callable[..., Any]:
    """Import the function that `package.module:function` names, from its current source on disk.

    A default dtype of torch that the module sets when it is imported is set again at every call, so
    that each job computes with it, whichever jobs its process has run before.

    Args:
        name: `package.module:function`.
        folder: the project's `custom/` folder.
        code: the checksum of the source that ids were computed with; any other is rejected.

    Raises:
        CodeError: if there is no such module or function, importing it fails, its source does not
            match `code`, or an installed package has changed since it was imported.
    """
    module_name, _, path = name.partition(":")
    _look_in(folder)
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
        if isinstance(error, ModuleNotFoundError) and error.name:
            words = f"there is no module `{error.name}`, neither in {folder.name}/ nor installed"
        else:
            words = f"importing it failed: {described(error)}"
        raise CodeError(f"{name}: {words}") from error
    with own_code(name, f": looking up `{path}`"):
        for part in path.split("."):
            found = getattr(found, part, None)
    if not callable(found):
        raise CodeError(f"{name}: `{module_name}` has no function `{path}`")
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
    """
    folder, former = folder.absolute(), _imported.folder
    if former not in (None, folder) and str(former) in sys.path:
        sys.path.remove(str(former))
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
    source = _digest((path.as_posix(), path) for path in folder.rglob("*.py"))
    if (folder, source) != (former, _imported.source):
        places = [place for place in (folder, former) if place is not None]
        _unload(lambda _, module: any(_lies_in(module, place) for place in places))
        _imported.folder, _imported.source = folder, source
        importlib.invalidate_caches()


def _unload(chosen: Callable[[str, Any], bool]) -> None:
    """Remove modules from `sys.modules`, selected by name and module, so that they are reloaded."""
    for name, module in list(sys.modules.items()):
        if chosen(name, module):
            del sys.modules[name]


def _lies_in(module: Any, folder: Path) -> bool:
    """Whether a module was loaded from a folder, without triggering a module's `__getattr__`."""
    known = getattr(module, "__dict__", {})
    file = known.get("__file__")
    places = [file] if file else list(known.get("__path__") or [])  # a namespace package: no file
    return any(Path(place).is_relative_to(folder) for place in places)


def _require_current(name: str, folder: Path) -> None:
    """Make sure that the loaded top-level package matches its source on disk.

    Raises:
        CodeError: if an installed package has changed. It is not reloaded, since parts of it may be
            in use elsewhere.
    """
    top = top_module(name)
    spec, loaded = _find(top), sys.modules.get(top)
    files = [] if spec is None else _files(spec)
    if _are_in(files, folder):
        if loaded is not None and not _lies_in(loaded, folder.absolute()):
            _unload(lambda name, _: top_module(name) == top)  # now shadowed by the folder
    elif files:
        checksum = _installed_digest(tuple(_signed(files)))
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
    _look_in(folder)
    top = top_module(name)
    spec = _find(top)
    if spec is None:
        raise CodeError(f"{name}: there is no module `{top}`, in {folder.name}/ or installed")
    files = _files(spec)
    if not files:
        raise CodeError(f"{name}: the source of `{top}` cannot be read")
    return _digest(files) if _are_in(files, folder) else _installed_digest(tuple(_signed(files)))


def top_module(name: str) -> str:
    """The top-level module of `package.module:function`, whose source ids hash."""
    return name.partition(":")[0].partition(".")[0]


def _find(top: str) -> ModuleSpec | None:
    """The spec by which a top-level module would be imported now, whatever is already loaded."""
    found = (finder.find_spec(top, None) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _files(spec: ModuleSpec) -> Files:
    """The source files of a module or package; empty if it has no Python source."""
    if spec.submodule_search_locations:
        bases = [Path(place) for place in spec.submodule_search_locations]
        return [(p.relative_to(base).as_posix(), p) for base in bases for p in base.rglob("*.py")]
    if spec.origin is None or not spec.origin.endswith(".py"):
        return []
    return [(Path(spec.origin).name, Path(spec.origin))]


def _are_in(files: Files, folder: Path) -> bool:
    return any(path.is_relative_to(folder.absolute()) for _, path in files)


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(files):
        digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _signed(files: Files) -> Iterator[tuple[str, Path, int, int]]:
    """Files with modification time and size, which show whether they have to be hashed again."""
    for name, path in files:
        found = path.stat()
        yield name, path, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)
def _installed_digest(signed: tuple[tuple[str, Path, int, int], ...]) -> str:
    """Digest of an installed package; memoised, since it may have hundreds of files."""
    return _digest((name, path) for name, path, *_ in signed)


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
