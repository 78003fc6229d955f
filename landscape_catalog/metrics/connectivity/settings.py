"""Settings of mode connectivity: the curve, how it is fitted, and when the fit has converged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from landscape_catalog.errors import Problem
from landscape_catalog.metrics.connectivity.result import LengthUnit
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.schema.fields import (
    LARGE,
    Added,
    BatchSize,
    Count,
    Fraction,
    Later,
    NonNegativeFloat,
    Outside,
    PositiveFloat,
    PositiveInt,
    Section,
    Text,
    When,
)
from landscape_catalog.schema.pairs import PairChoice

MOST_POINTS = 10_000  # whose weights are held in memory together
SHORTEST_FIT = 25  # epochs of the first fit with `epochs: auto`; each further one is twice as long


class ConnectivitySettings(Section):
    """A Bezier curve between two runs of a cell."""

    name: Annotated[Text, Field(min_length=1), Outside()] = PRIMARY
    """Name of the probe, unique among several. Classification uses the first probe."""
    pairs: Annotated[PairChoice, Outside()] = "first"
    """Which pairs get a curve: the first two converged seeds, a ring of all seeds, or all pairs."""
    control_points: Annotated[int, Field(ge=3, le=10), Later(3)] = 3
    """Number of control points, endpoints included: 3 for a quadratic curve, 4 for a cubic."""
    init: Literal["linear", "random"] = "linear"
    """Initial inner control points: on the straight line between the endpoints, or random weights
    (the authors' code)."""
    epochs: PositiveInt | Literal["auto"] = 50
    """Length of the fit in epochs. `auto`: whole fits of 25, 50, 100, ... epochs, each from the
    start, until mode connectivity no longer changes (`convergence`), at most `max_epochs`."""
    updates: Annotated[PositiveInt | None, Later(None)] = None
    """Length of the fit in SGD updates instead of epochs, so that it is the same on a subset of the
    data (the authors take 50 / share epochs). `null`: use `epochs`."""
    convergence: Annotated[PositiveFloat, Added(0.5), When("epochs", ("auto",))] = 0.5
    """A fit has converged if mode connectivity differs by less than this from that of a fit of half
    the length, in the unit of mode connectivity (percentage points of error, or nats)."""
    max_epochs: Annotated[
        int, Field(ge=2 * SHORTEST_FIT, lt=LARGE), Added(400), When("epochs", ("auto",))
    ] = 400
    """`epochs: auto`: longest fit allowed. A curve that still changes is `not converged`."""
    check: Annotated[bool, Added(False)] = False
    """Whether to fit once more with half of the epochs (or updates), to see whether the fit has
    converged. The curve itself stays the same. `epochs: auto` always checks."""
    lr: PositiveFloat = 0.01
    """Learning rate of the fit: constant for the first half, then linear decay to 1% at 90%."""
    batch_size: BatchSize = 128
    """Batch size of the fit, and for recomputing batch-norm statistics."""
    momentum: Fraction = 0.9
    """Momentum of the fit."""
    weight_decay: NonNegativeFloat = 5e-4
    """Coefficient of 1/2 ||gamma(t)||^2 in the objective of the fit (the authors' code)."""
    points: int = Field(default=5, ge=3, le=MOST_POINTS)
    """Number of evenly spaced points at which the error is measured, endpoints included."""
    refine: Annotated[Count, Later(0)] = 0
    """Number of further points, added one at a time next to the largest deviation, on the side of
    the nearer endpoint."""
    repeats: Annotated[PositiveInt, Outside()] = 1
    """Number of fits per curve, each with different seeds: mc is their mean, with a standard error
    if there are at least two."""

    def content(self) -> dict[str, Any]:
        """As for every section, but without `epochs` if `updates` is set, or `check` if it is moot.

        With `epochs: auto`, `convergence` decides which fits are made. With `check`, it only
        decides how their results are read (`ConnectivityMetric.judged`), so no id includes it.
        """
        without = set() if self.updates is None else {"epochs"}
        if self.epochs == "auto":
            without.add("check")
        return {name: v for name, v in super().content().items() if name not in without}

    @property
    def length_unit(self) -> LengthUnit:
        """What the length of a fit is given in."""
        return "epochs" if self.updates is None else "updates"

    def lengths(self) -> list[int]:
        """Lengths of the fits that are made, in order and in `length_unit`.

        With `epochs: auto`, the later ones are made only if the earlier ones differ.

        >>> ConnectivitySettings(epochs="auto", max_epochs=120).lengths()
        [25, 50, 100]
        >>> ConnectivitySettings(epochs=51, check=True).lengths()
        [25, 51]
        """
        if self.epochs == "auto":
            lengths = [SHORTEST_FIT]
            while 2 * lengths[-1] <= self.max_epochs:
                lengths.append(2 * lengths[-1])
            return lengths
        length = self.updates or self.epochs
        return [length // 2, length] if self.check else [length]


def length_problems(settings: ConnectivitySettings) -> list[Problem]:
    """Settings that exclude each other."""
    if settings.updates is not None and settings.epochs == "auto":
        allowed = "null with epochs: auto, which chooses the length itself"
        return [Problem("measure.connectivity.updates", repr(settings.updates), allowed)]
    if settings.check and settings.lengths()[0] == 0:
        allowed = f"false: a fit of 1 {settings.length_unit[:-1]} has no half"
        return [Problem("measure.connectivity.check", "true", allowed)]
    return []
