"""The speed of the machine that a project's jobs run on."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.paths import Project
from landscape_catalog.runner.calibration import measure_speed, read_calibration, write_calibration
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.speed import SpeedModel, learned_speed
from landscape_catalog.runner.timings import Work, read_timings

# Less work than this is not worth half a second of calibration.
SECONDS_WORTH_CALIBRATING = 20.0


def known_speed(project: Project, device: str) -> SpeedModel:
    """What the finished jobs and the calibration say; nothing is measured."""
    calibration = read_calibration(project.calibration, device)
    return learned_speed(read_timings(project.timings), device=device, calibration=calibration)


def speed_for(
    project: Project, device: str, work: Sequence[Work], executor: Executor
) -> SpeedModel:
    """The speed model for jobs that are about to start.

    If much work of a kind that has never been timed here lies ahead, a worker measures the speed of
    the machine as its first job, once per machine. The speed of a GPU is known from its jobs only.
    """
    speed = known_speed(project, device)
    unknown = sum(speed.seconds(job) for job in work if not speed.knows(job))
    calibrated = read_calibration(project.calibration, device) is not None
    if calibrated or device == "cuda" or unknown < SECONDS_WORTH_CALIBRATING:
        return speed
    future = executor.submit(measure_speed, device)
    if future.exception() is None:  # otherwise the jobs will say what is wrong
        write_calibration(project.calibration, device, future.result())
    return known_speed(project, device)
