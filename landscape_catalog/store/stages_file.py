"""Reads `dvc.yaml`: what the stages run, and which files they depend on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape_catalog.experiment.yaml_text import InvalidTextError, parse_yaml
from landscape_catalog.regular import read_regular


@dataclass(frozen=True)
class Stage:
    """A stage of the pipeline.

    Attributes:
        commands: what it runs.
        dependencies: absolute paths of the files and folders that it depends on.
    """

    commands: tuple[str, ...]
    dependencies: tuple[Path, ...]


def read_stages(path: Path) -> list[Stage]:
    """The stages of a `dvc.yaml`; none if the file does not exist or is not valid."""
    try:
        content = parse_yaml(read_regular(path).decode())
        folder = path.parent.absolute()
        return [_stage(stage.get("do", stage), folder) for stage in content["stages"].values()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, InvalidTextError):
        return []


def _stage(found: dict[str, Any], folder: Path) -> Stage:
    folder = folder / found.get("wdir", "")
    given = found.get("cmd", ())
    commands = [given] if isinstance(given, str) else given
    names = [str(name) for name in found.get("deps", ())]
    return Stage(
        tuple(map(str, commands)),
        tuple(Path(os.path.normpath(folder / name)) for name in names),
    )
