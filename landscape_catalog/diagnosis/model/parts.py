"""The base class of the parts of a stored model."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from landscape_catalog.schema.records import VALUES, Values

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Part(Values):
    """Base class of the parts of a model: every number is finite, null where it is unknown."""

    model_config = ConfigDict(**{**VALUES, "defer_build": False})
