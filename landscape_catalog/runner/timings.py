"""The size of jobs, and a log of how long they took on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from landscape_catalog.regular import read_regular
from landscape_catalog.schema.fields import NonNegativeFloat, PositiveInt
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import explained_storage, make_way
from landscape_catalog.store.notes import NOTE, note_of, parse_note

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

    __pydantic_config__: ClassVar[ConfigDict] = NOTE

    kind: str
    model: str
    width: PositiveInt
    batch_size: PositiveInt
    steps: Annotated[int, Field(ge=0)]
    multiply_adds: Annotated[int, Field(ge=0)]
    members: PositiveInt = 1
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

    __pydantic_config__: ClassVar[ConfigDict] = NOTE

    seconds: NonNegativeFloat
    worker: str = ""
    started: float = 0.0
    first: bool = False
    share: NonNegativeFloat = 1.0

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
        device: kind of device that it ran on. Lines of earlier versions do not say it and are read
            as the CPU's, which nearly all of them are.
    """

    __pydantic_config__: ClassVar[ConfigDict] = NOTE

    work: Work
    attempt: Attempt
    stage: str = ""
    stage_started: float = 0.0
    predicted: float = 0.0
    device: str = "cpu"


def log_timing(path: Path, timing: Timing) -> None:
    """Append a finished job to the log."""
    nested = {"work", "attempt"}
    own = {key: value for key, value in asdict(timing).items() if key not in nested}
    entry = asdict(timing.work) | asdict(timing.attempt) | own
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in entry.items()}
    with explained_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        make_way(path)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(strict_json(rounded) + "\n")


def read_timings(path: Path) -> list[Timing]:
    """The last entries of the log, newest last; truncated or unreadable lines are skipped.

    Lines of earlier versions hold the size and the seconds only; the rest has its default.
    """
    try:
        lines = read_regular(path).splitlines()[-KEPT_LINES:]
    except OSError:  # estimates go without
        return []
    entries = [parse_note(line, dict[str, Any]) for line in lines]
    timings = [note_of(_nested(entry), Timing) for entry in entries if entry is not None]
    return [timing for timing in timings if timing is not None]


def _nested(entry: dict[str, Any]) -> dict[str, Any]:
    """A line of the log, which is flat, with the fields of `Timing`."""
    found: dict[str, Any] = {"work": {}, "attempt": {}}
    for name, kind in (("work", Work), ("attempt", Attempt)):
        names = [field.name for field in fields(kind)]
        found[name] = {key: entry[key] for key in names if key in entry}
    own = set(entry) - set(found["work"]) - set(found["attempt"])
    return found | {key: entry[key] for key in own}
