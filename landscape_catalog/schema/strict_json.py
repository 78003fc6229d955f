"""JSON as the standard defines it, in which NaN and infinities are no numbers."""

from __future__ import annotations

import json
import math
from typing import Any


def strict_json(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """A value as JSON text; NaN and infinities become null.

    >>> strict_json({"loss": [math.nan, 0.5]})
    '{"loss": [null, 0.5]}'
    """
    return json.dumps(_finite(value), indent=indent, sort_keys=sort_keys, allow_nan=False)


def readable_json(value: Any, *, sort_keys: bool = False) -> str:
    r"""The same with characters as they are, as text to be searched.

    Halves of surrogate pairs, such as those of file names that are not UTF-8, stay escaped.

    >>> readable_json(["exp-ä", "\udcff"])
    '["exp-ä", "\\udcff"]'
    """
    text = json.dumps(_finite(value), sort_keys=sort_keys, allow_nan=False, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return value
