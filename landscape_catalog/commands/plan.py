"""`landscape plan`: describes what an experiment will compute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from landscape_catalog.commands.planned_time import planned_time
from landscape_catalog.commands.remaining import what_is_left
from landscape_catalog.errors import Problem
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.pipeline.shared.limits import (
    data_problems,
    measuring_problems,
    training_problems,
    worker_problems,
)
from landscape_catalog.pipeline.shared.procedures import probes_with_sections
from landscape_catalog.pipeline.shared.workspace import Workspace, open_workspace
from landscape_catalog.pipeline.train.groups import train_work

LISTED = 40  # values of an axis


def describe_plan(root: Path) -> str:
    """Describe the grid: axes, cells, runs, pairs, what is done, what is left, and the time needed.

    Runs are assumed to converge until their loss shows otherwise. Nothing is changed on disk.
    """
    workspace = open_workspace(root)
    grid, measure = workspace.grid, workspace.experiment.measure
    remaining = what_is_left(workspace)
    n_runs, n_left = len(grid.runs), remaining.n_runs
    needed, to_make = remaining.n_measurements, remaining.n_left
    seeds = sorted({cell.train.seeds for cell in grid.cells})
    pairs = sum(n * (n - 1) // 2 for n in (len(cell.runs) for cell in grid.cells))
    curves = sum(one.n for one in remaining.measurements if one.procedure.metric == "connectivity")
    datasets = {cell.landscape.data.dataset.name: None for cell in grid.cells}
    networks = {cell.landscape.model.name: None for cell in grid.cells}
    lines = [
        f"dataset       {', '.join(datasets)}, "
        f"{len(grid.data)} training sets on {len(grid.landscapes)} landscapes",
        f"model         {', '.join(networks)}",
    ]
    if len(grid.variants) > 1:
        lines.append(f"variants      {', '.join(grid.variants)}")
    lines += [f"axis          {axis.path}: {_listed(axis.values)}" for axis in grid.axes]
    lines += [
        f"probe         {metric.section}: {name}"
        for metric, _, name in probes_with_sections(measure)
        if name != PRIMARY
    ]
    lines += [
        f"cells         {len(grid.cells)}",
        f"runs          {n_runs} ({' or '.join(map(str, seeds))} seeds per cell): "
        f"{n_runs - n_left} done, {n_left} to train",
        f"pairs         {pairs}; {curves} curves",
        f"measurements  {needed}: {needed - to_make} done, {to_make} to make",
        f"time          {planned_time(workspace, remaining)}",
    ]
    lines += [f"warning       {problem}" for problem in _problems(workspace)]
    return "\n".join(lines)


def _problems(workspace: Workspace) -> list[Problem]:
    """What the stages would refuse on this machine."""
    execution, cells = workspace.experiment.execution, workspace.grid.cells
    works = ((cell, train_work(cell.runs[0])) for cell in cells)
    problems = [
        *data_problems(workspace.grid.data),
        *worker_problems(execution),
        *training_problems(execution, works),
        *measuring_problems(workspace),
    ]
    return list(dict.fromkeys(problems))


def _listed(values: Sequence[Any]) -> str:
    """The values of an axis; the first and the last ones if there are many."""
    if len(values) <= LISTED:
        return ", ".join(map(str, values))
    first, last = values[: LISTED // 2], values[-LISTED // 2 :]
    return f"{', '.join(map(str, first))}, ..., {', '.join(map(str, last))} ({len(values)} values)"
