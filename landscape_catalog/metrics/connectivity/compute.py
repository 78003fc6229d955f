"""A curve fitted between the two runs of a pair, and the error at points along it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

from landscape_catalog.errors import is_out_of_memory
from landscape_catalog.metrics.connectivity.lengths import compared, is_final, until_converged
from landscape_catalog.metrics.connectivity.result import CurvePoint, ModeConnectivity
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.connectivity import connectivity_of_points
from landscape_catalog.metrics.numerics.curves.fit import fit_curves
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.evaluation import evaluate


def compute(context: Context) -> ModeConnectivity:
    """Fit the curve with each length that the settings ask for, and evaluate the longest fit.

    Each fit starts anew, with the same seeds and its own schedule: the learning rate falls late, so
    that values on the way to the end of a fit say little about shorter fits.
    """
    return until_converged(context.settings, partial(_measured, context))


def _measured(context: Context, place: int) -> ModeConnectivity:
    """Mode connectivity with the length at this place in the settings' list, measured once."""
    return context.remember(("measured", context.id, place), partial(_measure, context, place))


def _measure(context: Context, place: int) -> ModeConnectivity:
    """Mode connectivity with batch-norm statistics recomputed at each point."""
    settings: ConnectivitySettings = context.settings
    seed = context.seed("curve statistics")
    points = curve_points(
        context.network(),
        _fitted_curve(context, place),
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
    shorter = _measured(context, place - 1) if place else None
    return compared(connectivity_of_points(points, context.task), settings, place, shorter)


def _fitted_curve(context: Context, place: int) -> Curve:
    """The pair's curve, fitted together with the curves of its group that need this length.

    If one of them cannot be fitted, each curve is fitted separately.
    """
    if len(context.group) > 1:
        curves = context.remember(("curves", place), partial(_fit_group, context.group, place))
        if context.id in curves:
            return curves.pop(context.id)  # needed only once, since its points are remembered
    return _fit([context], place)[context.id]


def _fit_group(group: Sequence[Context], place: int) -> dict[str, Curve]:
    members = [context for context in group if _reaches(context, place)]
    try:
        return _fit(members, place)
    except Exception as error:  # one of them, or memory for all of them
        if not isinstance(error, ValueError) and not is_out_of_memory(error):
            raise
    return {}


def _reaches(context: Context, place: int) -> bool:
    """Whether this length is needed: none of the shorter fits is final or has failed."""
    if place == 0:
        return True
    if not _reaches(context, place - 1):
        return False
    try:
        return not is_final(_measured(context, place - 1), context.settings)
    except Exception:  # raised again when this curve itself is measured
        return False


def _fit(group: Sequence[Context], place: int) -> dict[str, Curve]:
    """The curves of several pairs on one landscape, by measurement id."""
    first = group[0]
    settings: ConnectivitySettings = first.settings
    length: dict[str, Any] = {settings.length_unit: settings.lengths()[place]}
    curves = fit_curves(
        first.network(),
        [(context.state(0), context.state(1)) for context in group],
        first.train,
        first.task,
        dataclasses.replace(curve_recipe(settings), **length),
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
