"""What the project itself allows: the table `tool.landscape` of its `pyproject.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landscape_catalog.errors import UserError
from landscape_catalog.regular import read_regular

TABLE = "[tool.landscape]"


class ProjectSettings(BaseModel):
    """The table `tool.landscape`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    packages: list[str] = Field([], description="a list of names of installed modules")
    """Installed modules, by top-level name, whose functions `params.yaml` may name."""
    schedulers: list[str] = Field([], description="a list of addresses")
    """Addresses of Dask schedulers on other machines that `params.yaml` may name."""


def read_settings(path: Path) -> ProjectSettings:
    """The settings in a `pyproject.toml`; the defaults if there is none or it has no such table.

    Raises:
        UserError: if the file is not valid TOML, or the table holds anything else.
    """
    try:
        content: Any = tomllib.loads(read_regular(path).decode())
    except FileNotFoundError:
        return ProjectSettings()
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path.name} cannot be read: {error}") from error
    tools = content.get("tool", {})
    table = tools.get("landscape", {}) if isinstance(tools, dict) else {}
    try:
        settings = ProjectSettings.model_validate(table)
    except ValidationError as error:
        wrong = ", ".join(str(detail["loc"][0]) for detail in error.errors()[:1] if detail["loc"])
        raise _refusal(path, wrong) from None
    if not all(name.isidentifier() for name in settings.packages):
        raise _refusal(path, "packages")
    return settings


def _refusal(path: Path, wrong: str) -> UserError:
    fields = ProjectSettings.model_fields.items()
    allowed = "; ".join(f"{name}, {field.description}" for name, field in fields)
    given = f"an invalid `{wrong}`" if wrong else "no table"
    return UserError(f"{path.name}: {TABLE}: got {given}; allowed: {allowed}")
