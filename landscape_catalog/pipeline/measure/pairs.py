"""Measurements of two runs of a cell: curves, the straight line, CKA, distance."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress

from landscape_catalog.experiment.measure import Connectivity, Similarity
from landscape_catalog.metrics.numerics import similarity as numerics
from landscape_catalog.metrics.numerics.curves.barrier import line_barrier
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, fit_curves
from landscape_catalog.metrics.numerics.curves.points import CurvePoint, curve_points
from landscape_catalog.metrics.numerics.distance import l2_distance
from landscape_catalog.metrics.numerics.features import prepared_features
from landscape_catalog.metrics.numerics.hsic import Prepared
from landscape_catalog.pipeline.measure.context import Subject, fields_of, settings_of, values_of
from landscape_catalog.pipeline.measure.endpoint_cache import keep_ends, known_ends
from landscape_catalog.pipeline.shared.measurements import Needed
from landscape_catalog.store.measured import (
    BarrierMeasurement,
    ConnectivityMeasurement,
    CurvePointValues,
    DistanceMeasurement,
    SimilarityMeasurement,
)
from landscape_catalog.tasks import Perturbation


def connectivity(subject: Subject, needed: Needed) -> ConnectivityMeasurement:
    """A curve between the two runs of a pair, and every point of it."""
    settings, task = settings_of(needed, Connectivity), subject.task
    network, curve = subject.network(needed), _curve(subject, needed)
    seed = needed.seed("curve statistics")
    points = curve_points(
        network,
        curve,
        subject.data.train,
        subject.data.test,
        task,
        points=settings.points,
        refine=settings.refine,
        batch_size=settings.batch_size,
        seed=seed,
        known=known_ends(needed, settings.batch_size, seed),
    )
    keep_ends(needed, settings.batch_size, seed, points)
    by = task.connectivity_by
    found = mode_connectivity(
        [point.t for point in points], [getattr(point.train, by) for point in points]
    )
    return ConnectivityMeasurement(
        unit=task.connectivity_unit,
        quantity=by,
        points=_point_values(points),
        mode_connectivity=found.value,
        t=found.t,
        lowest=found.lowest,
        highest=found.highest,
        peak_error=found.peak_error,
        area=found.area,
    )


def _curve(subject: Subject, needed: Needed) -> Curve:
    """Fitted together with the job's other curves, which are on the same landscape.

    If one of them cannot be fitted, each is tried alone.
    """
    if not subject.curves and len(subject.payload.needed) > 1:
        with suppress(ValueError):
            _fit(subject, subject.payload.needed)
    if needed.measurement_id not in subject.curves:
        _fit(subject, [needed])
    return subject.curves[needed.measurement_id]


def _fit(subject: Subject, several: Sequence[Needed]) -> None:
    """Keep the curves of these pairs."""
    first = several[0]
    curves = fit_curves(
        subject.network(first),
        [(subject.state(item), subject.state(item, 1)) for item in several],
        subject.data.train,
        subject.task,
        CurveRecipe(**fields_of(CurveRecipe, settings_of(first, Connectivity))),
        seed=first.seed("curve fit"),
        together=first.fitted_with is not None,
    )
    subject.curves.update(zip([item.measurement_id for item in several], curves))


def barrier(subject: Subject, needed: Needed) -> BarrierMeasurement:
    """The straight line between them."""
    settings, task = settings_of(needed, Connectivity), subject.task
    seed = needed.seed("curve statistics")
    found = line_barrier(
        subject.network(needed),
        (subject.state(needed), subject.state(needed, 1)),
        subject.data.train,
        subject.data.test,
        task,
        points=settings.points,
        batch_size=settings.batch_size,
        seed=seed,
        known=known_ends(needed, settings.batch_size, seed),
    )
    keep_ends(needed, settings.batch_size, seed, found.points)
    return BarrierMeasurement(
        unit=task.connectivity_unit,
        quantity=task.connectivity_by,
        points=_point_values(found.points),
        barrier=found.height,
        t=found.t,
    )


def similarity(subject: Subject, needed: Needed) -> SimilarityMeasurement:
    """CKA and disagreement of a pair."""
    one, other = (_outputs(subject, needed, which) for which in (0, 1))
    return SimilarityMeasurement(**dataclasses.asdict(numerics.similarity(one, other)))


def _outputs(subject: Subject, needed: Needed, which: int) -> Prepared:
    settings = settings_of(needed, Similarity)
    ids = [run.run_id for run in needed.runs]
    apart = ids if settings.draw == "pair" else []
    key = (ids[which], needed.snapshot, settings, *apart)
    if key not in subject.features:
        how = Perturbation(
            kind=settings.perturbation,
            **fields_of(Perturbation, settings, without=("kind",)),
        )
        seed = needed.seed("similarity", *apart)
        perturbed = subject.task.perturb(subject.data.train, how, seed=seed)
        subject.features[key] = prepared_features(
            subject.network(needed, which), perturbed, subject.task, layer=settings.layer
        )
    return subject.features[key]


def distance(subject: Subject, needed: Needed) -> DistanceMeasurement:
    """L2 distance of a pair, over trainable parameters."""
    one, other = subject.state(needed), subject.state(needed, 1)
    parameters = subject.network(needed).named_parameters()
    names = [name for name, parameter in parameters if parameter.requires_grad]
    return DistanceMeasurement(**dataclasses.asdict(l2_distance(one, other, names)))


def _point_values(points: list[CurvePoint]) -> list[CurvePointValues]:
    return [
        CurvePointValues(t=p.t, train=values_of(p.train), test=values_of(p.test)) for p in points
    ]
