"""Packages whose public names are imported on first access (PEP 562)."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as of `typing`, which takes long to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def lazy_exports(
    package: str, modules: Mapping[str, str | None]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that imports each of its names on first use.

    This keeps torch out of `import landscape_catalog`, and out of the modules of
    `landscape_catalog.tasks` that only declare tasks.

    Args:
        package: its `__name__`.
        modules: for each public name, the module that defines it; None: it is a module itself.
    """

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = modules[name]
        if module is None:
            return import_module(f"{package}.{name}")
        return getattr(import_module(module), name)

    return load, lambda: sorted(modules)
