"""List scheduling on several workers, longest job first, and groups that are cut to fit it."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

# The makespans that are tried: no part of a group takes longer than a limit, which falls by this
# factor from the longest group to a small part of the mean load of a worker.
LIMIT_FACTOR, SMALLEST_PART = 0.85, 0.1
# A cut must lower the makespan by this share, since every cut adds work.
WORTHWHILE = 0.005
LARGEST_CHANGES, CANDIDATES = 20, 12


def makespan(seconds: Iterable[float], workers: int, busy: Sequence[float] = ()) -> float:
    """When the last worker is done, if a free worker always takes the longest job left.

    Args:
        seconds: of the jobs.
        workers: number of workers.
        busy: seconds for which workers are still busy with other jobs.

    >>> makespan([3, 3, 2, 2, 2], 2), makespan([1], 2, busy=[5, 4])
    (7.0, 5.0)
    """
    jobs = sorted(seconds, reverse=True)
    free = min(workers - len(busy), len(jobs))  # more have nothing to do
    ends = sorted([*busy, *[0.0] * max(free, 0)]) or [0.0]
    for job in jobs:
        heapq.heapreplace(ends, ends[0] + job)
    return float(max(ends))


@dataclass(frozen=True)
class Pool:
    """Items that cost the same and may share groups.

    Attributes:
        n: how many there are.
        seconds: predicted seconds of a group of so many of them.
        fits: whether a group of so many fits into memory; one item is never cut further.
    """

    n: int
    seconds: Callable[[int], float]
    fits: Callable[[int], bool] = lambda size: True


def cut_groups(
    items: Iterable[Item],
    *,
    key: Callable[[Item], Hashable | None],
    seconds: Callable[[Sequence[Item]], float],
    workers: int,
    largest: int,
    fits: Callable[[Sequence[Item]], bool] = lambda group: True,
    beside: Sequence[float] = (),
) -> list[tuple[Item, ...]]:
    """Assign items to groups so that all of them are done as early as possible; see `cut_sizes`.

    Args:
        items: what to compute.
        key: items of equal key may share a group, and cost the same; None: the item stays alone.
        seconds: predicted seconds of a group.
        workers: number of workers.
        largest: maximum number of items in a group.
        fits: whether a group fits into memory.
        beside: predicted seconds of other jobs that the same workers do.

    Returns:
        The groups, the longest first. Each item is in one of them, in the given order.
    """
    found: list[tuple[Item, ...]] = []
    sharing: dict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        shared = key(item)
        if shared is None:
            found.append((item,))
        else:
            sharing[shared].append(item)
    pools = [
        Pool(
            len(some),
            lambda size, some=some: seconds(some[:size]),  # type: ignore[misc]
            lambda size, some=some: fits(some[:size]),  # type: ignore[misc]
        )
        for some in sharing.values()
    ]
    alone = list(map(seconds, found))
    cut = cut_sizes(pools, workers=workers, largest=largest, alone=alone, beside=beside)
    for some, sizes in zip(sharing.values(), cut):
        rest = iter(some)
        found += [tuple(itertools.islice(rest, size)) for size in sizes]
    return sorted(found, key=lambda group: -seconds(group))


def cut_sizes(
    pools: Sequence[Pool],
    *,
    workers: int,
    largest: int,
    alone: Sequence[float] = (),
    beside: Sequence[float] = (),
) -> list[list[int]]:
    """Cut pools into groups so that all of them are done as early as possible.

    A whole group costs less than its two halves, but two workers finish the halves earlier. The
    makespan is that of `makespan`, which is how jobs are handed out.

    Args:
        pools: what to compute in groups.
        workers: number of workers.
        largest: maximum number of items in a group.
        alone: predicted seconds of single items that share no group.
        beside: predicted seconds of other jobs that the same workers do.

    Returns:
        For each pool, the sizes of its groups, the larger ones first.
    """
    return [
        _sizes(pool.n, parts)
        for pool, parts in zip(pools, _Cutting(pools, workers, largest, alone, beside).best())
    ]


class _Cutting:
    """The search for the number of parts of each pool."""

    def __init__(
        self,
        pools: Sequence[Pool],
        workers: int,
        largest: int,
        alone: Sequence[float],
        beside: Sequence[float],
    ) -> None:
        self._pools, self._workers = pools, workers
        self._alone, self._beside = alone, [*beside, *alone]
        self._known: dict[tuple[int, int], float] = {}
        self._fewest = [self._fewest_parts(pool, largest) for pool in pools]

    def best(self) -> list[int]:
        """The numbers of parts of the smallest makespan that is found."""
        parts, time = self._fewest, self._time(self._fewest)
        if self._longest_cuttable() <= WORTHWHILE * time:  # they end within this of each other
            return parts
        for limit in self._limits():
            others = [self._parts_below(index, limit) for index in range(len(self._pools))]
            if (other := self._time(others)) < time * (1 - WORTHWHILE):
                parts, time = others, other
        for _ in range(LARGEST_CHANGES):
            found = min(
                ((self._time(others), others) for others in self._neighbours(parts)),
                default=(math.inf, parts),
                key=lambda pair: pair[0],
            )
            if found[0] >= time * (1 - WORTHWHILE):
                break
            time, parts = found
        return parts

    def _longest_cuttable(self) -> float:
        """The longest part that has several items, 0 if there is none."""
        return max(
            (
                self._longest_part(index, count)
                for index, count in enumerate(self._fewest)
                if self._pools[index].n > count
            ),
            default=0.0,
        )

    def _fewest_parts(self, pool: Pool, largest: int) -> int:
        parts = math.ceil(pool.n / largest)
        while parts < pool.n and not pool.fits(math.ceil(pool.n / parts)):
            parts += 1
        return parts

    def _part_seconds(self, index: int, size: int) -> float:
        if (index, size) not in self._known:
            self._known[index, size] = self._pools[index].seconds(size)
        return self._known[index, size]

    def _longest_part(self, index: int, parts: int) -> float:
        return self._part_seconds(index, math.ceil(self._pools[index].n / parts))

    def _time(self, parts: Sequence[int]) -> float:
        found = list(self._beside)
        for index, count in enumerate(parts):
            size, more = divmod(self._pools[index].n, count)
            found += [self._part_seconds(index, size)] * (count - more)
            if more:
                found += [self._part_seconds(index, size + 1)] * more
        return makespan(found, self._workers)

    def _limits(self) -> list[float]:
        whole = [self._longest_part(index, parts) for index, parts in enumerate(self._fewest)]
        if not whole:
            return []
        limit, limits = max([*whole, *self._alone]) * LIMIT_FACTOR, []
        while limit > SMALLEST_PART * (sum(whole) + sum(self._beside)) / self._workers:
            limits.append(limit)
            limit *= LIMIT_FACTOR
        return limits

    def _parts_below(self, index: int, limit: float) -> int:
        """The smallest number of parts that take no longer than a limit, or than a single item."""
        parts = self._fewest[index]
        limit = max(limit, self._part_seconds(index, 1))
        while self._longest_part(index, parts) > limit:
            parts += 1
        return parts

    def _neighbours(self, parts: list[int]) -> list[list[int]]:
        """One part more or less in one of the pools with the longest parts."""
        order = sorted(range(len(parts)), key=lambda i: -self._longest_part(i, parts[i]))
        cuttable = [i for i in order if self._pools[i].n > 1][:CANDIDATES]
        changed = [(i, parts[i] + step) for i in cuttable for step in (1, -1)]
        return [
            [*parts[:i], count, *parts[i + 1 :]]
            for i, count in changed
            if self._fewest[i] <= count <= self._pools[i].n
        ]


def _sizes(n: int, parts: int) -> list[int]:
    """Sizes of almost equal parts, the larger ones first."""
    size, more = divmod(n, parts)
    return [size + 1] * more + [size] * (parts - more)
