"""How long a job takes: a prediction, corrected by the jobs that this machine has finished."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from landscape_catalog.runner.starting_speed import Calibration, Prediction, starting_prediction
from landscape_catalog.runner.timings import Timing, Work

# Starting a worker process, until its first job is called: mostly the import of torch. Learned.
WORKER_START_SECONDS = 3.0
# What a worker's first job needs in addition to its own work: imports, and loading the data.
FIRST_JOB_SECONDS = 1.5
# Correction by finished jobs. A job that differs by a factor of two in width, batch size or both
# counts an eighth of one that does not differ, and a very different one a fiftieth.
DECAY, SMALLEST_WEIGHT = 3.0, 0.02
PRIOR_WEIGHT = 0.02
# Jobs of all kinds together say how fast the machine is now; so many count as much as no news.
JOBS_OF_NO_NEWS = 4
NEWEST_SHAPES = 500  # that are compared with each shape that is predicted
NEWEST = 8  # finished jobs of equal shape that count, so that an old speed is soon forgotten
LARGEST_OUTLIER = 4.0  # ratios beyond this factor of the median are clipped


class SpeedModel:
    """Predicts the seconds of jobs: a given prediction, times a ratio learned from finished jobs.

    The ratio is a mean of measured / predicted over finished jobs of the same kind, network and
    implementation, weighted by their similarity. Stopping rules and iterations that depend on the
    data are thereby learned as well. For kinds without a finished job it is the median over all
    kinds, which says how fast the machine is.

    Attributes:
        worker_start: seconds from the start of a worker until its first job is called.

    >>> train = Work("train", "resnet18", 4, 32, 100, 10**7)
    >>> model = SpeedModel(lambda work: 1.0, [(train, 2.0)])
    >>> round(model.seconds(train), 2), round(model.seconds(replace(train, kind="loss")), 2)
    (1.98, 1.15)
    """

    def __init__(
        self,
        base: Prediction,
        finished: Iterable[tuple[Work, float]] = (),
        *,
        worker_start: float = WORKER_START_SECONDS,
    ) -> None:
        self._base, self.worker_start = base, worker_start
        shapes: dict[Work, list[float]] = {}  # in the order of their newest job
        for work, seconds in finished:
            predicted = base(work)
            if predicted > 0 and math.isfinite(seconds):
                shape = _shape(work)
                shapes[shape] = [*shapes.pop(shape, []), seconds / predicted][-NEWEST:]
        self._known: dict[tuple[str, str, bool], list[tuple[Work, float]]] = defaultdict(list)
        for shape, ratios in list(shapes.items())[-NEWEST_SHAPES:]:
            self._known[_kind(shape)] += [(shape, ratio) for ratio in ratios]
        self._machine = _machine_ratio([r for known in self._known.values() for _, r in known])
        self._ratios: dict[Work, float] = {}

    def seconds(self, work: Work) -> float:
        """Predicted seconds of a job in a worker that is already running."""
        shape = _shape(work)
        if shape not in self._ratios:
            self._ratios[shape] = self._ratio(shape)
        return self._base(work) * self._ratios[shape]

    def knows(self, work: Work) -> bool:
        """Whether jobs of this kind have been finished, so that the speed is a measured one."""
        return _kind(work) in self._known

    def corrected(self, finished: Iterable[tuple[Work, float]]) -> SpeedModel:
        """A model that further jobs correct, on top of what this one has learned."""
        return SpeedModel(self.seconds, finished, worker_start=self.worker_start)

    def _ratio(self, shape: Work) -> float:
        if _kind(shape) not in self._known:
            return self._machine
        near = [(_weight(shape, other), ratio) for other, ratio in self._known[_kind(shape)]]
        middle = _weighted_median(near)
        lowest, highest = middle / LARGEST_OUTLIER, middle * LARGEST_OUTLIER
        total = sum(weight * min(max(ratio, lowest), highest) for weight, ratio in near)
        weights = sum(weight for weight, _ in near)
        return (total + PRIOR_WEIGHT * self._machine) / (weights + PRIOR_WEIGHT)


def _machine_ratio(ratios: Sequence[float]) -> float:
    """The median of positive ratios, drawn towards 1 if they are few."""
    positive = [ratio for ratio in ratios if ratio > 0]
    if not positive:
        return 1.0
    share = len(positive) / (len(positive) + JOBS_OF_NO_NEWS)
    return float(statistics.median(positive) ** share)


def learned_speed(
    timings: Iterable[Timing], *, device: str = "cpu", calibration: Calibration | None = None
) -> SpeedModel:
    """The model of a kind of device on this machine, from the log of its finished jobs.

    Jobs on another kind say nothing about it: a GPU and the CPU differ by a hundred times.
    """
    finished, starts = [], []
    for timing in timings:
        if timing.device != device:
            continue
        finished.append((timing.work, own_seconds(timing)))
        if timing.attempt.first and timing.attempt.started >= timing.stage_started > 0:
            starts.append(timing.attempt.started - timing.stage_started)
    start = statistics.median(starts[-NEWEST:]) if starts else WORKER_START_SECONDS
    return SpeedModel(starting_prediction(device, calibration), finished, worker_start=start)


def own_seconds(timing: Timing) -> float:
    """Seconds of the whole job in a warm worker.

    The cost of a worker's first job is taken off, up to half of it, and what a checkpoint saved is
    added in proportion.
    """
    attempt = timing.attempt
    extra = min(FIRST_JOB_SECONDS, attempt.seconds / 2) if attempt.first else 0.0
    return (attempt.seconds - extra) / max(attempt.share, 0.05)


def _kind(work: Work) -> tuple[str, str, bool]:
    return work.kind, work.model, work.grouped


def _shape(work: Work) -> Work:
    return replace(work, steps=1)


def _weight(one: Work, other: Work) -> float:
    pairs = ((one.width, other.width), (one.batch_size, other.batch_size))
    distance = sum(abs(math.log(a / b)) for a, b in pairs)
    distance += abs(math.log(one.members / other.members)) / 2
    return max(math.exp(-DECAY * distance), SMALLEST_WEIGHT)


def _weighted_median(values: Sequence[tuple[float, float]]) -> float:
    """The median of (weight, value) pairs."""
    ordered = sorted(values, key=lambda pair: pair[1])
    half, reached = sum(weight for weight, _ in ordered) / 2, 0.0
    for weight, value in ordered:
        reached += weight
        if reached >= half:
            return value
    return statistics.median(value for _, value in ordered)
