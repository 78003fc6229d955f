"""The files of a study: from templates that are part of the package, and from the code."""

from __future__ import annotations

from importlib import resources

from landscape_catalog.commands.json_schemas import json_schemas

SCHEMA = "experiment.schema.json"

# Where each template goes. Templates of hidden files have names that are not hidden, so that no
# tool that packs the wheel leaves them out.
TEMPLATES = {
    "README.md": "README.md",
    "params.yaml": "params.yaml",
    "dvc.yaml": "dvc.yaml",
    "gitignore": ".gitignore",
    "dvcignore": ".dvcignore",
    "dvc/config": ".dvc/config",
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
    """Path and text of every file of a new study, without what Git and DVC make themselves."""
    files = {path: template(name) for name, path in TEMPLATES.items()}
    return {**files, f"schemas/{SCHEMA}": experiment_schema()}
