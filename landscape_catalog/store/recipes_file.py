"""`recipes.json`: the package version and the recipes that a study is computed with.

A study depends on the installed package, not on its source, so DVC cannot see when the code
changes. This file stands in for the code: it is committed, every stage depends on it, and a stage
that finds a different version installed stops instead of mixing results.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from landscape_catalog.errors import RecipesError
from landscape_catalog.metrics.registry import every_recipe
from landscape_catalog.paths import Project
from landscape_catalog.regular import read_regular
from landscape_catalog.store.stages_file import read_stages

PACKAGE = "landscape_catalog"


@dataclass(frozen=True)
class Recipes:
    """The content of `recipes.json`."""

    version: str
    """Version of landscape_catalog."""
    recipes: dict[str, int]
    """Number of each recipe; see `landscape_catalog.metrics.registry.every_recipe`."""

    def text(self) -> str:
        """The text of the file: JSON with sorted keys, one line per recipe."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def installed_recipes() -> Recipes:
    """The version and the recipes of the installed package."""
    return Recipes(version(PACKAGE), every_recipe())


def read_recipes(path: Path) -> Recipes | None:
    """The recipes that a study is computed with; None if there is no such file.

    Raises:
        RecipesError: if the file is not valid.
    """
    try:
        content = json.loads(read_regular(path).decode())
        recipes = {str(name): int(number) for name, number in content["recipes"].items()}
        return Recipes(str(content["version"]), recipes)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RecipesError(
            f"{path.name} cannot be read ({type(error).__name__}: {error}): "
            f"`landscape upgrade` rewrites it for the installed version"
        ) from error


def describe_change(former: Recipes, new: Recipes) -> str:
    """The differences between two versions in one line; empty if there are none.

    >>> describe_change(Recipes("1.0", {"a": 1, "b": 1}), Recipes("1.1", {"a": 2, "c": 1}))
    'version 1.0 -> 1.1, recipe a 1 -> 2, recipe b is removed, recipe c is new'
    """
    parts = []
    if former.version != new.version:
        parts.append(f"version {former.version} -> {new.version}")
    for name in sorted(former.recipes.keys() | new.recipes.keys()):
        old, current = former.recipes.get(name), new.recipes.get(name)
        if old is None:
            parts.append(f"recipe {name} is new")
        elif current is None:
            parts.append(f"recipe {name} is removed")
        elif old != current:
            parts.append(f"recipe {name} {old} -> {current}")
    return ", ".join(parts)


def is_study(project: Project) -> bool:
    """Whether a project is a study: it has a `recipes.json`, or its stages depend on one."""
    if project.recipes.exists():
        return True
    recipes = project.recipes.absolute()
    return any(recipes in stage.dependencies for stage in read_stages(project.stages))


def check_recipes(project: Project) -> None:
    """Refuse to compute with a version other than the one named in a study's `recipes.json`.

    A project that is not a study lists the code among its DVC dependencies and is not checked.

    Raises:
        RecipesError: if the version or a recipe differs, or the file is missing or unreadable.
    """
    path = project.recipes
    written = read_recipes(path)
    if written is None:
        if is_study(project):
            raise RecipesError(
                f"{path.name} is missing, on which the stages in {project.stages.name} depend: "
                f"restore it (`git restore {path.name}`), or let `landscape upgrade` write it for "
                f"the installed version"
            )
        return
    change = describe_change(written, installed_recipes())
    if change:
        raise RecipesError(
            f"{path.name} and the installed {PACKAGE} differ: {change}. "
            f"`landscape upgrade` moves this study to the installed version, and `dvc repro` then "
            f"recomputes only what differs; alternatively, install {PACKAGE} {written.version}"
        )
