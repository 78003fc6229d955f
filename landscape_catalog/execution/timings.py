"""How long jobs took here, and how long others will take."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from landscape_catalog.execution.files import explained_storage

KEPT_LINES = 5000


@dataclass(frozen=True)
class Work:
    """The size of a job: what kind, how wide a network, how many samples a step, how many steps."""

    kind: str
    width: int
    batch_size: int
    steps: int

    @property
    def cost(self) -> float:
        """A rough cost for ordering jobs: overhead a step plus arithmetic."""
        return self.steps * (50 + self.batch_size * self.width**2 / 10)


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


def estimate(jobs: Iterable[Work], timings: list[tuple[Work, float]]) -> float | None:
    """Seconds that jobs will take in one process, by the nearest measured job of the same kind.

    Nearest in log width and log batch size; seconds a step carry over. None if some kind has
    never been timed here.
    """
    total = 0.0
    for job in jobs:
        same = [(work, seconds) for work, seconds in timings if work.kind == job.kind]
        if not same:
            return None
        work, seconds = min(reversed(same), key=lambda entry: _distance(entry[0], job))
        total += seconds / work.steps * job.steps
    return total


def _distance(one: Work, other: Work) -> float:
    return abs(math.log(one.width / other.width)) + abs(math.log(one.batch_size / other.batch_size))
