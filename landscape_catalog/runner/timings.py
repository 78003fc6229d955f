"""How long jobs took here, and how long others will take."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from landscape_catalog.store.files import explained_storage

KEPT_LINES = 5000
# A step costs its arithmetic and an overhead that is worth so many multiply-adds (some 10 ms at
# 10 G a second); the speed is assumed only where nothing has been timed.
OVERHEAD_MULTIPLY_ADDS = 1e8
# Multiply-adds a second of one process: of a CPU core, of a share of a data-centre GPU.
ASSUMED_SPEED = {"cpu": 1e10, "cuda": 2e12}


@dataclass(frozen=True)
class Work:
    """The size of a job: what kind, on which network, samples a step, steps, arithmetic a step."""

    kind: str
    model: str
    width: int
    batch_size: int
    steps: int
    multiply_adds: int

    @property
    def cost(self) -> float:
        """Multiply-adds of the job, with what its overhead is worth."""
        return self.steps * (OVERHEAD_MULTIPLY_ADDS + self.multiply_adds)


def log_timing(path: Path, work: Work, seconds: float) -> None:
    """Append what a job took."""
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({**asdict(work), "seconds": round(seconds, 4)}) + "\n")


def read_timings(path: Path) -> list[tuple[Work, float]]:
    """Every readable line of the log, newest last; a line broken by a kill is passed over."""
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
class Estimate:
    """Seconds that jobs will take in one process, and whether they rest on jobs timed here."""

    seconds: float
    timed: bool


def estimate(
    jobs: Iterable[Work], timings: Sequence[tuple[Work, float]], *, device: str = "cpu"
) -> Estimate:
    """How long jobs will take, by the nearest measured job of the same kind and network.

    Nearest in log width and log batch size; seconds in proportion to `cost` carry over. Where a
    kind has never been timed here, by an assumed speed: a guess within a factor of several.
    """
    total, timed = 0.0, True
    for job in jobs:
        alike = (job.kind, job.model)
        same = [entry for entry in timings if (entry[0].kind, entry[0].model) == alike]
        if same:
            work, seconds = min(reversed(same), key=lambda entry: _distance(entry[0], job))
            total += seconds * job.cost / work.cost
        else:
            total, timed = total + job.cost / ASSUMED_SPEED[device], False
    return Estimate(total, timed)


def _distance(one: Work, other: Work) -> float:
    return abs(math.log(one.width / other.width)) + abs(math.log(one.batch_size / other.batch_size))
