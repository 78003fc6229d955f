"""How long the rest of an experiment takes: the stages' own jobs, scheduled as they will run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from landscape_catalog.commands.remaining import Needed, Remaining
from landscape_catalog.pipeline.measure.jobs import planned_measuring
from landscape_catalog.pipeline.shared.costs import has_known_cost
from landscape_catalog.pipeline.shared.procedures import LOSS
from landscape_catalog.pipeline.shared.speed import known_speed
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.pipeline.train.groups import planned_training
from landscape_catalog.runner.calibration import read_calibration
from landscape_catalog.runner.device import chosen_device, chosen_devices
from landscape_catalog.runner.progress import format_duration
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.schedule import makespan
from landscape_catalog.runner.speed import FIRST_JOB_SECONDS, SpeedModel
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.words import counted


def planned_time(workspace: Workspace, remaining: Remaining) -> str:
    """The time that the runs and measurements that are left take, in words.

    Jobs are those that the stage cuts for its workers. Workers that share a GPU take turns on it,
    so that together they take as long as one worker would for all their jobs.
    """
    left = [needed for needed in remaining.measurements if needed.left]
    cells = [cell for cell, _ in remaining.runs]
    cells += [procedure.cell for procedure in dict.fromkeys(needed.procedure for needed in left)]
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
    training = planned_training(remaining.runs, speed=speed, workers=workers, device=device)
    losses, others = (
        planned_measuring(
            ((one.procedure, one.cell, one.distinct) for one in some),
            speed=speed,
            workers=workers,
            device=device,
        )
        for some in _losses_first(left)
    )
    gpus = len(chosen_devices(execution))
    lanes = min(workers, gpus) if gpus else workers
    seconds = sum(
        (_stage_seconds(phases, lanes, speed) for phases in ([training], [losses, others])), 0.0
    )
    time = f"about {format_duration(seconds)} with {counted(workers, 'worker')} on {device}"
    if lanes < workers:
        time += f", which share the time of {counted(gpus, 'GPU')}"
    work = training + losses + others
    if all(speed.knows(job) for job in work):
        return f"{time}, based on timings of earlier jobs on this machine"
    total = sum(n * job.steps * job.multiply_adds * job.members for job, n in work.items())
    if read_calibration(workspace.project.calibration, device) is not None:
        return (
            f"{time}: a guess from {total:.1e} multiply-adds and the calibration of this machine "
            "that may be off by a factor of three, since not every kind of job has been timed here"
        )
    return (
        f"{time}: a guess from {total:.1e} multiply-adds that may be off by a factor of ten, since "
        "not every kind of job has been timed on this machine"
    )


def _losses_first(left: Sequence[Needed]) -> tuple[list[Needed], list[Needed]]:
    """The losses, which are measured first, and all other metrics."""
    losses = [needed for needed in left if needed.procedure.metric == LOSS]
    return losses, [needed for needed in left if needed.procedure.metric != LOSS]


def _stage_seconds(phases: Sequence[Counter[Work]], workers: int, speed: SpeedModel) -> float:
    """Seconds of a stage that starts its workers once and runs its phases one after another."""
    if not any(phases):
        return 0.0
    starting = speed.worker_start + FIRST_JOB_SECONDS
    return starting + sum(_phase_seconds(jobs, workers, speed) for jobs in phases)


def _phase_seconds(jobs: Counter[Work], workers: int, speed: SpeedModel) -> float:
    seconds = (time for job, n in jobs.items() for time in [speed.seconds(job)] * n)
    return makespan(seconds, workers)
