"""Ids derived from content: the SHA-256 of canonical JSON.

Ids must never change: finished runs in users' stores are found by them. A golden test pins them.
Fields of the first version are always hashed; a later field is left out at the value under which
older results were made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

ID_LENGTH = 16

# A component's recipe is raised when a code change alters its numbers, so that only what depends
# on it is recomputed. A golden test fails if numbers change and the recipe does not. The recipe of
# a metric is in its `spec.py`.
RECIPES: dict[str, int] = {
    "data": 1,
    "model": 1,
    "task": 1,
    "train": 1,
    "batch_norm": 1,  # recomputing statistics for what is measured on a run
    "phases": 1,
}
GROUPED_RECIPES = {"train": 2}
"""Recipes of what is computed side by side with others (`training.grouping`)."""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and shortest floats: equal values give equal text.

    Raises ValueError for NaN and infinities, TypeError for values that JSON cannot represent.

    >>> canonical_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def checksum(value: Any) -> str:
    """SHA-256 of the canonical JSON of `value`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def recipes(*names: str, grouped: bool = False) -> dict[str, int]:
    """The current numbers of the named `RECIPES`, or of the grouped ones where there are any."""
    numbers = RECIPES | GROUPED_RECIPES if grouped else RECIPES
    return {name: numbers[name] for name in names}


def identify(kind: str, content: Any, recipes: Mapping[str, int]) -> str:
    """The id of an object: a hash of its kind, its content, and the recipes that produce it.

    Returns:
        The first 16 hexadecimal digits of the SHA-256: 64 bits, so that among a million ids the
        probability of a collision is below 1e-7.
    """
    parts = {"kind": kind, "content": content, "recipes": dict(recipes)}
    return checksum(parts)[:ID_LENGTH]


def derive_seed(*parts: Any) -> int:
    """A 63-bit seed from any values that canonical JSON can represent; one stream per purpose.

    >>> derive_seed("data", "curve", 0) == derive_seed("data", "curve", 0)
    True
    """
    return int(checksum(list(parts))[:16], 16) >> 1
