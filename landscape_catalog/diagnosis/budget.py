"""How long curves may be: their length within a budget of time, from the time of a few steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from landscape_catalog.diagnosis.landscape import DiagnosedLandscape
from landscape_catalog.diagnosis.method import changed, first_probe
from landscape_catalog.metrics.connectivity.compute import curve_recipe
from landscape_catalog.metrics.connectivity.settings import SHORTEST_FIT
from landscape_catalog.metrics.numerics.curves.fit import fit_curve
from landscape_catalog.metrics.numerics.evaluation import evaluate

STEPS = 4  # that are timed, beside the overhead of a fit
SHORTEST = 10  # updates, below which a curve is not worth fitting
HALF = 1.5  # a fit and one of half its length
CURVES_SHARE = 0.95  # of the time that is left


@dataclass(frozen=True)
class CurvePlan:
    """How curves are fitted.

    Attributes:
        method: the section `measure`, shortened if the budget demands it.
        seconds: predicted for all curves; None: not predicted.
        shortened: what the budget has changed, in words; empty if nothing.
        too_little: whether the budget allows no curves.
    """

    method: Any
    seconds: float | None = None
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

    limit = math.inf if seconds is None else CURVES_SHARE * seconds
    if needed(settings) <= limit:
        return CurvePlan(landscape.method, needed(settings))
    longest = settings.lengths()[-1] * (1 if settings.updates is not None else per_epoch)
    while settings.epochs == "auto" and settings.max_epochs >= 4 * SHORTEST_FIT:
        settings = settings.model_copy(update={"max_epochs": settings.max_epochs // 2})
        if needed(settings) <= limit:
            words = f"the budget allows at most {settings.lengths()[-1]} epochs per curve"
            method = changed(landscape.method, "connectivity", max_epochs=settings.max_epochs)
            return CurvePlan(method, needed(settings), words)
    left = limit - n_pairs * 2 * settings.points * evaluation
    updates = int(left / (n_pairs * HALF * step)) if step else longest
    if updates < SHORTEST:
        words = f"the budget allows less than {SHORTEST} updates per curve"
        return CurvePlan(landscape.method, 0.0, words, too_little=True)
    updates = min(updates, longest)
    words = f"the budget allows {updates} of {longest} updates per curve"
    shorter = changed(landscape.method, "connectivity", epochs=50, updates=updates, check=True)
    return CurvePlan(shorter, limit, words)


def _timed(
    landscape: DiagnosedLandscape, settings: Any, clock: Callable[[], float]
) -> tuple[float, float]:
    """Seconds of an update, and of evaluating one point of a curve on all data."""
    data, network = landscape.data, landscape.network(0)
    recipe, spent = curve_recipe(settings), []
    ends = dict(landscape.states[0]), dict(landscape.states[-1])
    for updates in (1, 1 + STEPS):  # both have the same overhead
        start = clock()
        short = replace(recipe, updates=updates)
        fit_curve(network, ends, data.train, data.task, short, seed=0)
        spent.append(clock() - start)
    start = clock()
    evaluate(network, data.train, data.task)
    seconds = clock() - start
    tested = 0 if data.test is None else len(data.test) / len(data.train)
    return max(spent[1] - spent[0], 0.0) / STEPS, seconds * (2 + tested)
