"""The size of jobs, and a log of how long they took on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from landscape_catalog.store.files import explained_storage

KEPT_LINES = 5000


@dataclass(frozen=True)
class Work:
    """The size of a job.

    Attributes:
        kind: `train`, or the name of a metric.
        model: name of the network.
        width: width of the network.
        batch_size: samples per step.
        steps: number of steps.
        multiply_adds: multiply-adds per step of one member.
        members: networks or curves that are computed side by side.
        grouped: whether they are computed by the stacked implementation.
    """

    kind: str
    model: str
    width: int
    batch_size: int
    steps: int
    multiply_adds: int
    members: int = 1
    grouped: bool = False


@dataclass(frozen=True)
class Attempt:
    """When and where a job ran.

    Attributes:
        seconds: duration.
        worker: host and process id of the worker.
        started: Unix time at which the job started, by the worker's clock.
        first: whether it was the worker's first job, which also imports modules and loads data.
        share: share of the job that was computed; the rest was in checkpoints or finished.
    """

    seconds: float
    worker: str = ""
    started: float = 0.0
    first: bool = False
    share: float = 1.0

    @property
    def ended(self) -> float:
        """Unix time at which the job ended."""
        return self.started + self.seconds


@dataclass(frozen=True)
class Timing:
    """A finished job.

    Attributes:
        work: its size.
        attempt: when and where it ran.
        stage: the stage that it belonged to.
        stage_started: Unix time at which the stage started to hand out jobs; identifies the
            execution of the stage together with its name.
        predicted: predicted seconds, before the stage started.
    """

    work: Work
    attempt: Attempt
    stage: str = ""
    stage_started: float = 0.0
    predicted: float = 0.0


def log_timing(path: Path, timing: Timing) -> None:
    """Append a finished job to the log."""
    own = {"stage": timing.stage, "stage_started": timing.stage_started}
    entry = asdict(timing.work) | asdict(timing.attempt) | own | {"predicted": timing.predicted}
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in entry.items()}
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(rounded) + "\n")


def read_timings(path: Path) -> list[Timing]:
    """The last entries of the log, newest last; truncated or unreadable lines are skipped.

    Lines of earlier versions hold the size and the seconds only; the rest has its default.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[-KEPT_LINES:]
    except FileNotFoundError:
        return []
    timings = []
    for line in lines:
        try:
            timings.append(_timing(json.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return timings


def _timing(entry: dict[str, Any]) -> Timing:
    """A line of the log; raises TypeError or KeyError if it is not one."""
    parts: dict[type, dict[str, Any]] = {Work: {}, Attempt: {}}
    for kind, values in parts.items():
        names = [field.name for field in fields(kind)]
        values |= {name: entry.pop(name) for name in names if name in entry}
    attempt = Attempt(**parts[Attempt] | {"seconds": float(parts[Attempt]["seconds"])})
    return Timing(Work(**parts[Work]), attempt, **entry)
