"""Warns of custom code that no id depends on: modules that a custom function's module imports."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

from landscape_catalog.pipeline.shared.custom_source import top_module
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.schema.fields import is_custom

log = logging.getLogger(__name__)


def warn_of_unhashed_imports(workspace: Workspace) -> None:
    """Log a warning for each module of `custom/` that code in use imports without being hashed.

    An id hashes the source of a custom function's top-level module or package only, so a change to
    another module leaves results in place that the new code would not give.
    """
    experiment, custom = workspace.experiment, workspace.project.custom
    names = {metric.function for metric in experiment.measure.custom}
    for cell in workspace.grid.cells:
        landscape = cell.landscape
        used = (landscape.data.dataset.name, landscape.model.name, landscape.task.name)
        names |= {name for name in used if is_custom(name)}
    for top in sorted(set(map(top_module, names))):
        for other in sorted(set(_imports(top, custom))):
            log.warning(
                "custom/%s imports `%s`, which is part of no id: if it changes, results are not "
                "computed again. Put the two into one package, custom/NAME/, to have both hashed.",
                top,
                other,
            )


def _imports(top: str, folder: Path) -> Iterator[str]:
    """Other top-level modules of the folder that a module, or any file of a package, imports."""
    single = folder / f"{top}.py"
    for path in [single] if single.exists() else (folder / top).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found = [node.module or ""]
            for name in (name.partition(".")[0] for name in found):
                if name != top and ((folder / name).is_dir() or (folder / f"{name}.py").exists()):
                    yield name
