"""Mode connectivity: a Bezier curve of low loss between two runs, and the error along it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from landscape_catalog.errors import Problem
from landscape_catalog.metrics.connectivity.result import ModeConnectivity, all_converged
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings, length_problems
from landscape_catalog.metrics.estimate import Estimate, error_of_mean, mean_of, not_finite_reason
from landscape_catalog.metrics.influences import influences_of_mean
from landscape_catalog.metrics.metric import (
    Cost,
    MeasuredData,
    Metric,
    Named,
    Panel,
    Quantity,
    Slice,
)
from landscape_catalog.schema.pairs import PairChoice
from landscape_catalog.schema.tables import (
    BOOLEAN,
    INTEGER,
    PAIR_KEY,
    REAL,
    TEXT,
    Column,
    Row,
    Table,
)
from landscape_catalog.training.grouping import (
    has_small_steps,
    has_small_values,
    moved_from_stacks,
)

TRAINING_COST = 3  # cost of a step in forward passes: one forward, a backward that costs two
USUAL_FITS = 3  # typical number of fits with `epochs: auto`, for time estimates

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
    authors_statistics = "recomputed"
    section = "connectivity"
    owns_section = True
    settings = ConnectivitySettings
    many = True
    describes = "Mode connectivity; a list measures the same runs with several probes."
    alone = True
    records_steps: ClassVar = True
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
                Column("probe", TEXT, "name of the probe"),
                Column("fit", INTEGER, "which fit, from 0"),
                Column("unit", TEXT, "unit of mode connectivity"),
                Column("quantity", TEXT, "computed from the training `error` or `loss`"),
                Column("mode_connectivity", REAL, "mc of Eq. 4", "see `unit`"),
                Column("t", REAL, "where the deviation is largest", "1"),
                Column("lowest", REAL, "most negative deviation", "see `unit`"),
                Column("highest", REAL, "most positive deviation", "see `unit`"),
                Column(
                    "peak_error",
                    REAL,
                    "largest training error (or loss) between the endpoints",
                    "see `unit`",
                ),
                Column(
                    "area", REAL, "integral of the training error (or loss) over t", "see `unit`"
                ),
                Column("fit_length", INTEGER, "length of the fit, in `length_unit`"),
                Column("length_unit", TEXT, "`epochs` or `updates`"),
                Column("shorter_length", INTEGER, "length of the fit that it was compared with"),
                Column(
                    "shorter_mode_connectivity",
                    REAL,
                    "mc of that fit; null if there is none",
                    "see `unit`",
                ),
                Column("converged", BOOLEAN, "whether the two mc agree; null: unknown"),
            ),
            ("cell_id", "run_id", "other_run_id", "probe", "fit"),
        ),
        "curve_points": Table(
            "one point of a curve, or of the straight line, between two runs",
            (
                *PAIR_KEY,
                Column("probe", TEXT, "name of the probe; `line` for the straight line"),
                Column("fit", INTEGER, "which fit, from 0"),
                Column("t", REAL, "position between 0 and 1", "1"),
                Column("train_error", REAL, "in the unit of the task's error", "task's error"),
                Column("train_loss", REAL, "in the unit of the task's loss", "task's loss"),
                Column("n_train", INTEGER, "training samples (tokens of text)"),
                Column("test_error", REAL, "in the unit of the task's error", "task's error"),
                Column("test_loss", REAL, "in the unit of the task's loss", "task's loss"),
                Column("n_test", INTEGER, "test samples (tokens of text)"),
            ),
            ("cell_id", "run_id", "other_run_id", "probe", "fit", "t"),
        ),
    }
    pair_columns = (
        Column(
            "mode_connectivity",
            REAL,
            "mc of Eq. 4, mean over fits; null without a curve",
            "see `connectivity_unit`",
        ),
        Column(
            "mode_connectivity_error",
            REAL,
            "standard error over fits; null for a single fit",
            "see `connectivity_unit`",
        ),
        Column("fits", INTEGER, "number of fits (`repeats`)"),
        Column("connectivity_unit", TEXT, "unit of mc"),
        Column("t", REAL, "where the deviation is largest, of the first fit", "1"),
        Column("lowest", REAL, "its most negative deviation", "see `connectivity_unit`"),
        Column("highest", REAL, "its most positive deviation", "see `connectivity_unit`"),
        Column(
            "peak_error",
            REAL,
            "its largest training error (or loss) between the endpoints",
            "see `connectivity_unit`",
        ),
        Column(
            "area",
            REAL,
            "integral of its training error (or loss) over t",
            "see `connectivity_unit`",
        ),
        Column("fit_length", INTEGER, "its length, in `length_unit`"),
        Column("length_unit", TEXT, "`epochs` or `updates`"),
        Column("fits_converged", BOOLEAN, "whether all fits have converged; null: unknown"),
    )

    def problems(self, settings: ConnectivitySettings, data: MeasuredData) -> list[Problem]:
        """A batch size larger than the training set, and lengths that exclude each other."""
        return self.too_many("batch_size", settings.batch_size, data) + length_problems(settings)

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

    def work_kind(self, settings: ConnectivitySettings) -> str:
        """Fits of variable length are timed as a kind of their own."""
        return "connectivity auto" if settings.epochs == "auto" else self.name

    def cost(self, settings: ConnectivitySettings, samples: int) -> Cost:
        """The steps of all fits, and one epoch per point of each; with `auto`, the usual number."""
        epoch = samples // settings.batch_size
        lengths = settings.lengths()[: USUAL_FITS if settings.epochs == "auto" else None]
        steps = sum(lengths) * (epoch if settings.updates is None else 1)
        points = len(lengths) * settings.points
        return Cost(settings.batch_size, steps + points * epoch, TRAINING_COST)

    def largest_cost(self, settings: ConnectivitySettings, samples: int) -> Cost:
        """All fits that `epochs: auto` allows, and all points."""
        epoch = samples // settings.batch_size
        lengths = settings.lengths()
        steps = sum(lengths) * (epoch if settings.updates is None else 1)
        points = len(lengths) * (settings.points + settings.refine)
        return Cost(settings.batch_size, steps + points * epoch, TRAINING_COST)

    def held_weights(self, settings: ConnectivitySettings) -> tuple[str, int]:
        """The networks at all points beside the curve, or its fit: gradient, momentum and steps."""
        fitting = 2 * settings.control_points + 1
        evaluating = settings.points + settings.control_points
        by_points = evaluating >= fitting
        return ("points", evaluating) if by_points else ("control_points", fitting)

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

    def judged(self, result: ModeConnectivity, settings: ConnectivitySettings) -> ModeConnectivity:
        """With `convergence` as these settings say, and the length that an earlier record lacks."""
        if result.fit_length is None and settings.epochs != "auto":
            unit = settings.length_unit
            result = replace(result, fit_length=settings.lengths()[-1], length_unit=unit)
        return replace(result, convergence=settings.convergence)

    def estimates(self, results: Sequence[ModeConnectivity]) -> Iterator[Named]:
        """Means over repeated fits; the error of a single fit is unknown.

        All pairs of a landscape have the same batches and t in their r-th fit, so they share its
        error. The mean has not converged if one of the fits has not.
        """
        n = len(results)
        unended = list(filter(None, (result.not_converged_reason for result in results)))
        share = f"{len(unended)} of {n} fits: " if n > 1 else ""
        changing = f"{share}{unended[0]}" if unended else None
        for name, attribute in _FIELDS.items():
            values = [getattr(result, attribute) for result in results]
            value = mean_of(values)
            along = f"the {results[0].quantity} along the curve"
            reason = not_finite_reason(along, value) or changing
            kind: Literal["standard error", "unknown"] = "standard error" if n > 1 else "unknown"
            error = error_of_mean(values)
            estimate = Estimate(value, error, kind, n, "fits", results[0].unit, shared_draw=True)
            yield (
                name,
                replace(
                    estimate,
                    converged=not unended,
                    reason=reason,
                    influences=influences_of_mean(values),
                ),
            )

    def rows(self, probe: str, results: Sequence[ModeConnectivity]) -> dict[str, list[Row]]:
        """A row of `curves` for each fit, and a row of `curve_points` for each of its points."""
        columns = [column.name for column in self.tables["curves"].columns[5:]]
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
            "mode_connectivity": mean_of(values),
            "mode_connectivity_error": error_of_mean(values),
            "fits": len(values),
            "connectivity_unit": first.unit,
            "fits_converged": all_converged(results),
        }
        keys = ("t", "lowest", "highest", "peak_error", "area", "fit_length", "length_unit")
        return row | {key: getattr(first, key) for key in keys}
