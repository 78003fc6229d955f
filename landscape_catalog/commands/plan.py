"""`landscape plan`: describes what an experiment will compute."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.errors import DamagedFileError, MissingArtifactError
from landscape_catalog.experiment.grid import Run
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.pipeline.shared.costs import has_known_cost
from landscape_catalog.pipeline.shared.finished import nc_reason
from landscape_catalog.pipeline.shared.measurement_specs import (
    MeasurementSpec,
    losses_of,
    measurements_of,
    primary_loss,
    probes_with_sections,
)
from landscape_catalog.pipeline.shared.workspace import Workspace, open_workspace
from landscape_catalog.pipeline.train.stage import train_work
from landscape_catalog.runner.device import chosen_device
from landscape_catalog.runner.progress import format_duration
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.timings import estimate, read_timings


def describe_plan(root: Path) -> str:
    """Describe the grid: axes, cells, runs, pairs, what is done, what is left, and the time needed.

    Runs are assumed to converge until their loss shows otherwise. Nothing is changed on disk.
    """
    workspace = open_workspace(root)
    grid, measure = workspace.grid, workspace.experiment.measure
    runs_left = [run for run in grid.runs if not workspace.runs.has(run.run_id)]
    specs = _all_measurements(workspace)
    left = [spec for spec in specs if not workspace.measurements.has(spec.measurement_id)]
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
    lines += [f"axis          {a.path}: {', '.join(map(str, a.values))}" for a in grid.axes]
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
        f"time          {_time(workspace, runs_left, left)}",
    ]
    return "\n".join(lines)


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
    spec = primary_loss(run, workspace.experiment.measure)
    loss = workspace.measurements.peek(spec.measurement_id)
    if record is None or loss is None:
        return False
    try:
        data = workspace.data_record(run.cell.landscape.data.data_id)
    except (MissingArtifactError, DamagedFileError):
        return False
    return nc_reason(record, loss.measured, data) is not None


def _time(workspace: Workspace, runs: list[Run], left: list[MeasurementSpec]) -> str:
    """The time that these runs and measurements take, in words."""
    cells = [run.cell for run in runs] + [spec.cell for spec in left]
    if not cells:
        return "nothing to do"
    uncounted = {cell.landscape.model.name: None for cell in cells if not has_known_cost(cell)}
    if uncounted:
        return (
            f"unknown: the multiply-adds of {', '.join(uncounted)} have not been counted; "
            "`landscape prepare` does so where possible"
        )
    work = [train_work(run) for run in runs] + [spec.work for spec in left]
    execution = workspace.experiment.execution
    device = chosen_device(execution)
    with chosen_executor(execution) as executor:
        workers = executor.count
    found = estimate(work, read_timings(workspace.project.timings), device=device)
    time = f"about {format_duration(found.seconds / workers)} with {workers} workers on {device}"
    if found.timed:
        return f"{time}, based on timings of earlier jobs on this machine"
    total = sum(job.steps * job.multiply_adds for job in work)
    return (
        f"{time}: a guess from {total:.1e} multiply-adds that may be off by a factor of ten, since "
        "not every kind of job has been timed on this machine"
    )
