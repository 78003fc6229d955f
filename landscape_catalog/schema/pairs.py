"""Which pairs of a cell's runs are measured."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, TypeVar

PairChoice = Literal["first", "ring", "all"]

Member = TypeVar("Member")


def n_pairs(n_runs: int, which: PairChoice) -> int:
    """The number of pairs that `chosen_pairs` chooses, without choosing them.

    >>> [n_pairs(4, which) for which in ("first", "ring", "all")], n_pairs(1, "all")
    ([1, 4, 6], 0)
    """
    if which == "all" or n_runs < 3:
        return n_runs * (n_runs - 1) // 2
    return 1 if which == "first" else n_runs


def chosen_pairs(runs: Sequence[Member], which: PairChoice) -> list[tuple[Member, Member]]:
    """Pairs among the runs of a cell: the first two, a ring, or every pair.

    Each pair lists its runs in the order of their seeds, so that `ring` and `all` agree on it.

    >>> chosen_pairs(["a", "b", "c", "d"], "ring")
    [('a', 'b'), ('b', 'c'), ('c', 'd'), ('a', 'd')]
    """
    every = list(itertools.combinations(runs, 2))
    if which == "all" or len(runs) < 3:
        return every
    return every[:1] if which == "first" else [*itertools.pairwise(runs), (runs[0], runs[-1])]
