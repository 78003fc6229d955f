"""What training and measuring share when a job's worker has died or memory was lacking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

MOST_DEATHS = 3  # of workers during one run or measurement
Item = TypeVar("Item")


def halves(items: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    """Both halves of a job's items; the first one is longer if their number is odd.

    >>> halves("abcde")
    ('abc', 'de')
    """
    half = (len(items) + 1) // 2
    return items[:half], items[half:]


def as_sentence(error: Exception) -> str:
    """What an error says, with the end of a sentence.

    >>> as_sentence(ValueError("too large")), as_sentence(ValueError("out of memory?"))
    ('too large.', 'out of memory?')
    """
    said = str(error)
    return said if said.endswith((".", "?")) else f"{said}."
