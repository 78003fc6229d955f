"""How long curves may be: their length within a budget of time, from the time of a few steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from landscape_catalog.diagnosis.landscape import DiagnosedLandscape
from landscape_catalog.diagnosis.method import changed, first_probe
from landscape_catalog.graphs.limits import LARGEST_STACK, SMALLEST_STACK
from landscape_catalog.metrics.connectivity.compute import curve_recipe
from landscape_catalog.metrics.connectivity.settings import SHORTEST_FIT
from landscape_catalog.metrics.numerics.curves.fit import fit_curves
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.flops import count_multiply_adds
from landscape_catalog.training.grouping import FORWARD_PASSES, LARGEST_STEP

STEPS = 20  # that are timed, beside the overhead of a fit
SHORTEST = 10  # updates, below which a curve is not worth fitting
HALF = 1.5  # a fit and one of half its length
CURVES_SHARE = 0.95  # of the time that is left


@dataclass(frozen=True)
class CurvePlan:
    """How curves are fitted.

    Attributes:
        method: the section `measure`, shortened if the budget demands it.
        seconds: predicted for all curves; None: not predicted.
        per_length: predicted seconds of an epoch, or of an update where these are the length.
        shortened: what the budget has changed, in words; empty if nothing.
        too_little: whether the budget allows no curves.
    """

    method: Any
    seconds: float | None = None
    per_length: float = 0.0
    shortened: str = ""
    too_little: bool = False


def curve_plan(
    landscape: DiagnosedLandscape,
    n_pairs: int,
    seconds: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> CurvePlan:
    """The length of curves that are all fitted within the time that is left.

    Fits of all lengths that the method has are counted for each pair, with their evaluation at each
    point of the curve. If that takes longer, the longest are left out; if two fits still take
    longer, a fit of as many updates as there is time for, and one of half of them, are made.

    Args:
        landscape: the networks, data and method.
        n_pairs: number of curves.
        seconds: that are left for them; None: no limit.
        clock: a monotonic clock, in seconds.
    """
    settings = first_probe(landscape.method, "connectivity")
    step, evaluation = _timed(landscape, settings, clock)
    per_epoch = max(1, len(landscape.data.train) // settings.batch_size)

    def needed(one: Any) -> float:
        """Seconds of all curves, at most."""
        lengths = one.lengths()
        updates = sum(lengths) * (1 if one.updates is not None else per_epoch)
        return n_pairs * (updates * step + len(lengths) * one.points * evaluation)

    def per_length(one: Any) -> float:
        """Seconds of an epoch or update, with the evaluation of the curve's points."""
        return needed(one) / (n_pairs * sum(one.lengths()))

    limit = math.inf if seconds is None else CURVES_SHARE * seconds
    if needed(settings) <= limit:
        return CurvePlan(landscape.method, needed(settings), per_length(settings))
    longest = settings.lengths()[-1] * (1 if settings.updates is not None else per_epoch)
    while settings.epochs == "auto" and settings.max_epochs >= 4 * SHORTEST_FIT:
        settings = settings.model_copy(update={"max_epochs": settings.max_epochs // 2})
        if needed(settings) <= limit:
            words = f"the budget allows at most {settings.lengths()[-1]} epochs per curve"
            method = changed(landscape.method, "connectivity", max_epochs=settings.max_epochs)
            return CurvePlan(method, needed(settings), per_length(settings), words)
    left = limit - n_pairs * 2 * settings.points * evaluation
    updates = int(left / (n_pairs * HALF * step)) if step else longest
    if updates < SHORTEST:
        words = f"the budget allows less than {SHORTEST} updates per curve"
        return CurvePlan(landscape.method, 0.0, shortened=words, too_little=True)
    updates = min(updates, longest)
    words = f"the budget allows {updates} of {longest} updates per curve"
    shorter = changed(landscape.method, "connectivity", epochs=50, updates=updates, check=True)
    return CurvePlan(shorter, limit, per_length(first_probe(shorter, "connectivity")), words)


def side_by_side(landscape: DiagnosedLandscape, pairs: Sequence[tuple[int, int]]) -> bool:
    """Whether the curves of these pairs are fitted side by side, which small networks gain from.

    They are if there are 2 to 8 of them on the CPU, a step is as small as that of built-in networks
    that are trained side by side, and the network's graph gives the gradients of the network.
    """
    data, network = landscape.data, landscape.network(0)
    if not SMALLEST_STACK <= len(pairs) <= LARGEST_STACK or data.train.inputs.device.type != "cpu":
        return False
    settings = first_probe(landscape.method, "connectivity")
    counted = count_multiply_adds(network, data.train, data.task).count
    if counted is None or FORWARD_PASSES * counted * settings.batch_size > LARGEST_STEP:
        return False
    try:
        _fitted(landscape, settings, pairs, 1, together=True)
    except ValueError:  # its graph cannot be traced, or differs
        return False
    return True


def _fitted(
    landscape: DiagnosedLandscape,
    settings: Any,
    pairs: Sequence[tuple[int, int]],
    updates: int,
    *,
    together: bool,
) -> None:
    """Curves of a few updates."""
    data, states = landscape.data, landscape.states
    ends = [(dict(states[one]), dict(states[other])) for one, other in pairs]
    recipe = replace(curve_recipe(settings), updates=updates)
    network = landscape.network(0)
    fit_curves(network, ends, data.train, data.task, recipe, seed=0, together=together)


def _timed(
    landscape: DiagnosedLandscape, settings: Any, clock: Callable[[], float]
) -> tuple[float, float]:
    """Seconds of an update of one curve, and of evaluating one point of a curve on all data."""
    data, together = landscape.data, landscape.together
    pairs, spent = together or [(0, len(landscape.states) - 1)], []
    # What only a first fit takes, such as imports and memory, would hide the time of the steps.
    _fitted(landscape, settings, pairs, 1, together=bool(together))
    for updates in (1, 1 + STEPS):  # both have the same overhead
        start = clock()
        _fitted(landscape, settings, pairs, updates, together=bool(together))
        spent.append(clock() - start)
    start = clock()
    evaluate(landscape.network(0), data.train, data.task)
    seconds = clock() - start
    tested = 0 if data.test is None else len(data.test) / len(data.train)
    return max(spent[1] - spent[0], 0.0) / STEPS / len(pairs), seconds * (2 + tested)
