"""How long the rest of an experiment takes: the stages' own jobs, scheduled as they will run."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.measure.jobs import job_work, measurement_jobs
from landscape_catalog.pipeline.shared.costs import has_known_cost
from landscape_catalog.pipeline.shared.measurement_specs import LOSS, MeasurementSpec, distinct
from landscape_catalog.pipeline.shared.speed import known_speed
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.pipeline.train.stage import job_work as job_work_of_runs
from landscape_catalog.pipeline.train.stage import planned_groups
from landscape_catalog.runner.calibration import read_calibration
from landscape_catalog.runner.device import chosen_device
from landscape_catalog.runner.progress import format_duration
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.schedule import makespan
from landscape_catalog.runner.speed import FIRST_JOB_SECONDS, SpeedModel
from landscape_catalog.runner.timings import Work


def planned_time(workspace: Workspace, runs: list[Run], left: list[MeasurementSpec]) -> str:
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
    execution = workspace.execution
    device = chosen_device(execution)
    with chosen_executor(execution) as executor:
        workers = executor.count
    speed = known_speed(workspace.project, device)
    training, losses, others = _work(runs, left, workers, speed, device)
    seconds = sum(
        (_stage_seconds(phases, workers, speed) for phases in ([training], [losses, others])), 0.0
    )
    time = f"about {format_duration(seconds)} with {workers} workers on {device}"
    work = training + losses + others
    if all(speed.knows(job) for job in work):
        return f"{time}, based on timings of earlier jobs on this machine"
    total = sum(job.steps * job.multiply_adds * job.members for job in work)
    if read_calibration(workspace.project.calibration, device) is not None:
        return (
            f"{time}: a guess from {total:.1e} multiply-adds and the calibration of this machine "
            "that may be off by a factor of three, since not every kind of job has been timed here"
        )
    return (
        f"{time}: a guess from {total:.1e} multiply-adds that may be off by a factor of ten, since "
        "not every kind of job has been timed on this machine"
    )


def _work(
    runs: list[Run], left: list[MeasurementSpec], workers: int, speed: SpeedModel, device: str
) -> tuple[list[Work], list[Work], list[Work]]:
    """The jobs of training, of losses, which are measured first, and of all other metrics."""
    losses = [spec for spec in distinct(left) if spec.metric == LOSS]
    others = [spec for spec in distinct(left) if spec.metric != LOSS]
    measured = [
        [job_work(job, device) for job in measurement_jobs(specs, workers, speed, device)]
        for specs in (losses, others)
    ]
    groups = planned_groups(runs, speed=speed, workers=workers, device=device)
    return [job_work_of_runs(group, device) for group in groups], measured[0], measured[1]


def _stage_seconds(phases: Sequence[list[Work]], workers: int, speed: SpeedModel) -> float:
    """Seconds of a stage that starts its workers once and runs its phases one after another."""
    if not any(phases):
        return 0.0
    starting = speed.worker_start + FIRST_JOB_SECONDS
    return starting + sum(makespan(map(speed.seconds, jobs), workers) for jobs in phases)
