"""The worker's side of stage 3: one job's measurements of trained networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog import metrics
from landscape_catalog.execution.artifacts import write_measurement
from landscape_catalog.execution.device import make_deterministic, provenance
from landscape_catalog.schemas.fields import Section
from landscape_catalog.schemas.measure import Connectivity, Hessian, Similarity
from landscape_catalog.schemas.records import (
    BarrierMeasurement,
    ConnectivityMeasurement,
    CurvePointValues,
    DensityMeasurement,
    DistanceMeasurement,
    HessianMeasurement,
    LayersMeasurement,
    LossMeasurement,
    LossValues,
    Measured,
    MeasurementRecord,
    SimilarityMeasurement,
)
from landscape_catalog.stages.loading import LoadedData, load_data, load_state
from landscape_catalog.stages.measurements import Needed
from landscape_catalog.stages.payloads import MeasurePayload
from landscape_catalog.tasks import Perturbation, Samples

Settings = TypeVar("Settings", bound=Section)


def measure_and_keep(payload: MeasurePayload) -> None:
    """Make the measurements of one job and keep them."""
    make_deterministic()
    measurer = _Measurer(payload)
    for needed in payload.needed:
        record = MeasurementRecord(
            measurement_id=needed.measurement_id,
            run_ids=[run.run_id for run in needed.runs],
            snapshot=needed.snapshot,
            probe=needed.probe,
            measured=measurer.measure(needed),
            provenance=provenance(payload.device),
        )
        write_measurement(payload.shelf.path(needed.measurement_id), record)
        payload.shelf.share(needed.measurement_id)


class _Measurer:
    """Networks and features of one job, all of one cell, each loaded or computed once."""

    def __init__(self, payload: MeasurePayload) -> None:
        self.payload = payload
        self.data: LoadedData = load_data(payload.prepared, payload.device)
        self.cell = payload.needed[0].cell
        self.task = self.data.task(self.cell, payload.custom)
        self._states: dict[tuple[str, str], dict[str, Tensor]] = {}
        self._features: dict[tuple[Any, ...], metrics.Prepared] = {}

    def measure(self, needed: Needed) -> Measured:
        """Make one measurement."""
        makers: dict[str, Callable[[Needed], Measured]] = {
            "loss": self.loss,
            "hessian": self.hessian,
            "density": self.density,
            "layers": self.layers,
            "connectivity": self.connectivity,
            "barrier": self.barrier,
            "similarity": self.similarity,
            "distance": self.distance,
        }
        return makers[needed.metric](needed)

    def state(self, needed: Needed, which: int = 0) -> dict[str, Tensor]:
        run_id = needed.runs[which].run_id
        key = (run_id, needed.snapshot)
        if key not in self._states:
            folder = self.payload.runs.path(run_id)
            self._states[key] = load_state(folder, self.payload.device, needed.snapshot)
        return self._states[key]

    def network(self, needed: Needed, which: int = 0) -> nn.Module:
        network = self.data.network(self.cell, self.payload.custom).to(self.payload.device)
        network.load_state_dict(self.state(needed, which))
        return network.eval()

    def loss(self, needed: Needed) -> LossMeasurement:
        network = self.network(needed)
        train, test = (
            metrics.evaluate(network, data, self.task) for data in (self.data.train, self.data.test)
        )
        return LossMeasurement(train=_values(train), test=_values(test))

    def hessian(self, needed: Needed) -> HessianMeasurement:
        settings, network, batch = self._hessian_of(needed)
        if settings.backend == "pyhessian":
            estimate = metrics.pyhessian_estimate(
                network,
                batch,
                self.task,
                max_iterations=settings.max_iterations,
                tolerance=settings.tolerance,
                seed=needed.seed("hessian probes", settings.seed),
            )
        else:
            estimate = metrics.hessian_estimate(
                network, batch, self.task, _hessian_recipe(settings), seed=_hessian_seeds(needed)
            )
        return _hessian_record(needed, estimate)

    def layers(self, needed: Needed) -> LayersMeasurement:
        settings, network, batch = self._hessian_of(needed)
        found = metrics.layer_estimates(
            network, batch, self.task, _hessian_recipe(settings), seed=_hessian_seeds(needed)
        )
        return LayersMeasurement(
            layers={name: _hessian_record(needed, estimate) for name, estimate in found.items()}
        )

    def density(self, needed: Needed) -> DensityMeasurement:
        settings, network, batch = self._hessian_of(needed)
        found = metrics.hessian_density(
            network,
            batch,
            self.task,
            _hessian_recipe(settings),
            probes=settings.density_probes,
            steps=settings.density_steps,
            seed=needed.seed("hessian density", settings.seed),
        )
        return DensityMeasurement(samples=settings.samples, **dataclasses.asdict(found))

    def _hessian_of(self, needed: Needed) -> tuple[Hessian, nn.Module, Samples]:
        """The settings, the network and the batch."""
        settings = _settings(needed, Hessian)
        key = needed.seed("hessian batch", settings.seed)
        rows = np.random.Generator(np.random.Philox(key=key)).permutation(len(self.data.train))
        batch = self.data.train[torch.from_numpy(rows[: settings.samples])]
        return settings, self.network(needed), batch

    def connectivity(self, needed: Needed) -> ConnectivityMeasurement:
        settings, task = _settings(needed, Connectivity), self.task
        network = self.network(needed)
        curve = metrics.fit_curve(
            network,
            (self.state(needed), self.state(needed, 1)),
            self.data.train,
            task,
            metrics.CurveRecipe(**_fields(metrics.CurveRecipe, settings)),
            seed=needed.seed("curve fit"),
        )
        points = metrics.curve_points(
            network,
            curve,
            self.data.train,
            self.data.test,
            task,
            points=settings.points,
            refine=settings.refine,
            batch_size=settings.batch_size,
            seed=needed.seed("curve statistics"),
        )
        by = task.connectivity_by
        found = metrics.mode_connectivity(
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
        )

    def barrier(self, needed: Needed) -> BarrierMeasurement:
        settings, task = _settings(needed, Connectivity), self.task
        found = metrics.line_barrier(
            self.network(needed),
            (self.state(needed), self.state(needed, 1)),
            self.data.train,
            self.data.test,
            task,
            points=settings.points,
            batch_size=settings.batch_size,
            seed=needed.seed("curve statistics"),
        )
        return BarrierMeasurement(
            unit=task.connectivity_unit,
            quantity=task.connectivity_by,
            points=_point_values(found.points),
            barrier=found.height,
            t=found.t,
        )

    def similarity(self, needed: Needed) -> SimilarityMeasurement:
        one, other = (self._outputs(needed, which) for which in (0, 1))
        return SimilarityMeasurement(**dataclasses.asdict(metrics.similarity(one, other)))

    def _outputs(self, needed: Needed, which: int) -> metrics.Prepared:
        settings = _settings(needed, Similarity)
        ids = [run.run_id for run in needed.runs]
        apart = ids if settings.draw == "pair" else []
        key = (ids[which], needed.snapshot, settings, *apart)
        if key not in self._features:
            how = Perturbation(
                kind=settings.perturbation,
                **_fields(Perturbation, settings, without=("kind",)),
            )
            seed = needed.seed("similarity", *apart)
            perturbed = self.task.perturb(self.data.train, how, seed=seed)
            self._features[key] = metrics.prepared_features(
                self.network(needed, which), perturbed, self.task, layer=settings.layer
            )
        return self._features[key]

    def distance(self, needed: Needed) -> DistanceMeasurement:
        one, other = self.state(needed), self.state(needed, 1)
        parameters = self.network(needed).named_parameters()
        names = [name for name, parameter in parameters if parameter.requires_grad]
        return DistanceMeasurement(**dataclasses.asdict(metrics.l2_distance(one, other, names)))


def _settings(needed: Needed, kind: type[Settings]) -> Settings:
    if not isinstance(needed.settings, kind):
        raise TypeError(f"{needed.metric} needs {kind.__name__} settings")
    return needed.settings


def _hessian_recipe(settings: Hessian) -> metrics.HessianRecipe:
    return metrics.HessianRecipe(**_fields(metrics.HessianRecipe, settings))


def _hessian_seeds(needed: Needed) -> tuple[int, int]:
    seed = _settings(needed, Hessian).seed
    return needed.seed("hessian start", seed), needed.seed("hessian probes", seed)


def _hessian_record(needed: Needed, estimate: metrics.HessianEstimate) -> HessianMeasurement:
    return HessianMeasurement(
        method=needed.probe["backend"],
        samples=needed.probe["samples"],
        **dataclasses.asdict(estimate),
    )


def _fields(kind: type, settings: Section, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The settings that a dataclass has fields for."""
    names = [field.name for field in dataclasses.fields(kind) if field.name not in without]
    return {name: getattr(settings, name) for name in names}


def _point_values(points: list[metrics.CurvePoint]) -> list[CurvePointValues]:
    return [CurvePointValues(t=p.t, train=_values(p.train), test=_values(p.test)) for p in points]


def _values(evaluation: metrics.Evaluation) -> LossValues:
    """What is recorded: the error apart only where it is not the share of units that are wrong."""
    values = dataclasses.asdict(evaluation)
    if evaluation.n_wrong is not None:
        del values["error"]
    return LossValues(**values)
