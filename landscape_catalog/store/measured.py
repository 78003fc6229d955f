"""The numbers that a measurement stores: one kind for each metric."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Union

from pydantic import Field, TypeAdapter

from landscape_catalog.experiment.training import Snapshot
from landscape_catalog.schema.records import Record, Values
from landscape_catalog.store.records import DataRecord, Provenance, RunRecord


class LossValues(Values):
    """Loss and errors over one set of samples, in eval mode.

    Units are samples for classification, target tokens for translation.
    """

    loss: float
    """Mean loss over units; cross-entropy in nats unless a user's own task says otherwise."""
    loss_sd: float
    """Its standard deviation over units."""
    n_wrong: int | None
    """Units that are wrong; null where a task's units are not right or wrong."""
    n: int
    """Units."""
    error: float | None = None
    """Error in the task's unit; null where it is 100 n_wrong / n, in percent."""

    @property
    def error_value(self) -> float:
        """Error in the task's unit."""
        if self.error is None:
            return 100 * (self.n_wrong or 0) / self.n
        return self.error

    @property
    def accuracy(self) -> float:
        """Share of the units that are right, in percent; NaN where they are not right or wrong."""
        if self.n_wrong is None:
            return math.nan
        return 100 * (self.n - self.n_wrong) / self.n


class LossMeasurement(Values):
    """Loss and error on training and test data."""

    metric: Literal["loss"] = "loss"
    """Which metric."""
    train: LossValues
    """On the training data, noisy labels and all."""
    test: LossValues
    """On the clean test data."""


class HessianMeasurement(Values):
    """Top eigenvalue and trace of the Hessian on one batch of training samples."""

    metric: Literal["hessian"] = "hessian"
    """Which metric."""
    method: str
    """Backend and version."""
    samples: int
    """Training samples in the batch."""
    top_eigenvalue: float
    """Eigenvalue of largest magnitude."""
    top_residual: float
    """Norm of H v - lambda v: an eigenvalue lies within this distance."""
    top_products: int
    """Hessian-vector products used."""
    top_converged: bool
    """Whether it met its tolerance."""
    trace: float
    """Sum of the eigenvalues, from random probes."""
    trace_sd: float
    """Standard deviation of the probes' estimates."""
    trace_n: int
    """Probes; the standard error is trace_sd / sqrt(trace_n), 0 where none was needed."""
    trace_converged: bool
    """Whether it met its tolerance: of the standard error, or, by PyHessian, of the change between
    running means."""
    products: int | None = None
    """Hessian-vector products in all; null in records of the first version."""
    top_reason: str | None = None
    """Why the eigenvalue has not converged or is NaN."""
    trace_reason: str | None = None
    """Why the trace has not converged or is NaN."""

    @property
    def trace_standard_error(self) -> float:
        """Of the trace over its probes; 0 where none was needed."""
        return self.trace_sd / math.sqrt(self.trace_n) if self.trace_n else 0.0


class DensityMeasurement(Values):
    """Density of the Hessian's eigenvalues, smoothed by a Gaussian."""

    metric: Literal["density"] = "density"
    """Which metric."""
    samples: int
    """Training samples in the batch."""
    eigenvalues: list[float]
    """Where, evenly spaced."""
    density: list[float]
    """Share of the eigenvalues a unit; it integrates to 1."""
    standard_error: list[float]
    """Of the density, over probes."""
    width: float
    """Standard deviation of the Gaussian."""
    probes: int
    """Random starts."""
    steps: int
    """Lanczos steps of each."""
    reason: str | None = None
    """Why it is missing."""


class LayersMeasurement(Values):
    """Top eigenvalue and trace of each layer's block of the Hessian."""

    metric: Literal["layers"] = "layers"
    """Which metric."""
    layers: dict[str, HessianMeasurement]
    """By the layer's name in torch, in the order of the network."""


class CurvePointValues(Values):
    """One point of a curve."""

    t: float
    """Position between 0 and 1."""
    train: LossValues
    """On the training data."""
    test: LossValues
    """On the test data."""


class ConnectivityMeasurement(Values):
    """A fitted Bezier curve and every point of it."""

    metric: Literal["connectivity"] = "connectivity"
    """Which metric."""
    unit: str
    """Unit of mode connectivity."""
    quantity: Literal["error", "loss"] = "error"
    """Whether it is of the training error or of the training loss."""
    points: list[CurvePointValues]
    """In order of t."""
    mode_connectivity: float
    """mc of Eq. 4, from training errors or losses."""
    t: float
    """Where the deviation is largest."""
    lowest: float
    """Most negative deviation."""
    highest: float
    """Most positive deviation."""
    peak_error: float
    """Largest training error (or loss) between the ends."""
    area: float
    """Integral of the training error (or loss) over t from 0 to 1, by the trapezoid rule."""


class BarrierMeasurement(Values):
    """The straight line between two networks, batch-norm statistics recomputed at every point."""

    metric: Literal["barrier"] = "barrier"
    """Which metric."""
    unit: str
    """Unit of the barrier."""
    quantity: Literal["error", "loss"]
    """Whether it is of the training error or of the training loss."""
    points: list[CurvePointValues]
    """In order of t."""
    barrier: float
    """Largest rise above the line between the two ends' values, 0 at least."""
    t: float
    """Where it is."""


class SimilarityMeasurement(Values):
    """CKA of a pair."""

    metric: Literal["similarity"] = "similarity"
    """Which metric."""
    cka: float
    """Linear CKA of outputs on perturbed samples."""
    standard_error: float
    """Jackknife standard error over samples."""
    n: int
    """Perturbed samples."""
    reason: str | None = None
    """Why it is NaN."""
    debiased: float | None = None
    """CKA from the unbiased estimator of HSIC."""
    debiased_standard_error: float | None = None
    """Its jackknife standard error."""
    disagreement: float | None = None
    """Share of the samples that the two networks put into different classes; null where there are
    none."""


class DistanceMeasurement(Values):
    """L2 distance of a pair."""

    metric: Literal["distance"] = "distance"
    """Which metric."""
    l2: float
    """Distance over trainable parameters."""
    norm: float
    """Norm of the first run's parameters."""
    other_norm: float
    """Norm of the second's."""
    n: int
    """Trainable parameters."""
    reason: str | None = None
    """Why it is NaN."""

    @property
    def relative(self) -> float:
        """The distance as a share of the mean norm; NaN where that is zero."""
        mean = (self.norm + self.other_norm) / 2
        return self.l2 / mean if mean else math.nan


Measured = Annotated[
    Union[
        LossMeasurement,
        HessianMeasurement,
        DensityMeasurement,
        LayersMeasurement,
        ConnectivityMeasurement,
        BarrierMeasurement,
        SimilarityMeasurement,
        DistanceMeasurement,
    ],
    Field(discriminator="metric"),
]


class MeasurementRecord(Record):
    """One measurement of one run or one pair."""

    measurement_id: str
    """Id of the measurement."""
    run_ids: list[str]
    """The run, or the two runs of a pair in order."""
    snapshot: Snapshot = "best_train_loss"
    """Which weights of the runs."""
    probe: dict[str, Any]
    """How it was measured: the parameters that the id hashes."""
    measured: Measured
    """The numbers."""
    provenance: Provenance
    """With what it was measured."""


RECORDS: dict[str, TypeAdapter[Any]] = {
    "data_record": TypeAdapter(DataRecord),
    "run_record": TypeAdapter(RunRecord),
    "measurement_record": TypeAdapter(MeasurementRecord),
}
