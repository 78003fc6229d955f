"""Mode connectivity: a Bezier curve of low loss between two runs, and the error along it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from landscape_catalog.errors import Problem
from landscape_catalog.metrics.estimate import Estimate, error_of_mean
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.influences import influences_of_mean
from landscape_catalog.metrics.metric import (
    PRIMARY,
    Cost,
    MeasuredData,
    Metric,
    Named,
    PairChoice,
    Panel,
    Quantity,
    Slice,
)
from landscape_catalog.schema.fields import (
    BatchSize,
    Fraction,
    Later,
    NonNegativeFloat,
    Outside,
    PositiveFloat,
    PositiveInt,
    Section,
    Text,
)
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import INTEGER, PAIR_KEY, REAL, TEXT, Row, Table
from landscape_catalog.training.grouping import (
    has_small_steps,
    has_small_values,
    moved_from_stacks,
)

TRAINING_COST = 3  # cost of a step in forward passes: one forward, a backward that costs two


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
    epochs: PositiveInt = 50
    """Length of the fit in epochs."""
    updates: Annotated[PositiveInt | None, Later(None)] = None
    """Length of the fit in SGD updates instead of epochs, so that it is the same on a subset of the
    data (the authors take 50 / share epochs). `null`: use `epochs`."""
    lr: PositiveFloat = 0.01
    """Learning rate of the fit: constant for the first half, then linear decay to 1% at 90%."""
    batch_size: BatchSize = 128
    """Batch size of the fit, and for recomputing batch-norm statistics."""
    momentum: Fraction = 0.9
    """Momentum of the fit."""
    weight_decay: NonNegativeFloat = 5e-4
    """Coefficient of 1/2 ||gamma(t)||^2 in the objective of the fit (the authors' code)."""
    points: int = Field(default=5, ge=3)
    """Number of evenly spaced points at which the error is measured, endpoints included."""
    refine: Annotated[int, Field(ge=0), Later(0)] = 0
    """Number of further points, added one at a time next to the largest deviation, on the side of
    the nearer endpoint."""
    repeats: Annotated[PositiveInt, Outside()] = 1
    """Number of fits per curve, each with different seeds: mc is their mean, with a standard error
    if there are at least two."""

    def content(self) -> dict[str, Any]:
        """As for every section, but without `epochs` if `updates` is set."""
        content = super().content()
        return {k: v for k, v in content.items() if k != "epochs" or self.updates is None}


@dataclass(frozen=True)
class CurvePoint:
    """Loss and error of the network at one point of a curve."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    t: float
    """Position between 0 and 1."""
    train: Evaluation
    """On the training data."""
    test: Evaluation
    """On the test data."""

    def row(self) -> Row:
        """Its columns in the table `curve_points`."""
        row: Row = {"t": self.t}
        for side, values in (("train", self.train), ("test", self.test)):
            row |= {
                f"{side}_error": values.error_value,
                f"{side}_loss": values.loss,
                f"n_{side}": values.n,
            }
        return row


@dataclass(frozen=True)
class ModeConnectivity:
    """Deviation of the error along a curve from the mean of its endpoints, in the error's unit."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    mode_connectivity: float
    """mc of Eq. 4: the deviation of largest magnitude strictly between the endpoints."""
    t: float
    """Where this deviation is attained."""
    lowest: float
    """Most negative deviation: minus the height of the worst barrier, 0 if there is none."""
    highest: float
    """Most positive deviation: how far the error dips below its endpoints, 0 if it does not."""
    peak_error: float
    """Largest training error (or loss) strictly between the endpoints."""
    area: float
    """Integral of the training error (or loss) over t from 0 to 1, by the trapezoid rule."""
    unit: str = ""
    """Unit of mode connectivity."""
    quantity: Literal["error", "loss"] = "error"
    """Whether it is computed from the training error or the training loss."""
    points: list[CurvePoint] = field(default_factory=list)
    """The evaluated points, by increasing t."""
    metric: Literal["connectivity"] = field(default="connectivity", kw_only=True)
    """Which metric."""


# Quantity of the catalog -> field of the result.
_FIELDS = {
    "mode_connectivity": "mode_connectivity",
    "connectivity_lowest": "lowest",
    "connectivity_highest": "highest",
    "peak_error": "peak_error",
    "curve_area": "area",
}


class ConnectivityMetric(Metric):
    """Mode connectivity of a pair along a fitted Bezier curve (Yang et al. 2021, Eq. 4)."""

    name = "connectivity"
    scope = "pair"
    result = ModeConnectivity
    # curve_fit 2: rounds differently, since small networks are stacked and large ones use the
    # channels-last format. curve_points 2: batch norm folded into convolutions; 3: channels last.
    recipes: ClassVar = {"curve_fit": 2, "curve_points": 3}
    grouped_recipes: ClassVar = {"curve_fit": 3, "curve_points": 4}
    section = "connectivity"
    owns_section = True
    settings = ConnectivitySettings
    many = True
    describes = "Mode connectivity; a list measures the same runs with several probes."
    alone = True
    quantities = (
        Quantity(
            "mode_connectivity",
            share_of="training error",
            panel=Panel(
                5,
                "Mode connectivity mc, {unit}",
                "blue: a barrier, red: a dip, white: neither",
                "redblue",
                "+.2~f",
                symmetric=True,
                reverse=True,
            ),
            slice=Slice("Mode connectivity mc, {unit}", "below 0: a barrier; above 0: a dip"),
        ),
        Quantity("connectivity_lowest"),
        Quantity("connectivity_highest"),
        Quantity("peak_error"),
        Quantity("curve_area"),
    )
    tables: ClassVar = {
        "curves": Table(
            "a curve between two converged runs, fitted by one probe",
            (
                *PAIR_KEY,
                ("probe", TEXT, "name of the probe"),
                ("fit", INTEGER, "which fit, from 0"),
                ("unit", TEXT, "unit of mode connectivity"),
                ("quantity", TEXT, "computed from the training `error` or `loss`"),
                ("mode_connectivity", REAL, "mc of Eq. 4"),
                ("t", REAL, "where the deviation is largest"),
                ("lowest", REAL, "most negative deviation"),
                ("highest", REAL, "most positive deviation"),
                ("peak_error", REAL, "largest training error (or loss) between the endpoints"),
                ("area", REAL, "integral of the training error (or loss) over t"),
            ),
            ("cell_id", "run_id", "other_run_id", "probe", "fit"),
        ),
        "curve_points": Table(
            "one point of a curve, or of the straight line, between two runs",
            (
                *PAIR_KEY,
                ("probe", TEXT, "name of the probe; `line` for the straight line"),
                ("fit", INTEGER, "which fit, from 0"),
                ("t", REAL, "position between 0 and 1"),
                ("train_error", REAL, "in the unit of the task's error"),
                ("train_loss", REAL, "in the unit of the task's loss"),
                ("n_train", INTEGER, "training samples (tokens of text)"),
                ("test_error", REAL, "in the unit of the task's error"),
                ("test_loss", REAL, "in the unit of the task's loss"),
                ("n_test", INTEGER, "test samples (tokens of text)"),
            ),
            ("cell_id", "run_id", "other_run_id", "probe", "fit", "t"),
        ),
    }
    pair_columns = (
        ("mode_connectivity", REAL, "mc of Eq. 4, mean over fits; null without a curve"),
        ("mode_connectivity_error", REAL, "standard error over fits; null for a single fit"),
        ("fits", INTEGER, "number of fits (`repeats`)"),
        ("connectivity_unit", TEXT, "unit of mc"),
        ("t", REAL, "where the deviation is largest, of the first fit"),
        ("lowest", REAL, "its most negative deviation"),
        ("highest", REAL, "its most positive deviation"),
        ("peak_error", REAL, "its largest training error (or loss) between the endpoints"),
        ("area", REAL, "integral of its training error (or loss) over t"),
    )

    def problems(self, settings: ConnectivitySettings, data: MeasuredData) -> list[Problem]:
        """A batch size larger than the training set."""
        return self.too_many("batch_size", settings.batch_size, data)

    def pairs(self, settings: ConnectivitySettings) -> PairChoice:
        """As the probe's settings say."""
        return settings.pairs

    def repeats(self, settings: ConnectivitySettings) -> int:
        """As the probe's settings say."""
        return settings.repeats

    def method(self, settings: ConnectivitySettings) -> str:
        """The kind of curve and its initialisation."""
        points = settings.control_points
        kind = {3: "quadratic", 4: "cubic"}.get(points, f"{points}-point")
        start = "" if settings.init == "linear" else ", random start"
        return f"{kind} Bezier curve{start}"

    def cost(self, settings: ConnectivitySettings, samples: int) -> Cost:
        """The steps of the fit, and one epoch per point."""
        epoch = samples // settings.batch_size
        fit = settings.updates or settings.epochs * epoch
        return Cost(settings.batch_size, fit + settings.points * epoch, TRAINING_COST)

    def fits_in_group(
        self, settings: ConnectivitySettings, network: Mapping[str, Any] | None
    ) -> bool:
        """Curves between networks with small steps are fitted side by side."""
        return has_small_steps(network, settings.batch_size)

    def recipe_numbers(
        self, settings: ConnectivitySettings, network: Mapping[str, Any] | None
    ) -> dict[str, int]:
        """The grouped ones for fits and for batch-norm statistics that are made side by side.

        They are also those of what was computed side by side before and now is computed alone.
        """
        n = settings.batch_size
        grouped = {
            "curve_fit": has_small_steps(network, n) or moved_from_stacks(network, n),
            "curve_points": has_small_values(network, n),
        }
        return {
            name: self.grouped_recipes[name] if grouped[name] else number
            for name, number in self.recipes.items()
        }

    def estimates(self, results: Sequence[ModeConnectivity]) -> Iterator[Named]:
        """Means over repeated fits; the error of a single fit is unknown.

        All pairs of a landscape have the same batches and t in their r-th fit, so they share its
        error.
        """
        n = len(results)
        for name, attribute in _FIELDS.items():
            values = [getattr(result, attribute) for result in results]
            value = statistics.fmean(values)
            reason = "the error along the curve is not finite" if math.isnan(value) else None
            kind: Literal["standard error", "unknown"] = "standard error" if n > 1 else "unknown"
            unit = results[0].unit
            yield (
                name,
                Estimate(
                    value,
                    error_of_mean(values),
                    kind,
                    n,
                    "fits",
                    unit,
                    reason=reason,
                    shared_draw=True,
                    influences=influences_of_mean(values),
                ),
            )

    def rows(self, probe: str, results: Sequence[ModeConnectivity]) -> dict[str, list[Row]]:
        """A row of `curves` for each fit, and a row of `curve_points` for each of its points."""
        columns = [name for name, _, _ in self.tables["curves"].columns[5:]]
        curves: list[Row] = []
        points: list[Row] = []
        for fit, result in enumerate(results):
            key = {"probe": probe, "fit": fit}
            curves.append(key | {name: getattr(result, name) for name in columns})
            points += [key | point.row() for point in result.points]
        return {"curves": curves, "curve_points": points}

    def pair_row(self, results: Sequence[ModeConnectivity]) -> Row:
        """The mean over fits, and the extremes of the first fit."""
        values = [result.mode_connectivity for result in results]
        first = results[0]
        row: Row = {
            "mode_connectivity": statistics.fmean(values),
            "mode_connectivity_error": error_of_mean(values),
            "fits": len(values),
            "connectivity_unit": first.unit,
        }
        keys = ("t", "lowest", "highest", "peak_error", "area")
        return row | {key: getattr(first, key) for key in keys}
