"""How long a job takes: starting values, corrected by the jobs that this machine has finished."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from landscape_catalog.runner.timings import Timing, Work

Prediction = Callable[[Work], float]

# Starting a worker process, until its first job is called: mostly the import of torch. Learned.
WORKER_START_SECONDS = 3.0
# What a worker's first job needs in addition to its own work: imports, and loading the data.
FIRST_JOB_SECONDS = 1.5
# A group of one is computed with a companion, since a stack of one rounds differently.
SMALLEST_GROUP = 2


@dataclass(frozen=True)
class Speed:
    """Seconds of a job: job + steps * (step + members * (member + multiply-adds / speed)).

    Attributes:
        step: overhead of a step, however many members take it.
        member: overhead of a step for each member: small tensors that do not fill vector units.
        multiply_adds_per_second: of one process.
        job: building networks, reading and writing files.
    """

    step: float
    member: float
    multiply_adds_per_second: float
    job: float = 0.02

    def seconds(self, work: Work) -> float:
        """Seconds of a job in a worker that is already running."""
        members = max(work.members, SMALLEST_GROUP) if work.grouped else work.members
        each = self.member + work.multiply_adds / self.multiply_adds_per_second
        return self.job + work.steps * (self.step + members * each)


# Measured on one core of an x86 server with AVX-512, two processes at a time. ResNet18 on 8 x 8:
# one network takes 5.1 ms per step at k = 1, B = 8 (0.2 million multiply-adds) and 13 ms at k = 8,
# B = 64 (105 million); in groups of five, k = 1, B = 8 takes 0.33 ms per member and step, and
# k = 8, B = 32 (52 million) 2.2 ms.
ALONE = Speed(step=5e-3, member=0.0, multiply_adds_per_second=1.5e10)
GROUPED = Speed(step=1.4e-3, member=6e-5, multiply_adds_per_second=2.8e10)
# A Hessian-vector product differentiates twice, operation by operation.
PRODUCT = Speed(step=20e-3, member=0.0, multiply_adds_per_second=1.4e10)
PRODUCT_KINDS = ("hessian", "layers", "density")
# A share of a data-centre GPU. The overhead of a step is the CPU's, which launches the kernels.
CUDA_MULTIPLY_ADDS_PER_SECOND = 2e12


@dataclass(frozen=True)
class Calibration:
    """How this machine compares with the one that the starting values were measured on.

    Attributes:
        overhead: factor on the overhead of a step; 2 is a machine that is half as fast.
        arithmetic: factor on the time of multiply-adds.
    """

    overhead: float = 1.0
    arithmetic: float = 1.0


def starting_prediction(device: str = "cpu", calibration: Calibration | None = None) -> Prediction:
    """Predicts a job's seconds from the starting values, scaled to this machine if calibrated."""
    factors = calibration or Calibration()

    def adapted(speed: Speed) -> Speed:
        rate = CUDA_MULTIPLY_ADDS_PER_SECOND if device == "cuda" else speed.multiply_adds_per_second
        return replace(
            speed,
            step=speed.step * factors.overhead,
            member=speed.member * factors.overhead,
            multiply_adds_per_second=rate / factors.arithmetic,
        )

    alone, grouped, product = adapted(ALONE), adapted(GROUPED), adapted(PRODUCT)

    def predict(work: Work) -> float:
        if work.grouped:
            return grouped.seconds(work)
        return (product if work.kind in PRODUCT_KINDS else alone).seconds(work)

    return predict


# Correction by finished jobs. A job that differs by a factor of two in width, batch size or both
# counts an eighth of one that does not differ, and a very different one a fiftieth.
DECAY, SMALLEST_WEIGHT = 3.0, 0.02
PRIOR_WEIGHT = 0.02
# Jobs of all kinds together say how fast the machine is now; so many count as much as no news.
JOBS_OF_NO_NEWS = 4
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
        shapes: dict[Work, list[float]] = defaultdict(list)
        for work, seconds in finished:
            predicted = base(work)
            if predicted > 0 and math.isfinite(seconds):
                shapes[_shape(work)].append(seconds / predicted)
        self._known: dict[tuple[str, str, bool], list[tuple[Work, float]]] = defaultdict(list)
        for shape, ratios in shapes.items():
            self._known[_kind(shape)] += [(shape, ratio) for ratio in ratios[-NEWEST:]]
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
    """The model of this machine, from its log of finished jobs."""
    finished, starts = [], []
    for timing in timings:
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
