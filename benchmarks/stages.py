"""What recorded stages cost: time by kind of job, idle workers, and the error of the time left.

    python benchmarks/stages.py [.landscape/timings.jsonl ...]

Each stage in the logs is replayed from the recorded start and end of its jobs. At a quarter, half
and three quarters of its duration the remaining time is estimated as it was then: from the jobs
that had ended, those that were running and for how long, and earlier stages in the same log. The
error is |estimate - outcome| / outcome. Idle is what workers did not work while the stage was
running, as a share of workers x duration, including their start; the tail is the part of it after
each worker's last job.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import table
from landscape_catalog.runner.activity import Activity
from landscape_catalog.runner.calibration import read_calibration
from landscape_catalog.runner.jobs import Job
from landscape_catalog.runner.speed import SpeedModel, learned_speed
from landscape_catalog.runner.timings import Timing, read_timings
from landscape_catalog.runner.tracker import StageTracker

SHARES = (0.25, 0.5, 0.75)
SHORTEST_STAGE = 5.0  # seconds; shorter ones consist of starting workers


@dataclass(frozen=True)
class Stage:
    """A recorded stage: its jobs, and the model with which it started."""

    name: str
    jobs: Sequence[Timing]
    speed: SpeedModel
    known: bool

    @property
    def start(self) -> float:
        """Unix time of its start."""
        return self.jobs[0].stage_started

    @property
    def seconds(self) -> float:
        """From its start to the end of its last job."""
        return max(job.attempt.ended for job in self.jobs) - self.start

    @property
    def workers(self) -> int:
        """Number of workers that had a job."""
        return len({job.attempt.worker for job in self.jobs})

    def estimate(self, share: float) -> float:
        """The remaining time, as it was estimated after this share of the stage's duration."""
        clock = [self.start]
        activities: dict[str, Activity] = {}
        jobs = {
            Job(str(number), None, timing.work): timing.attempt
            for number, timing in enumerate(sorted(self.jobs, key=lambda job: job.attempt.started))
        }
        tracker = StageTracker(
            self.name,
            list(jobs),
            speed=self.speed,
            workers=self.workers,
            activities=lambda: activities,
            clock=lambda: clock[0],
        )
        for job in jobs:
            tracker.submit(job)
        tracker.status()
        clock[0] = self.start + share * self.seconds
        for job, attempt in jobs.items():
            if attempt.ended <= clock[0]:
                tracker.end(job, attempt)
            elif attempt.started <= clock[0]:
                activities[job.name] = Activity(
                    attempt.worker, job.name, attempt.started, attempt.first
                )
        return tracker.status().seconds_left

    def error(self, share: float) -> float:
        """Relative error of that estimate."""
        outcome = (1 - share) * self.seconds
        return abs(self.estimate(share) - outcome) / outcome

    @property
    def idle(self) -> float:
        """Idle time as a share of workers x duration."""
        return 1 - sum(job.attempt.seconds for job in self.jobs) / (self.workers * self.seconds)

    @property
    def tail(self) -> float:
        """Idle time after the last job of each worker, as a share of workers x duration."""
        last: dict[str, float] = defaultdict(float)
        for job in self.jobs:
            last[job.attempt.worker] = max(last[job.attempt.worker], job.attempt.ended)
        end = self.start + self.seconds
        return sum(end - ended for ended in last.values()) / (self.workers * self.seconds)


def stages_of(path: Path, device: str = "cpu") -> list[Stage]:
    """The stages in a log that took long enough."""
    timings = read_timings(path)
    calibration = read_calibration(path.with_name("calibration.json"), device)
    executions: dict[tuple[float, str], list[Timing]] = defaultdict(list)
    for timing in timings:
        if timing.stage_started:
            executions[timing.stage_started, timing.stage].append(timing)
    stages = []
    for (_, name), jobs in executions.items():
        earlier = timings[: timings.index(jobs[0])]
        speed = learned_speed(earlier, device=device, calibration=calibration)
        known = all(speed.knows(job.work) for job in jobs)
        stage = Stage(name, jobs, speed, known)
        if stage.seconds >= SHORTEST_STAGE:
            stages.append(stage)
    return stages


def cost_by_kind(stages: Sequence[Stage]) -> str:
    """A table of core-seconds by kind of job, the largest first."""
    kinds: dict[str, list[Timing]] = defaultdict(list)
    for stage in stages:
        for job in stage.jobs:
            kinds[job.work.kind + (", grouped" if job.work.grouped else "")].append(job)
    seconds = {kind: sum(job.attempt.seconds for job in jobs) for kind, jobs in kinds.items()}
    total = sum(seconds.values())
    rows = [
        [
            kind,
            len(kinds[kind]),
            sum(job.work.members for job in kinds[kind]),
            f"{seconds[kind]:.1f}",
            f"{seconds[kind] / total:.0%}",
            f"{sum(job.predicted for job in kinds[kind]) / seconds[kind]:.2f}",
        ]
        for kind in sorted(kinds, key=lambda kind: -seconds[kind])
    ]
    head = ["kind", "jobs", "networks or curves", "core-seconds", "share", "predicted / measured"]
    return table(head, rows)


def main(paths: list[Path]) -> None:
    """Print a row per stage, the cost of each kind of job, and the errors over all stages."""
    stages = [stage for path in paths for stage in stages_of(path)]
    if not stages:
        sys.exit("no stage of at least 5 s is recorded there; run `dvc repro` first")
    head = ["stage", "jobs", "workers", "timed before", "seconds", "idle", "tail"]
    head += [f"error at {share:.0%}" for share in SHARES]
    rows = [
        [
            stage.name,
            len(stage.jobs),
            stage.workers,
            "yes" if stage.known else "no",
            f"{stage.seconds:.1f}",
            f"{stage.idle:.0%}",
            f"{stage.tail:.0%}",
            *(f"{stage.error(share):.0%}" for share in SHARES),
        ]
        for stage in stages
    ]
    print(table(head, rows), cost_by_kind(stages), sep="\n\n")
    halves = [stage.error(0.5) for stage in stages]
    print(
        f"\nerror at half of {len(stages)} stages: median {statistics.median(halves):.0%}, "
        f"largest {max(halves):.0%}"
    )


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or [Path(".landscape/timings.jsonl")])
