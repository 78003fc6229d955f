"""The bases of everything that is stored: frozen, closed to unknown keys."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Final = 1
# Parts of a record: frozen, closed to unknown keys, NaN and infinities as strings.
VALUES = ConfigDict(
    frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings"
)


class Record(BaseModel):
    """Base of stored records."""

    model_config = VALUES
    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this schema."""


class Values(BaseModel):
    """Base of the parts of a record that are no dataclasses."""

    model_config = VALUES
