"""A log of how long jobs took on this machine, and estimates of how long others will take."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from landscape_catalog.store.files import explained_storage

KEPT_LINES = 5000
# A step costs its arithmetic plus an overhead, expressed in multiply-adds (about 10 ms at 1e10 per
# second). The assumed speed is used only for kinds of jobs that have never been timed.
OVERHEAD_MULTIPLY_ADDS = 1e8
# Multiply-adds per second of one process, on a CPU core or on a share of a data-centre GPU.
ASSUMED_SPEED = {"cpu": 1e10, "cuda": 2e12}


@dataclass(frozen=True)
class Work:
    """The size of a job.

    Attributes:
        kind: `train`, or the name of a metric.
        model: name of the network.
        width: width of the network.
        batch_size: samples per step.
        steps: number of steps.
        multiply_adds: multiply-adds per step.
    """

    kind: str
    model: str
    width: int
    batch_size: int
    steps: int
    multiply_adds: int

    @property
    def cost(self) -> float:
        """Multiply-adds of the job, including the equivalent of its overhead."""
        return self.steps * (OVERHEAD_MULTIPLY_ADDS + self.multiply_adds)


def log_timing(path: Path, work: Work, seconds: float) -> None:
    """Append a job's duration to the log."""
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({**asdict(work), "seconds": round(seconds, 4)}) + "\n")


def read_timings(path: Path) -> list[tuple[Work, float]]:
    """The last entries of the log, newest last; truncated or unreadable lines are skipped."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[-KEPT_LINES:]
    except FileNotFoundError:
        return []
    timings = []
    for line in lines:
        try:
            entry = json.loads(line)
            seconds = float(entry.pop("seconds"))
            timings.append((Work(**entry), seconds))
        except (ValueError, TypeError, KeyError):
            continue
    return timings


@dataclass(frozen=True)
class TimeEstimate:
    """Estimated seconds of jobs in one process.

    Attributes:
        seconds: the estimate.
        timed: whether it is based on timed jobs only, without any assumed speed.
    """

    seconds: float
    timed: bool


def estimate(
    jobs: Iterable[Work], timings: Sequence[tuple[Work, float]], *, device: str = "cpu"
) -> TimeEstimate:
    """Estimate how long jobs will take.

    Each job's time is that of the nearest timed job of the same kind and network (in log width and
    log batch size), scaled by the ratio of their costs. Kinds that have never been timed here are
    estimated from an assumed speed, which may be off by several times.
    """
    total, timed = 0.0, True
    for job in jobs:
        key = (job.kind, job.model)
        same = [entry for entry in timings if (entry[0].kind, entry[0].model) == key]
        if same:
            work, seconds = min(reversed(same), key=lambda entry: _distance(entry[0], job))
            total += seconds * job.cost / work.cost
        else:
            total, timed = total + job.cost / ASSUMED_SPEED[device], False
    return TimeEstimate(total, timed)


def _distance(one: Work, other: Work) -> float:
    return abs(math.log(one.width / other.width)) + abs(math.log(one.batch_size / other.batch_size))
