"""How long a job takes on a machine on which none has been timed yet."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from landscape_catalog.models.registry import NETWORKS
from landscape_catalog.runner.timings import Work
from landscape_catalog.store.notes import NOTE

Prediction = Callable[[Work], float]

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


# Measured on an H100 with torch 2.11 (docs/performance.md): steps of built-in networks for images,
# which are recorded, within 45% for ResNet18 at k = 2 to 64 and one to twenty runs at a time;
# their Hessian-vector products at k = 2 and 8; and whatever waits for Python to launch kernels.
RECORDED_ON_GPU = Speed(step=1.1e-3, weights=math.inf, values=6e8, multiply_adds=2.8e13)
PRODUCT_ON_GPU = Speed(step=4.6e-3, weights=math.inf, values=2.6e8, multiply_adds=2.8e13)
LAUNCHED_ON_GPU = Speed(step=7e-3, weights=math.inf, values=6e8, multiply_adds=2.8e13)
FORWARD_ON_GPU = Speed(step=1.5e-3, weights=math.inf, values=1e9, multiply_adds=2.8e13)


def starting_prediction(device: str = "cpu", calibration: Calibration | None = None) -> Prediction:
    """Predicts a job's seconds before any has been timed.

    Args:
        device: kind of device. Values for CUDA are an H100's.
        calibration: of this machine's processor; it says nothing about CUDA.
    """
    return _on_gpu if device == "cuda" else _on_cpu(calibration or Calibration())


def _on_gpu(work: Work) -> float:
    network = NETWORKS.get(work.model)
    if work.kind in FORWARD_KINDS:
        return FORWARD_ON_GPU.seconds(work)
    if network is None or not network.stacks:
        return LAUNCHED_ON_GPU.seconds(work)
    return (PRODUCT_ON_GPU if work.kind in PRODUCT_KINDS else RECORDED_ON_GPU).seconds(work)


def _on_cpu(factors: Calibration) -> Prediction:
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
