"""The files of a study, from templates in the package and generated from the code."""

from __future__ import annotations

from importlib import resources

from landscape_catalog.commands.json_schemas import json_schemas

SCHEMA = "experiment.schema.json"

# Template -> path in the study. Templates of dotfiles have no leading dot, so that no tool that
# builds the wheel leaves them out, and none is a dvc.yaml, which DVC would find.
TEMPLATES = {
    "README.md": "README.md",
    "params.yaml": "params.yaml",
    "stages.yaml": "dvc.yaml",
    "gitignore": ".gitignore",
    "gitattributes": ".gitattributes",
    "dvcignore": ".dvcignore",
    "dvc/config": ".dvc/config",
    "dvc/plots/cells.json": ".dvc/plots/cells.json",
    "dvc/plots/logarithmic.json": ".dvc/plots/logarithmic.json",
    "custom/README.md": "custom/README.md",
    "mine/README.md": "mine/README.md",
}


def template(name: str) -> str:
    """The text of a template."""
    folder = resources.files("landscape_catalog.commands") / "templates"
    return folder.joinpath(*name.split("/")).read_text(encoding="utf-8")


def experiment_schema() -> str:
    """The JSON Schema of `params.yaml`."""
    return json_schemas()[SCHEMA]


def study_files() -> dict[str, str]:
    """The text of every file of a new study by path, except those that Git and DVC create."""
    files = {path: template(name) for name, path in TEMPLATES.items()}
    return {**files, f"schemas/{SCHEMA}": experiment_schema()}
