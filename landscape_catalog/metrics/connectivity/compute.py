"""A curve fitted between the two runs of a pair, and the error at points along it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress

from landscape_catalog.metrics.connectivity.spec import (
    ConnectivitySettings,
    CurvePoint,
    ModeConnectivity,
)
from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.connectivity import connectivity_of_points
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, fit_curves
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.evaluation import evaluate


def compute(context: Context) -> ModeConnectivity:
    """Fit the curve and evaluate it with batch-norm statistics recomputed at each point."""
    settings: ConnectivitySettings = context.settings
    seed = context.seed("curve statistics")
    points = curve_points(
        context.network(),
        _fitted_curve(context),
        context.train,
        context.test,
        context.task,
        points=settings.points,
        refine=settings.refine,
        batch_size=settings.batch_size,
        seed=seed,
        known=known_endpoints(context, settings.batch_size, seed),
    )
    keep_endpoints(context, settings.batch_size, seed, points)
    return connectivity_of_points(points, context.task)


def _fitted_curve(context: Context) -> Curve:
    """The pair's curve, fitted together with the other curves of its group.

    If one of them cannot be fitted, each curve is fitted separately.
    """

    def fit_group() -> dict[str, Curve]:
        with suppress(ValueError):
            return _fit(context.group)
        return {}

    if len(context.group) > 1:
        curves = context.remember(("curves",), fit_group)
        if context.id in curves:
            return curves[context.id]
    return _fit([context])[context.id]


def _fit(group: Sequence[Context]) -> dict[str, Curve]:
    """The curves of several pairs on one landscape, by measurement id."""
    first = group[0]
    curves = fit_curves(
        first.network(),
        [(context.state(0), context.state(1)) for context in group],
        first.train,
        first.task,
        curve_recipe(first.settings),
        seed=first.seed("curve fit"),
        together=first.is_grouped,
    )
    return dict(zip([context.id for context in group], curves))


def curve_recipe(settings: ConnectivitySettings) -> CurveRecipe:
    """How a curve is fitted."""
    names = [field.name for field in dataclasses.fields(CurveRecipe)]
    return CurveRecipe(**{name: getattr(settings, name) for name in names})


def known_endpoints(context: Context, batch_size: int, seed: int) -> list[CurvePoint]:
    """The endpoints of a pair's curve that have already been evaluated for another curve.

    A run is an endpoint of many curves. For built-in networks, evaluations of an endpoint are
    bit-identical whichever curve it is evaluated with. Custom networks and tasks may round
    differently, so their endpoints are never reused.

    Args:
        context: of the pair.
        batch_size: for recomputing batch-norm statistics.
        seed: of the shuffle for these statistics.
    """
    if context.statistics is not None:  # running: the ends are the networks as training left them
        return [_evaluated_end(context, which) for which in (0, 1)]
    if context.is_custom:
        return []
    keys = [(*key, batch_size, seed) for key in _endpoint_keys(context)]
    found = [(t, context.recall_endpoint(key)) for t, key in zip((0.0, 1.0), keys)]
    return [dataclasses.replace(point, t=t) for t, point in found if point is not None]


def keep_endpoints(
    context: Context, batch_size: int, seed: int, points: Sequence[CurvePoint]
) -> None:
    """Keep a curve's first and last point for other curves that share these endpoints."""
    if context.is_custom or context.statistics is not None:
        return
    for key, point in zip(_endpoint_keys(context), (points[0], points[-1])):
        context.store_endpoint((*key, batch_size, seed), point)


def _evaluated_end(context: Context, which: int) -> CurvePoint:
    """A run of the pair as an end of its curve, with the batch-norm statistics that it has."""
    network, task = context.network(which), context.task
    train, test = (evaluate(network, data, task) for data in (context.train, context.test))
    return CurvePoint(float(which), train, test)


def _endpoint_keys(context: Context) -> list[tuple[str, ...]]:
    return [(run_id, context.snapshot) for run_id in context.run_ids]
