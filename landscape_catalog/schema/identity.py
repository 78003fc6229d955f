"""Names of things: the SHA-256 of canonical JSON of what they are.

Ids may never drift: a run in somebody's store is found by its id. A golden test pins them. Fields
of the first version are always hashed; a field that comes later is left out at the value under
which older results were made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

ID_LENGTH = 16

# Raised when a change of code alters the numbers of a component, so that only what depends on it
# is computed again. A golden test fails where numbers move and the recipe does not.
# Those of a metric stand in its `spec.py`.
RECIPES: dict[str, int] = {
    "data": 1,
    "model": 1,
    "task": 1,
    "train": 1,
    "phases": 1,
}


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces, shortest floats; one text for one value.

    Raises ValueError for NaN and infinities, TypeError for what JSON cannot say.

    >>> canonical_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def checksum(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def recipes(*names: str) -> dict[str, int]:
    """The numbers of some recipes of `RECIPES`, by name."""
    return {name: RECIPES[name] for name in names}


def identify(kind: str, content: Any, recipes: Mapping[str, int]) -> str:
    """Id of a thing: its kind, what it is, and the recipes that it is made by.

    Returns:
        The first 16 hexadecimal digits of the SHA-256: 64 bits, so that among a million ids the
        chance of any two being equal is below 1e-7.
    """
    parts = {"kind": kind, "content": content, "recipes": dict(recipes)}
    return checksum(parts)[:ID_LENGTH]


def derive_seed(*parts: Any) -> int:
    """A 63-bit seed from anything that canonical JSON can say: one purpose, one stream.

    >>> derive_seed("data", "curve", 0) == derive_seed("data", "curve", 0)
    True
    """
    return int(checksum(list(parts))[:16], 16) >> 1
