"""Small JSON files that only estimates and messages depend on: what is unreadable is not there."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from landscape_catalog.regular import read_regular

NOTE = ConfigDict(extra="forbid")  # of dataclasses that are read from notes


def read_note(path: Path, kind: Any) -> Any:
    """The content of a file as a value of a type, or None if there is none or it is not one.

    Args:
        path: of the file.
        kind: a dataclass, or any other type that pydantic can validate.
    """
    try:
        return parse_note(read_regular(path), kind)
    except OSError:
        return None


def parse_note(content: bytes, kind: Any) -> Any:
    """A JSON text as a value of a type, or None if it is not one."""
    try:
        return _adapter(kind).validate_json(content)
    except ValidationError:
        return None


def note_of(content: Any, kind: Any) -> Any:
    """What has been parsed from JSON as a value of a type, or None if it is not one."""
    try:
        return _adapter(kind).validate_python(content)
    except ValidationError:
        return None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
