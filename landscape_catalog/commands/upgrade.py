"""`landscape upgrade`: moves a study to the version of the package that is installed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from landscape_catalog.commands.backups import keep_former
from landscape_catalog.commands.study_files import experiment_schema, template
from landscape_catalog.errors import RecipesError, UserError
from landscape_catalog.paths import Project
from landscape_catalog.store.files import write_file
from landscape_catalog.store.lock import project_lock
from landscape_catalog.store.recipes_file import (
    describe_change,
    installed_recipes,
    read_recipes,
)


def upgrade_study(root: Path) -> str:
    """Bring stages, schema and `recipes.json` to the installed version; says what changed.

    `recipes.json` is written last: an upgrade that fails is not taken for one that was done.

    Raises:
        UserError: if the root is no study, or its `dvc.yaml` cannot be understood.
        StorageError: if a file cannot be written.
    """
    project = Project(root)
    if not project.recipes.exists():
        raise UserError(
            "landscape upgrade: there is no recipes.json here, so this is no study that "
            "`landscape init` made; nothing has to be upgraded"
        )
    with project_lock(project.lock):
        said = [*_upgrade_stages(project), *_upgrade_schema(project), *_upgrade_recipes(project)]
    if not said:
        return f"Everything here is of version {installed_recipes().version} already."
    return "\n".join([*said, "`landscape plan` shows what is to be computed, `dvc repro` does it."])


def _upgrade_recipes(project: Project) -> list[str]:
    installed = installed_recipes()
    try:
        written = read_recipes(project.recipes)
    except RecipesError:
        written = None
    change = describe_change(written, installed) if written else "written anew"
    if change:
        write_file(project.recipes, installed.text().encode())
    return [f"recipes.json: {change}"] if change else []


def _upgrade_schema(project: Project) -> list[str]:
    path, content = project.experiment_schema, experiment_schema().encode()
    if path.is_file() and path.read_bytes() == content:
        return []
    write_file(path, content)
    return [f"{project.shown(path)}: rewritten"]


def _upgrade_stages(project: Project) -> list[str]:
    """Replace the stages in `dvc.yaml` that differ from the template; a user's own ones stay."""
    path, text = project.stages, template("dvc.yaml")
    if not path.exists():
        write_file(path, text.encode())
        return ["dvc.yaml: written"]
    document, ours = _load(path.read_text(encoding="utf-8")), _load(text)["stages"]
    stages = document.get("stages") if isinstance(document, dict) else None
    if not isinstance(stages, dict):
        raise UserError(
            "dvc.yaml: got something that is not a mapping with `stages`; mend it first"
        )
    changed = [name for name, stage in ours.items() if stages.get(name) != stage]
    if not changed:
        return []
    stages.update({name: ours[name] for name in changed})
    former = keep_former(path)
    write_file(path, _dump(document).encode())
    return [f"dvc.yaml: rewrote {', '.join(changed)}; the former file is kept as {former.name}"]


def _yaml() -> YAML:
    """Reads and writes YAML with its comments and its layout."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 10**6
    return yaml


def _load(text: str) -> Any:
    try:
        return _yaml().load(text)
    except YAMLError as error:
        raise UserError(f"dvc.yaml: {' '.join(str(error).split())}") from None


def _dump(document: Any) -> str:
    stream = io.StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()
