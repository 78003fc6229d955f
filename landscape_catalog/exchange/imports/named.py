"""Names in messages: the first few, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.errors import shown

MOST_NAMED = 3


def first_few(names: Sequence[str]) -> str:
    """The first names, and how many more there are.

    >>> first_few(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(map(shown, names[:MOST_NAMED])) + more
