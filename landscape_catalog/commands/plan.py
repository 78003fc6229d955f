"""`landscape plan`: describes what an experiment will compute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from landscape_catalog.commands.planned_time import planned_time
from landscape_catalog.errors import DamagedFileError, MissingArtifactError, Problem
from landscape_catalog.experiment.grid import Run
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.pipeline.shared.finished import nc_reason
from landscape_catalog.pipeline.shared.limits import (
    data_problems,
    measuring_problems,
    training_problems,
    worker_problems,
)
from landscape_catalog.pipeline.shared.measurement_specs import (
    MeasurementSpec,
    losses_of,
    measurements_of,
    primary_loss,
    probes_with_sections,
)
from landscape_catalog.pipeline.shared.workspace import Workspace, open_workspace
from landscape_catalog.pipeline.train.stage import train_work

LISTED = 40  # values of an axis


def describe_plan(root: Path) -> str:
    """Describe the grid: axes, cells, runs, pairs, what is done, what is left, and the time needed.

    Runs are assumed to converge until their loss shows otherwise. Nothing is changed on disk.
    """
    workspace = open_workspace(root)
    grid, measure = workspace.grid, workspace.experiment.measure
    runs_left, specs, left = what_is_left(workspace)
    seeds = sorted({cell.train.seeds for cell in grid.cells})
    pairs = sum(n * (n - 1) // 2 for n in (len(cell.runs) for cell in grid.cells))
    curves = sum(spec.metric == "connectivity" for spec in specs)
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
        f"runs          {len(grid.runs)} ({' or '.join(map(str, seeds))} seeds per cell): "
        f"{len(grid.runs) - len(runs_left)} done, {len(runs_left)} to train",
        f"pairs         {pairs}; {curves} curves",
        f"measurements  {len(specs)}: {len(specs) - len(left)} done, {len(left)} to make",
        f"time          {planned_time(workspace, runs_left, left)}",
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


def what_is_left(
    workspace: Workspace,
) -> tuple[list[Run], list[MeasurementSpec], list[MeasurementSpec]]:
    """The runs to train, all measurements, and those of them that are to be made."""
    runs = [run for run in workspace.grid.runs if not workspace.runs.has(run.run_id)]
    specs = _all_measurements(workspace)
    left = [spec for spec in specs if not workspace.measurements.has(spec.measurement_id)]
    return runs, specs, left


def _all_measurements(workspace: Workspace) -> list[MeasurementSpec]:
    """All measurements; runs known not to have converged get none besides their losses."""
    measure = workspace.experiment.measure
    specs = losses_of(workspace.grid.runs, measure)
    for cell in workspace.grid.cells:
        runs = [run for run in cell.runs if not _known_nc(workspace, run)]
        specs += measurements_of(runs, measure, workspace.metric_codes)
    return specs


def _known_nc(workspace: Workspace, run: Run) -> bool:
    record = workspace.runs.peek(run.run_id)
    if record is None:
        return False
    spec = primary_loss(run, workspace.experiment.measure)
    loss = workspace.measurements.peek(spec.measurement_id)
    if loss is None:
        return False
    try:
        data = workspace.data_record(run.cell.landscape.data.data_id)
    except (MissingArtifactError, DamagedFileError):
        return False
    return nc_reason(record, loss.measured, data) is not None
