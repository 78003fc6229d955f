"""The worker's side of stage 3: one job's measurements of trained networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from torch import Tensor, nn

from landscape_catalog import metrics
from landscape_catalog.execution.artifacts import write_measurement
from landscape_catalog.execution.device import make_deterministic, provenance
from landscape_catalog.schemas.grid import Run
from landscape_catalog.schemas.records import (
    ConnectivityMeasurement,
    CurvePointValues,
    DistanceMeasurement,
    HessianMeasurement,
    LossMeasurement,
    LossValues,
    Measured,
    MeasurementRecord,
    SimilarityMeasurement,
)
from landscape_catalog.stages.loading import LoadedData, load_data, load_state
from landscape_catalog.stages.measure import MeasurePayload
from landscape_catalog.stages.measurements import Needed


def measure_and_keep(payload: MeasurePayload) -> None:
    """Make the measurements of one job and keep them."""
    make_deterministic()
    measurer = _Measurer(payload)
    for needed in payload.needed:
        record = MeasurementRecord(
            measurement_id=needed.measurement_id,
            run_ids=[run.run_id for run in needed.runs],
            probe=needed.probe,
            measured=measurer.measure(needed),
            provenance=provenance(payload.device),
        )
        write_measurement(payload.shelf.path(needed.measurement_id), record)
        payload.shelf.share(needed.measurement_id)


class _Measurer:
    """Networks and features of one job, each loaded or computed once."""

    def __init__(self, payload: MeasurePayload) -> None:
        self.payload = payload
        self.data: LoadedData = load_data(payload.prepared, payload.device)
        self._states: dict[str, dict[str, Tensor]] = {}
        self._features: dict[str, Tensor] = {}

    def measure(self, needed: Needed) -> Measured:
        """Make one measurement."""
        makers: dict[str, Callable[[Needed], Measured]] = {
            "loss": self.loss,
            "hessian": self.hessian,
            "connectivity": self.connectivity,
            "similarity": self.similarity,
            "distance": self.distance,
        }
        return makers[needed.metric](needed)

    def state(self, run: Run) -> dict[str, Tensor]:
        if run.run_id not in self._states:
            folder = self.payload.runs.path(run.run_id)
            self._states[run.run_id] = load_state(folder, self.payload.device)
        return self._states[run.run_id]

    def network(self, run: Run) -> nn.Module:
        network = self.data.network(run.cell.landscape.model).to(self.payload.device)
        network.load_state_dict(self.state(run))
        return network.eval()

    def loss(self, needed: Needed) -> LossMeasurement:
        network, data = self.network(needed.runs[0]), self.data
        train = metrics.evaluate(network, data.train_images, data.train_labels, data.task)
        test = metrics.evaluate(network, data.test_images, data.test_labels, data.task)
        return LossMeasurement(train=_values(train), test=_values(test))

    def hessian(self, needed: Needed) -> HessianMeasurement:
        data, probe = self.data, needed.probe
        generator = np.random.Generator(np.random.Philox(key=needed.seed("hessian batch")))
        rows = generator.permutation(len(data.train_images))[: probe["samples"]]
        estimate = metrics.pyhessian_estimate(
            self.network(needed.runs[0]),
            data.train_images[rows],
            data.train_labels[rows],
            data.task,
            max_iterations=probe["max_iterations"],
            tolerance=probe["tolerance"],
            seed=needed.seed("hessian probes"),
        )
        return HessianMeasurement(
            method=probe["backend"], samples=probe["samples"], **dataclasses.asdict(estimate)
        )

    def connectivity(self, needed: Needed) -> ConnectivityMeasurement:
        data, probe = self.data, needed.probe
        first, last = (self.state(run) for run in needed.runs)
        network = self.network(needed.runs[0])
        fields = [field.name for field in dataclasses.fields(metrics.CurveRecipe)]
        phi = metrics.fit_curve(
            network,
            first,
            last,
            data.train_images,
            data.train_labels,
            data.task,
            metrics.CurveRecipe(**{name: probe[name] for name in fields}),
            seed=needed.seed("curve fit"),
        )
        points = metrics.curve_points(
            network,
            first,
            phi,
            last,
            (data.train_images, data.train_labels),
            (data.test_images, data.test_labels),
            data.task,
            points=probe["points"],
            batch_size=probe["batch_size"],
            seed=needed.seed("curve statistics"),
        )
        found = metrics.mode_connectivity(
            [point.t for point in points], [point.train.error for point in points]
        )
        return ConnectivityMeasurement(
            unit=data.task.error_unit,
            points=[
                CurvePointValues(t=p.t, train=_values(p.train), test=_values(p.test))
                for p in points
            ],
            mode_connectivity=found.value,
            t=found.t,
            lowest=found.lowest,
            highest=found.highest,
            peak_error=found.peak_error,
        )

    def similarity(self, needed: Needed) -> SimilarityMeasurement:
        one, other = (self._outputs(run, needed) for run in needed.runs)
        return SimilarityMeasurement(**dataclasses.asdict(metrics.similarity(one, other)))

    def _outputs(self, run: Run, needed: Needed) -> Tensor:
        if run.run_id not in self._features:
            mixed = self.data.task.perturb(
                self.data.train_images,
                samples=needed.probe["samples"],
                alpha=needed.probe["alpha"],
                seed=needed.seed("similarity"),
            )
            features = metrics.network_features(self.network(run), mixed, self.data.task)
            self._features[run.run_id] = features
        return self._features[run.run_id]

    def distance(self, needed: Needed) -> DistanceMeasurement:
        one, other = (self.state(run) for run in needed.runs)
        names = [name for name, _ in self.network(needed.runs[0]).named_parameters()]
        return DistanceMeasurement(**dataclasses.asdict(metrics.l2_distance(one, other, names)))


def _values(evaluation: metrics.Evaluation) -> LossValues:
    return LossValues(**dataclasses.asdict(evaluation))
