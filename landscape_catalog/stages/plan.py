"""What an experiment will do, before it does it."""

from __future__ import annotations

from pathlib import Path

from landscape_catalog.errors import DamagedFileError
from landscape_catalog.execution.artifacts import read_data_record
from landscape_catalog.execution.device import chosen_workers
from landscape_catalog.execution.progress import spoken_time
from landscape_catalog.execution.timings import Work, estimate, read_timings
from landscape_catalog.phases import not_converged_reason
from landscape_catalog.schemas.grid import Run, chosen_pairs
from landscape_catalog.stages.measurements import (
    Needed,
    hessians_needed,
    losses_needed,
    pairs_needed,
)
from landscape_catalog.stages.train import train_work
from landscape_catalog.stages.workspace import Workspace, open_workspace


def describe_plan(root: Path) -> str:
    """The grid in words: axes, cells, runs, pairs, what is done, what is left, how long it takes.

    A run counts as converged until its loss says otherwise. Nothing is changed on disk.
    """
    workspace = open_workspace(root)
    grid, measure = workspace.grid, workspace.experiment.measure
    runs_left = [run for run in grid.runs if not workspace.runs.has(run.run_id)]
    needed = _everything(workspace)
    left = [item for item in needed if not workspace.measurements.has(item.measurement_id)]
    n_seeds = workspace.experiment.train.seeds
    curves = len(chosen_pairs([str(seed) for seed in range(n_seeds)], measure.connectivity.pairs))
    pairs = n_seeds * (n_seeds - 1) // 2
    lines = [
        f"dataset       {workspace.experiment.dataset.name}, "
        f"{len(grid.data)} training sets on {len(grid.landscapes)} landscapes",
        f"model         {workspace.experiment.model.name}",
    ]
    lines += [f"axis          {a.path}: {', '.join(map(str, a.values))}" for a in grid.axes]
    lines += [
        f"cells         {len(grid.cells)}",
        f"runs          {len(grid.runs)} ({n_seeds} seeds a cell): "
        f"{len(grid.runs) - len(runs_left)} done, {len(runs_left)} to train",
        f"pairs         {pairs * len(grid.cells)} ({pairs} a cell, {curves} of them with a curve)",
        f"measurements  {len(needed)}: {len(needed) - len(left)} done, {len(left)} to make",
        f"time          {_time(workspace, [train_work(run) for run in runs_left], left)}",
    ]
    return "\n".join(lines)


def _everything(workspace: Workspace) -> list[Needed]:
    """Every measurement, without those that runs known not to have converged will not get."""
    measure = workspace.experiment.measure
    needed = losses_needed(workspace.grid.runs)
    for cell in workspace.grid.cells:
        runs = [run for run in cell.runs if not _known_nc(workspace, run)]
        needed += hessians_needed(runs, measure) + pairs_needed(runs, measure)
    return needed


def _known_nc(workspace: Workspace, run: Run) -> bool:
    record = workspace.runs.peek(run.run_id)
    loss = workspace.measurements.peek(losses_needed([run])[0].measurement_id)
    if record is None or loss is None:
        return False
    try:
        data = read_data_record(workspace.project.prepared / run.cell.landscape.data.data_id)
    except (FileNotFoundError, DamagedFileError):
        return False
    reason = not_converged_reason(
        stop_reason=record.stop_reason,
        train_loss=loss.measured.train.loss,
        frequency_loss=data.frequency_loss,
    )
    return reason is not None


def _time(workspace: Workspace, training: list[Work], left: list[Needed]) -> str:
    work = training + [item.work for item in left]
    if not work:
        return "nothing to do"
    seconds = estimate(work, read_timings(workspace.project.timings))
    if seconds is None:
        return "unknown until some job of each kind has run here"
    workers = chosen_workers(workspace.experiment.execution)
    return (
        f"about {spoken_time(seconds / workers)} with {workers} workers, by the speed measured here"
    )
