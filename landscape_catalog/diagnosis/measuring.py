"""Measures checkpoints: each metric's results by checkpoint or pair, as estimates with errors."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from landscape_catalog.diagnosis.budget import curve_plan, side_by_side
from landscape_catalog.diagnosis.data import DiagnosedData
from landscape_catalog.diagnosis.landscape import DiagnosedLandscape
from landscape_catalog.diagnosis.method import OF_PAIRS, OF_RUNS, first_probe
from landscape_catalog.diagnosis.progress import CurveProgress
from landscape_catalog.errors import (
    CheckpointError,
    LandscapeError,
    OutOfMemoryError,
    described,
    is_out_of_memory,
)
from landscape_catalog.metrics.connectivity.result import ModeConnectivity
from landscape_catalog.metrics.estimate import Estimate, binomial_error
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.registry import METRIC_OF, METRICS
from landscape_catalog.schema.pairs import PairChoice, chosen_pairs

log = logging.getLogger(__name__)

Members = tuple[int, ...]


@dataclass
class Measurements:
    """What was measured.

    Attributes:
        n: number of checkpoints.
        pairs: the pairs that have a curve.
        pair_choice: how they were chosen.
        estimates: by name of the quantity, the estimate of each checkpoint or pair.
        curves: the curve of each pair.
        method: how, with the curves' length in effect.
        remarks: what is to be borne in mind.
    """

    n: int
    pairs: list[tuple[int, int]]
    pair_choice: PairChoice
    method: Any
    estimates: dict[str, dict[Members, Estimate]] = field(default_factory=dict)
    curves: dict[tuple[int, int], ModeConnectivity] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, members: Members, found: Iterator[tuple[str, Estimate]]) -> None:
        """Add the estimates of one result."""
        for name, estimate in found:
            self.estimates.setdefault(name, {})[members] = estimate

    def usable(self, name: str) -> Mapping[Members, Estimate]:
        """The estimates of a quantity that count: with a finite value, and of converged curves.

        A Hessian that has not met its tolerance has an error bound, which says how far off it is.
        """
        known = self.estimates.get(name, {}).items()
        return {members: one for members, one in known if counts(name, one)}


def counts(name: str, estimate: Estimate) -> bool:
    """Whether an estimate of a quantity counts."""
    of_curve = METRIC_OF.get(name) == OF_PAIRS[0]
    return estimate.status == "ok" or (estimate.status == "not converged" and not of_curve)


def measure(
    landscape: DiagnosedLandscape,
    pair_choice: PairChoice,
    *,
    minutes: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Measurements:
    """Measure every checkpoint, and every pair of them that has a curve.

    Args:
        landscape: the networks, data and method.
        pair_choice: which pairs get a curve; CKA and L2 are measured for every pair.
        minutes: that all of it may take; None: no limit. Only curves are shortened.
        clock: a monotonic clock, in seconds.
    """
    start, n = clock(), len(landscape.states)
    every = chosen_pairs(range(n), "all")
    found = Measurements(n, chosen_pairs(range(n), pair_choice), pair_choice, landscape.method)
    has_test = landscape.data.test is not None
    for name in OF_RUNS:
        for index in range(n):
            log.info("%s of checkpoint %d of %d", name, index + 1, n)
            result = _computed(landscape, name, index)
            named = _of_run(name, result, landscape.data)
            found.add((index,), (x for x in named if has_test or not x[0].startswith("test_")))
    for name in OF_PAIRS[1:]:
        for pair in every:
            log.info("%s of checkpoints %d and %d", name, pair[0] + 1, pair[1] + 1)
            result = _computed(landscape, name, *pair)
            found.add(pair, METRICS[name].estimates([result]))
    if found.pairs:
        left = None if minutes is None else 60 * minutes - (clock() - start)
        _measure_curves(landscape, found, left, clock)
    return found


def _of_run(name: str, result: Any, data: DiagnosedData) -> Iterator[tuple[str, Estimate]]:
    """The estimates of a checkpoint; those of a part of the training data have an error.

    The part is drawn without replacement, so that the error is sqrt(1 - n/N) s / sqrt(n).
    """
    share = len(data.train) / data.n_train
    for quantity, estimate in METRICS[name].estimates([result]):
        if name != "loss" or not quantity.startswith("train_") or share == 1:
            yield quantity, estimate
            continue
        values: Evaluation = result.train
        spread = 100 * binomial_error(values.accuracy / 100, 1)
        spread = values.loss_sd if quantity == "train_loss" else spread
        error = math.sqrt((1 - share) / values.n) * spread
        yield quantity, replace(estimate, error=error, kind="standard error", shared_draw=True)


def _measure_curves(
    landscape: DiagnosedLandscape,
    found: Measurements,
    seconds: float | None,
    clock: Callable[[], float],
) -> None:
    name = OF_PAIRS[0]
    if side_by_side(landscape, found.pairs):
        landscape.together = found.pairs
    plan = curve_plan(landscape, len(found.pairs), seconds, clock)
    if plan.shortened:
        found.remarks.append(f"Curves: {plan.shortened}.")
        log.info("%s", found.remarks[-1])
    if plan.too_little:
        for pair in found.pairs:
            absent = Estimate(float("nan"), converged=False, reason=plan.shortened)
            quantities = (quantity.name for quantity in METRICS[name].quantities)
            found.add(pair, ((quantity, absent) for quantity in quantities))
        return
    landscape.method = found.method = plan.method
    settings, together = first_probe(plan.method, name), bool(landscape.together)
    progress = CurveProgress(settings, len(found.pairs), plan.per_length, together=together)
    landscape.made = progress.fitted
    for pair in found.pairs:
        progress.start(pair)
        curve: ModeConnectivity = _computed(landscape, name, *pair)
        found.curves[pair] = curve
        found.add(pair, _of_curve(curve))


def _of_curve(curve: ModeConnectivity) -> Iterator[tuple[str, Estimate]]:
    """Its estimates, whose reason is in words if the fit has not converged."""
    for name, estimate in METRICS[OF_PAIRS[0]].estimates([curve]):
        if estimate.status == "not converged":
            reason = f"the curve has not converged: {estimate.reason}"
            yield name, replace(estimate, reason=reason)
        else:
            yield name, estimate


def _computed(landscape: DiagnosedLandscape, name: str, *members: int) -> Any:
    """A metric's result; what a network raises becomes an error of this project."""
    which = " and ".join(str(index + 1) for index in members)
    try:
        return landscape.measured(name, *members)
    except LandscapeError:
        raise
    except Exception as error:  # a user's network may raise anything
        if is_out_of_memory(error):
            raise OutOfMemoryError(
                f"{name} of checkpoint {which}: there is not enough memory; give fewer --samples, "
                "or --device cpu"
            ) from error
        raise CheckpointError(f"{name} of checkpoint {which}: {described(error)}") from error
