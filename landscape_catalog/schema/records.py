"""Base classes of stored records: frozen, without unknown keys."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 1
# Records and their parts: frozen, without unknown keys, NaN and infinities stored as strings.
VALUES = ConfigDict(
    frozen=True,
    extra="forbid",
    use_attribute_docstrings=True,
    ser_json_inf_nan="strings",
    defer_build=True,
)


class Record(BaseModel):
    """Base class of stored records."""

    model_config = VALUES
    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this schema."""


class Values(BaseModel):
    """Base class of the parts of a record that are not dataclasses."""

    model_config = VALUES
