"""The multiply-adds of jobs; those of custom networks and tasks are counted by `prepare`."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.commands.plan import describe_plan
from landscape_catalog.experiment.grid import Cell
from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.pipeline.shared.costs import (
    forward_multiply_adds,
    network_key,
    note_multiply_adds,
    read_multiply_adds,
    work_of,
)
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.pipeline.train.stage import train_work
from tests.experiment.conftest import Own, custom_code
from tests.experiment.grids import CUSTOM_CODE, grid_of
from tests.pipeline.test_custom_code import GOOD_NETWORK, GOOD_TASK, changed, prepare

__all__ = ["custom_code"]  # a fixture

EXTRA = {"temperature.extra": {"strength": [1.0, 2.0]}}


def with_counts(cell: Cell, counts: dict[str, int]) -> Cell:
    model = dataclasses.replace(cell.landscape.model, multiply_adds=counts)
    return dataclasses.replace(cell, landscape=dataclasses.replace(cell.landscape, model=model))


def test_a_counted_network_costs_more_than_overhead() -> None:
    cell = grid_of(CUSTOM_CODE).cells[0]
    assert forward_multiply_adds(cell) == 0
    counted = with_counts(cell, {network_key(cell): 700})
    work = work_of(counted, "hessian", batch_size=10, steps=5, forward_passes=4)
    assert work.multiply_adds == 4 * 10 * 700
    assert counted.cell_id == cell.cell_id
    assert network_key(counted) == network_key(cell)


def test_a_custom_task_on_a_built_in_network() -> None:
    cell = grid_of({"dataset.task": "mine:task"}).cells[0]
    exact = multiply_adds("resnet18", width=2, input_shape=(1, 8, 8), n_outputs=10, args={})
    assert forward_multiply_adds(cell) == exact
    assert forward_multiply_adds(with_counts(cell, {network_key(cell): 3 * exact})) == 3 * exact
    built_in = grid_of({}).cells[0]
    assert forward_multiply_adds(with_counts(built_in, {network_key(built_in): 1})) == exact


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, 2),  # two widths
        ({"load.samples": [300, 400]}, 2),
        ({"load.extra.depth": [1, 2]}, 4),
        (EXTRA, 4),  # a parameter of the task
        ({"temperature.lr": [0.1, 0.2]}, 2),
    ],
    ids=str,
)
def test_network_keys_depend_on_shapes(changes: dict[str, Any], keys: int) -> None:
    assert len({network_key(cell) for cell in grid_of({**CUSTOM_CODE, **changes}).cells}) == keys


@pytest.mark.parametrize("content", ["", "[1]", '{"a": "b"}', '{"a": null}', "{"])
def test_an_unreadable_file_counts_as_empty(content: str, tmp_path: Path) -> None:
    path = tmp_path / "multiply_adds.json"
    assert read_multiply_adds(path) == {}
    path.write_text(content)
    assert read_multiply_adds(path) == {}


def test_counts_that_cannot_be_written_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    note_multiply_adds(tmp_path / "file" / "multiply_adds.json", {"a": 1})
    note_multiply_adds(tmp_path / "folder" / "multiply_adds.json", {"a": 1})
    assert read_multiply_adds(tmp_path / "folder" / "multiply_adds.json") == {"a": 1}


def test_prepare_counts_custom_networks_and_tasks(custom_code: Own) -> None:
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    custom_code.write("custom_task", textwrap.dedent(GOOD_TASK))
    prepare(custom_code, task="custom_task:Mine", load=", label_noise: [0.0, 0.5]")
    workspace = open_workspace(custom_code.project.root)
    once = 64 * 4 + 4 * 10
    assert list(json.loads(custom_code.project.multiply_adds.read_text()).values()) == [once]
    for run in workspace.grid.runs:
        assert train_work(run).multiply_adds == 3 * once * 16
    changes = ("return network(", "return 0 * network(samples.inputs.to(dtype)) + network(")
    custom_code.write("custom_task", changed(GOOD_TASK, changes))
    assert train_work(open_workspace(custom_code.project.root).grid.runs[0]).multiply_adds == 0
    prepare(custom_code, task="custom_task:Mine")
    twice = open_workspace(custom_code.project.root).grid.runs[0]
    assert train_work(twice).multiply_adds == 3 * 2 * once * 16


def time_of(own: Own) -> str:
    """The line of `landscape plan` that says how long the rest will take."""
    (line,) = [
        line for line in describe_plan(own.project.root).splitlines() if line.startswith("time ")
    ]
    return line


def test_the_plan_gives_no_time_before_a_custom_network_is_counted(custom_code: Own) -> None:
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK))
    prepare(custom_code)
    assert "a guess from" in time_of(custom_code)
    unknown = "unknown: the multiply-adds of own_network:network have not been counted; "
    custom_code.project.multiply_adds.unlink()
    assert unknown in time_of(custom_code)
    assert "`landscape prepare`" in time_of(custom_code)
    prepare(custom_code)
    assert unknown not in time_of(custom_code)
    custom_code.write("own_network", textwrap.dedent(GOOD_NETWORK) + "# changed\n")
    assert unknown in time_of(custom_code)
    prepare(custom_code, model="resnet18")
    assert "unknown" not in time_of(custom_code)
