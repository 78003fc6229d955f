"""A cache for values that the jobs of one worker share, such as data and networks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class CacheKind(Generic[Value]):
    """One kind of cached value.

    Attributes:
        name: identifies the kind.
        most: maximum number of values kept; beyond it, the least recently used is evicted.
    """

    name: str
    most: int


class WorkerCache:
    """An LRU cache per kind of value, which lives as long as its worker.

    Results must not depend on what is cached.

    >>> squares: CacheKind[int] = CacheKind("squares", most=2)
    >>> cache = WorkerCache()
    >>> [cache.get(squares, n, lambda: n * n) for n in (3, 4, 3, 5)]
    [9, 16, 9, 25]
    >>> cache.peek(squares, 4) is None, cache.peek(squares, 3)
    (True, 9)
    """

    def __init__(self) -> None:
        self._kinds: dict[str, OrderedDict[Hashable, Any]] = {}

    def get(self, kind: CacheKind[Value], key: Hashable, make: Callable[[], Value]) -> Value:
        """The value under a key, created by `make` if it is not cached."""
        found = self.peek(kind, key)
        if found is None:
            found = make()
            self.put(kind, key, found)
        return found

    def peek(self, kind: CacheKind[Value], key: Hashable) -> Value | None:
        """The value under a key, or None if it is not cached."""
        values = self._kinds.get(kind.name, OrderedDict())
        if key in values:
            values.move_to_end(key)
        found: Value | None = values.get(key)
        return found

    def put(self, kind: CacheKind[Value], key: Hashable, value: Value) -> None:
        """Cache a value, evicting the least recently used ones if there are too many."""
        values = self._kinds.setdefault(kind.name, OrderedDict())
        values[key] = value
        values.move_to_end(key)
        while len(values) > kind.most:
            values.popitem(last=False)
