"""The source files of custom code: how they are found, and the checksum that ids contain."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from landscape_catalog.errors import CodeError
from landscape_catalog.regular import require_regular
from landscape_catalog.store.files import source_digest

Files = list[tuple[str, Path]]  # source files of a package: the name that is hashed, and the path


def top_module(name: str) -> str:
    """The top-level module of `package.module:function`, whose source ids hash."""
    return name.partition(":")[0].partition(".")[0]


def find_module(top: str) -> ModuleSpec | None:
    """The spec by which a top-level module would be imported now, whatever is already loaded."""
    found = (finder.find_spec(top, None) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def python_files(folder: Path) -> Iterator[Path]:
    """The Python files below a folder; links that lead nowhere, such as editors' locks, are none.

    Raises:
        CodeError: naming what has the name of a Python file and is no regular file: reading a named
            pipe would wait for ever.
    """
    for path in folder.rglob("*.py"):
        try:
            require_regular(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            shown = path.relative_to(folder.parent)
            raise CodeError(f"{shown}: {error.strerror}; rename or remove it") from error
        yield path


def source_files(spec: ModuleSpec) -> Files:
    """The source files of a module or package; empty if it has no Python source."""
    if spec.submodule_search_locations:
        bases = [Path(place) for place in spec.submodule_search_locations]
        found = [(base, path) for base in bases for path in python_files(base)]
        return [(path.relative_to(base).as_posix(), path) for base, path in found]
    if spec.origin is None or not spec.origin.endswith(".py"):
        return []
    return [(Path(spec.origin).name, Path(spec.origin))]


def is_from(spec: ModuleSpec, folder: Path) -> bool:
    """Whether a module is found in a folder and nowhere else."""
    places = list(spec.submodule_search_locations or []) or [spec.origin or ""]
    return all(Path(place).is_relative_to(folder.absolute()) for place in places)


def lies_in(module: Any, folder: Path) -> bool:
    """Whether a module was loaded from a folder, without triggering a module's `__getattr__`."""
    known = getattr(module, "__dict__", {})
    file = known.get("__file__")
    places = [file] if file else list(known.get("__path__") or [])  # a namespace package: no file
    # Asked of thousands of modules: almost none has the folder's name in its path.
    near = [place for place in places if folder.name in str(place)]
    return any(Path(place).is_relative_to(folder) for place in near)


def installed_digest(files: Files) -> str:
    """The digest of an installed package; memoised, since it may have hundreds of files."""
    return _known_digest(tuple(_signed(files)))


def _signed(files: Files) -> Iterator[tuple[str, Path, int, int]]:
    """Files with modification time and size, which show whether they have to be hashed again."""
    for name, path in files:
        found = path.stat()
        yield name, path, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)
def _known_digest(signed: tuple[tuple[str, Path, int, int], ...]) -> str:
    return source_digest((name, path) for name, path, *_ in signed)
