"""How long a job takes: starting values, corrected by the jobs that this machine has finished."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from landscape_catalog.runner.timings import Timing, Work
from landscape_catalog.store.notes import NOTE

Prediction = Callable[[Work], float]

# Starting a worker process, until its first job is called: mostly the import of torch. Learned.
WORKER_START_SECONDS = 3.0
# What a worker's first job needs in addition to its own work: imports, and loading the data.
FIRST_JOB_SECONDS = 1.5
# A group of one is computed with a companion, since a stack of one rounds differently.
SMALLEST_GROUP = 2


@dataclass(frozen=True)
class Speed:
    """Seconds of a job: job + steps * (step + members * each), where each is a sum of three parts.

    Multiply-adds are weights times pixels times samples. What SGD and the reading of weights cost
    grows with the multiply-adds of one sample, which are named `weights` here; what is done with
    each activation grows with their number, hence with the square root of the multiply-adds of a
    step times its samples, which is named `values`.

    Attributes:
        step: overhead of a step, however many members take it.
        weights: multiply-adds of one sample per second.
        values: sqrt(multiply-adds of a step * samples) per second.
        multiply_adds: multiply-adds of a step per second, of one process.
        job: building networks, reading and writing files.
    """

    step: float
    weights: float
    values: float
    multiply_adds: float
    job: float = 0.04

    def seconds(self, work: Work) -> float:
        """Seconds of a job in a worker that is already running."""
        members = max(work.members, SMALLEST_GROUP) if work.grouped else work.members
        each = (
            work.multiply_adds / work.batch_size / self.weights
            + math.sqrt(work.multiply_adds * work.batch_size) / self.values
            + work.multiply_adds / self.multiply_adds
        )
        return self.job + work.steps * (self.step + members * each)

    def scaled(self, *, overhead: float, arithmetic: float) -> Speed:
        """The speed where overhead and arithmetic take that many times as long."""
        return Speed(
            self.step * overhead,
            self.weights / arithmetic,
            self.values / arithmetic,
            self.multiply_adds / arithmetic,
            self.job,
        )


# Measured on one core of an x86 server with AVX-512 (106 GFLOP/s in a large matrix product), two
# processes at a time, with ResNet18 on 8 x 8 (`benchmarks/stages.py` lists a stage's jobs).
# At 32 x 32 it takes up to twice, and a Hessian-vector product up to five times as long as said
# here, until the first jobs have ended.
ALONE = Speed(step=4e-3, weights=math.inf, values=8e6, multiply_adds=8e10)
GROUPED = Speed(step=1e-3, weights=3e9, values=2.5e7, multiply_adds=8e10)
# A Hessian-vector product differentiates twice, operation by operation.
PRODUCT = Speed(step=13e-3, weights=math.inf, values=1.5e7, multiply_adds=6e10)
PRODUCT_KINDS = ("hessian", "layers", "density")
# Passes without a gradient, with folded batch norms or side by side.
FORWARD = Speed(step=5e-4, weights=math.inf, values=6e7, multiply_adds=6e10)
FORWARD_KINDS = ("barrier", "loss", "similarity", "distance")


# A machine that is a thousand times as fast or as slow as another is an error.
Factor = Annotated[float, Field(gt=1e-3, lt=1e3)]


@dataclass(frozen=True)
class Calibration:
    """How this machine compares with the one that the starting values were measured on.

    Attributes:
        overhead: factor on the overhead of a step; 2 is a machine that is half as fast.
        convolutions: factor on the arithmetic of networks that are computed alone.
        products: factor on the arithmetic of groups, which is batched matrix products.
    """

    __pydantic_config__: ClassVar[ConfigDict] = NOTE

    overhead: Factor = 1.0
    convolutions: Factor = 1.0
    products: Factor = 1.0


# A share of a data-centre GPU. The overhead of a step is the CPU's, which launches the kernels.
UNCALIBRATED_CUDA = Calibration(1.0, convolutions=1 / 25, products=1 / 25)


def starting_prediction(device: str = "cpu", calibration: Calibration | None = None) -> Prediction:
    """Predicts a job's seconds from the starting values, scaled to this machine if calibrated."""
    factors = calibration or (UNCALIBRATED_CUDA if device == "cuda" else Calibration())
    alone, product, forward = (
        speed.scaled(overhead=factors.overhead, arithmetic=factors.convolutions)
        for speed in (ALONE, PRODUCT, FORWARD)
    )
    grouped = GROUPED.scaled(overhead=factors.overhead, arithmetic=factors.products)

    def predict(work: Work) -> float:
        if work.grouped:
            return grouped.seconds(work)
        if work.kind in PRODUCT_KINDS:
            return product.seconds(work)
        return (forward if work.kind in FORWARD_KINDS else alone).seconds(work)

    return predict


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
