"""Diagnosis models as files: JSON, the same bytes for the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from landscape_catalog.diagnosis.model.document import VERSION, DiagnosisModel
from landscape_catalog.errors import DamagedFileError, MissingArtifactError, shown
from landscape_catalog.regular import read_regular
from landscape_catalog.store.files import explained_damage, explained_storage, write_file

REMEDY = "`landscape diagnose fit NAME` makes a new one"


def read_model(path: Path) -> DiagnosisModel:
    """Read a model.

    Raises:
        MissingArtifactError: if there is no such file.
        DamagedFileError: if it does not hold a model of this version.
    """
    try:
        with explained_damage(path):
            content = read_regular(path)
    except FileNotFoundError:
        raise MissingArtifactError(f"{path} does not exist; {REMEDY}") from None
    try:
        found = json.loads(content.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is no diagnosis model: {error}; {REMEDY}") from None
    if not isinstance(found, dict):
        raise DamagedFileError(f"{path} is no diagnosis model; {REMEDY}")
    version = found.get("version")
    if version != VERSION or isinstance(version, bool):
        given = shown(version, longest=40)
        raise DamagedFileError(f"{path}: version: got {given}; allowed: {VERSION}; {REMEDY}")
    try:
        return DiagnosisModel.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}." for part in first["loc"])[:-1] or "the model"
        said = first["msg"].removeprefix("Value error, ")
        raise DamagedFileError(f"{path}: {where}: {said}; {REMEDY}") from None


def write_model(path: Path, model: DiagnosisModel) -> None:
    """Write a model. Raises StorageError if that is not possible."""
    text = json.dumps(
        model.model_dump(mode="json"), sort_keys=True, allow_nan=False, separators=(",", ":")
    )
    with explained_storage(path, every=True):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text.encode() + b"\n")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
