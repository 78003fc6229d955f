"""`landscape upgrade`: upgrades a study to the installed version of the package."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from landscape_catalog.commands.backups import back_up
from landscape_catalog.commands.ignored_files import upgraded_ignores
from landscape_catalog.commands.study_files import TEMPLATES, experiment_schema, template
from landscape_catalog.errors import RecipesError, UserError
from landscape_catalog.experiment.yaml_text import InvalidTextError, parse_yaml
from landscape_catalog.paths import Project
from landscape_catalog.regular import read_regular
from landscape_catalog.store.files import write_file
from landscape_catalog.store.lock import project_lock
from landscape_catalog.store.recipes_file import (
    describe_change,
    installed_recipes,
    is_study,
    read_recipes,
)

# Files that the first studies did not have.
ADDED = ("gitattributes", "dvc/plots/cells.json", "dvc/plots/logarithmic.json")


def upgrade_study(root: Path) -> str:
    """Upgrade stages, schema and `recipes.json` to the installed version.

    `recipes.json` is written last, so that a failed upgrade is not mistaken for a finished one.

    Returns:
        A message that says what changed.

    Raises:
        UserError: if the root is not a study, or its `dvc.yaml` is not valid.
        StorageError: if a file cannot be written.
    """
    project = Project(root)
    if not is_study(project):
        raise UserError(
            "landscape upgrade: there is no recipes.json here, so this is not a study created by "
            "`landscape init`, and there is nothing to upgrade"
        )
    with project_lock(project.lock):
        changes = [
            *_upgrade_stages(project),
            *_upgrade_schema(project),
            *_add_missing(project),
            *_upgrade_ignored(project),
            *_upgrade_recipes(project),
        ]
    if not changes:
        return f"This study is already at version {installed_recipes().version}."
    changes += _new_defaults(project)
    hint = "`landscape plan` shows what has to be computed, `dvc repro` computes it."
    return "\n".join([*changes, hint])


def _upgrade_recipes(project: Project) -> list[str]:
    installed = installed_recipes()
    try:
        written = read_recipes(project.recipes)
        change = describe_change(written, installed) if written else "written"
    except RecipesError:
        change = "rewritten"
    if change:
        write_file(project.recipes, installed.text().encode())
    return [f"recipes.json: {change}"] if change else []


def _new_defaults(project: Project) -> list[str]:
    """What to write in `params.yaml` for the numbers that earlier versions gave by default."""
    try:
        measure = parse_yaml(read_regular(project.params).decode())["measure"]
        chosen = "batch_norm" in measure
    except (OSError, UnicodeDecodeError, InvalidTextError, TypeError, KeyError):
        return []  # the next stage says what is wrong with it
    if chosen:
        return []
    return [
        "params.yaml: measure.batch_norm is not set, and its default `recomputed` measures loss, "
        "Hessian and CKA anew; `authors` keeps what earlier versions measured"
    ]


def _upgrade_schema(project: Project) -> list[str]:
    path, content = project.experiment_schema, experiment_schema().encode()
    if path.is_file() and path.read_bytes() == content:
        return []
    write_file(path, content)
    return [f"{project.shown(path)}: rewritten"]


def _add_missing(project: Project) -> list[str]:
    """Write what earlier versions did not have, where it is missing; the user's own files stay."""
    changes = []
    for name in ADDED:
        path = project.root / TEMPLATES[name]
        if not path.exists():
            write_file(path, template(name).encode())
            changes.append(f"{TEMPLATES[name]}: written")
    return changes


def _upgrade_ignored(project: Project) -> list[str]:
    """Rewrite the lines of `.gitignore` that earlier versions wrote; all others stay."""
    path = project.root / ".gitignore"
    try:
        before = read_regular(path).decode()
    except (OSError, UnicodeDecodeError):
        return []
    text, changes = upgraded_ignores(before)
    if text != before:
        write_file(path, text.encode())
    return [f".gitignore: {change}" for change in changes]


def _upgrade_stages(project: Project) -> list[str]:
    """Replace the stages in `dvc.yaml` that differ from the template; the user's own ones stay.

    So do dependencies that the user has added to a stage, if they exist.
    """
    path, text = project.stages, template("stages.yaml")
    if not path.exists():
        write_file(path, text.encode())
        return ["dvc.yaml: written"]
    document, ours = _load(_text(path)), _load(text)["stages"]
    stages = document.get("stages") if isinstance(document, dict) else None
    if not isinstance(stages, dict):
        raise UserError("dvc.yaml: it is not a mapping with `stages`; correct it first")
    for name, stage in ours.items():
        _keep_added(project, stages.get(name), stage)
    changed = [name for name, stage in ours.items() if stages.get(name) != stage]
    if not changed:
        return []
    stages.update({name: ours[name] for name in changed})
    backup = back_up(path)
    write_file(path, _dump(document).encode())
    return [f"dvc.yaml: rewrote {', '.join(changed)}; the previous file is kept as {backup.name}"]


def _keep_added(project: Project, former: Any, stage: Any) -> None:
    """Add to a stage of the template the existing dependencies that only the former one has."""
    given = former.get("deps") if isinstance(former, dict) else None
    known = stage["deps"]
    for dependency in given if isinstance(given, list) else []:
        is_path = isinstance(dependency, str) and (project.root / dependency).exists()
        if is_path and dependency not in known:
            known.append(dependency)


def _text(path: Path) -> str:
    try:
        return read_regular(path).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not UTF-8 text (byte {error.start + 1})") from error
    except OSError as error:
        raise UserError(f"{path.name} cannot be read: {error.strerror or error}") from error


def _load(text: str) -> Any:
    try:
        return YAML().load(text)
    except YAMLError as error:
        raise UserError(f"dvc.yaml: {' '.join(str(error).split())}") from None


def _dump(document: Any) -> str:
    """The text with its comments, in the form that DVC also writes."""
    stream = io.StringIO()
    YAML().dump(document, stream)
    return stream.getvalue()
