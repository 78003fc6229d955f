"""List scheduling, and groups that are cut so that no worker is idle at the end."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.pipeline.shared.costs import LARGEST_GROUP
from landscape_catalog.pipeline.train.groups import group_work, training_groups
from landscape_catalog.pipeline.train.stage import train_work
from landscape_catalog.runner.schedule import cut_groups, makespan
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.starting_speed import starting_prediction
from tests.experiment.grids import grid_of

JOBS = st.lists(st.integers(0, 100), max_size=12)


@pytest.mark.parametrize(
    ("seconds", "workers", "busy", "end"),
    [
        ([], 3, [], 0),
        ([5], 3, [], 5),
        ([3, 3, 2, 2, 2], 1, [], 12),
        ([3, 3, 2, 2, 2], 2, [], 7),  # the longest first; 6 is possible
        ([3, 3, 2, 2, 2], 9, [], 3),
        ([1], 2, [5, 4], 5),
        ([2], 2, [5, 4], 6),
        ([2], 2, [5], 5),
        ([], 2, [5, 4], 5),
    ],
)
def test_the_end_of_the_last_job(
    seconds: list[float], workers: int, busy: list[float], end: float
) -> None:
    for order in itertools.permutations(seconds):
        assert makespan(order, workers, busy) == end


@given(JOBS.filter(bool), st.integers(1, 5))
def test_a_list_schedule_is_near_the_best_one(seconds: list[int], workers: int) -> None:
    """At most 4/3 of the optimum (Graham 1969), which is at least mean load and longest job."""
    end = makespan(seconds, workers)
    assert end >= max(sum(seconds) / workers, max(seconds))
    assert end <= sum(seconds) / workers + max(seconds)


def cost(group: Sequence[tuple[str, int]]) -> float:
    """Ten seconds, and one for each member; those of key `b` are twice as expensive."""
    return (10 + len(group)) * (2 if group[0][0] == "b" else 1)


def items(**counts: int) -> list[tuple[str, int]]:
    return [(key, number) for key, count in counts.items() for number in range(count)]


def cut(some: list[tuple[str, int]], workers: int, **options: Any) -> list[tuple[Any, ...]]:
    return cut_groups(
        some,
        key=lambda item: None if item[0] == "alone" else item[0],
        seconds=cost,
        workers=workers,
        **{"largest": 64, **options},
    )


@pytest.mark.parametrize(
    ("counts", "workers", "options", "sizes"),
    [
        ({}, 2, {}, []),
        ({"a": 40}, 1, {}, [40]),
        ({"a": 40}, 2, {}, [20, 20]),
        ({"a": 40}, 3, {}, [14, 13, 13]),
        ({"a": 2}, 2, {}, [1, 1]),
        ({"a": 100}, 1, {}, [50, 50]),  # at most 64
        ({"a": 100}, 1, {"largest": 30}, [25, 25, 25, 25]),
        ({"a": 40, "b": 40}, 1, {}, [40, 40]),
        ({"a": 30, "b": 10}, 2, {}, [30, 10]),  # 40 s each
        (
            {"a": 90, "b": 5},
            2,
            {"largest": 99},
            [30, 30, 30, 5],
        ),  # 80 and 70 s; halves: 86 and 54 s
        ({"alone": 3}, 2, {}, [1, 1, 1]),
        ({"a": 40, "alone": 4}, 2, {}, [40, 1, 1, 1, 1]),  # 50 s beside 4 x 11 s
        ({"a": 40}, 2, {"beside": [50.0]}, [40]),
        ({"a": 40}, 2, {"beside": [10.0]}, [20, 20]),
        ({"a": 8}, 1, {"fits": lambda group: len(group) <= 3}, [3, 3, 2]),
        ({"a": 3}, 1, {"fits": lambda group: False}, [1, 1, 1]),
    ],
)
def test_groups_are_cut_only_where_that_ends_earlier(
    counts: dict[str, int], workers: int, options: dict[str, Any], sizes: list[int]
) -> None:
    found = cut(items(**counts), workers, **options)
    assert [len(group) for group in found] == sizes
    assert [cost(group) for group in found] == sorted(map(cost, found), reverse=True)


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", "alone"]), st.integers(1, 30)),
    st.integers(1, 9),
    st.integers(1, 20),
)
def test_each_item_is_in_one_group_of_its_key(
    counts: dict[str, int], workers: int, largest: int
) -> None:
    some = items(**counts)
    found = cut(some, workers, largest=largest)
    assert sorted(item for group in found for item in group) == sorted(some)
    for group in found:
        assert len({key for key, _ in group}) == 1
        assert len(group) <= (1 if group[0][0] == "alone" else largest)
        assert list(group) == sorted(group)
    whole = cut(some, 1, largest=largest)
    assert makespan(map(cost, found), workers) <= makespan(map(cost, whole), workers) + 1e-9


GRID = {
    "load.width": [1, 2, 4, 8],
    "temperature.batch_size": [8, 16, 32, 64],
    "train.seeds": 5,
}


@pytest.mark.parametrize(("workers", "idle"), [(1, 0.0), (2, 0.01), (3, 0.01), (8, 0.1)])
def test_no_worker_is_idle_at_the_end_of_a_grid(workers: int, idle: float) -> None:
    runs, speed = grid_of(GRID).runs, SpeedModel(starting_prediction())

    def key(run: Any) -> Any:
        cell = run.cell
        wide = cell.landscape.width == 8
        return None if wide else (cell.landscape.landscape_id, cell.temperature["batch_size"])

    groups = training_groups(runs, key=key, work=train_work, speed=speed, workers=workers)
    assert sorted(run.run_id for group in groups for run in group) == sorted(
        run.run_id for run in runs
    )
    assert all(len({key(run) for run in group}) == 1 for group in groups)
    assert max(map(len, groups)) <= LARGEST_GROUP
    assert {len(group) for group in groups if key(group[0]) is None} == {1}
    seconds = [
        speed.seconds(group_work(group, train_work, grouped=key(group[0]) is not None))
        for group in groups
    ]
    assert seconds == sorted(seconds, reverse=True)
    assert 1 - sum(seconds) / workers / makespan(seconds, workers) <= idle + 1e-9


def test_the_size_of_a_group_is_that_of_its_longest_member() -> None:
    short, *_ = grid_of({"train.epochs": 2}).runs
    long, *_ = grid_of({"train.epochs": 9}).runs
    work = group_work([short, long, short], train_work, grouped=True)
    assert (work.members, work.grouped, work.steps) == (3, True, train_work(long).steps)
