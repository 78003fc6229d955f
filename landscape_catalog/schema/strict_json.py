"""JSON as the standard defines it: NaN and infinities are no numbers in it."""

from __future__ import annotations

import json
from typing import Any


def strict_json(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """A value as JSON text.

    Raises:
        ValueError: if it holds a NaN or an infinity, which other readers would not accept.
        TypeError: if JSON cannot represent it.
    """
    return json.dumps(value, indent=indent, sort_keys=sort_keys, allow_nan=False)
