"""Ids derived from content: the SHA-256 of canonical JSON.

Ids must never change: finished runs in users' stores are found by them. A golden test pins them.
Fields of the first version are always hashed; a later field is left out at the value under which
older results were made.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ID_LENGTH = 16
_IDS_AT_ONCE = 100_000  # as text

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
    "auto_thresholds": 2,  # how thresholds are found from a grid
}
GROUPED_RECIPES = {"train": 2}
"""Recipes of what is computed side by side with others (`training.grouping`)."""


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and shortest floats: equal values give equal text.

    Raises ValueError for NaN and infinities, TypeError for values that JSON cannot represent.

    >>> canonical_json({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1.0}'
    """
    return _CANONICAL.encode(value)


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


@dataclass(frozen=True)
class Identifier:
    """Ids of many objects whose contents differ in one entry: what they share is written once.

    Attributes:
        start: the canonical JSON that is hashed, up to the value of the entry.
        end: the rest of it.
    """

    start: bytes
    end: bytes

    @classmethod
    def of(
        cls, kind: str, shared: Mapping[str, Any], entry: str, recipes: Mapping[str, int]
    ) -> Identifier:
        """The identifier whose ids are those of `identify` for the content with the entry.

        Args:
            kind: of the objects.
            shared: their content without the entry.
            entry: its key.
            recipes: as for `identify`.

        >>> seeds = Identifier.of("run", {"width": 2}, "seed", {"train": 1})
        >>> seeds(7) == identify("run", {"width": 2, "seed": 7}, {"train": 1})
        True
        """
        values = {key: canonical_json(value) for key, value in shared.items()} | {entry: "\n"}
        content = ",".join(f"{canonical_json(key)}:{values[key]}" for key in sorted(values))
        of_kind, numbers = canonical_json(kind), canonical_json(dict(recipes))
        parts = f'{{"content":{{{content}}},"kind":{of_kind},"recipes":{numbers}}}'
        start, end = parts.split("\n")  # the only line break: canonical JSON has none
        return cls(start.encode(), end.encode())

    def __call__(self, value: Any) -> str:
        """The id of the object with this value of the entry."""
        return self.of_json([canonical_json(value)])[0]

    def of_json(self, values: Iterable[str]) -> list[str]:
        """The ids of objects with values that are given as canonical JSON."""
        start, end, sha256 = self.start, self.end, hashlib.sha256
        return [sha256(start + one.encode() + end).hexdigest()[:ID_LENGTH] for one in values]


class Ids:
    """A growing collection of ids in eight bytes each, since an experiment may have millions."""

    def __init__(self) -> None:
        self._numbers = array("Q")

    def add(self, ids: Iterable[str]) -> None:
        """Add ids, each as often as it is given."""
        self._numbers.extend(int(one, 16) for one in ids)

    def identify(self, kind: str) -> str:
        """The id of an object whose content is the sorted list of these ids.

        >>> ids = Ids()
        >>> ids.add(["b" * 16, "0" * 16])
        >>> ids.identify("experiment") == identify("experiment", ["0" * 16, "b" * 16], {})
        True
        """
        import numpy as np  # which planning can do without

        start, end = canonical_json({"kind": kind, "content": [], "recipes": {}}).split("]")
        digest = hashlib.sha256(start.encode())
        ordered = np.sort(np.frombuffer(self._numbers, dtype=np.uint64))
        for first in range(0, len(ordered), _IDS_AT_ONCE):
            some = ordered[first : first + _IDS_AT_ONCE].tolist()
            text = ",".join(f'"{number:0{ID_LENGTH}x}"' for number in some)
            digest.update(f"{',' if first else ''}{text}".encode())
        digest.update(f"]{end}".encode())
        return digest.hexdigest()[:ID_LENGTH]


def derive_seed(*parts: Any) -> int:
    """A 63-bit seed from any values that canonical JSON can represent; one stream per purpose.

    >>> derive_seed("data", "curve", 0) == derive_seed("data", "curve", 0)
    True
    """
    return int(checksum(list(parts))[:16], 16) >> 1
