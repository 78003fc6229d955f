"""What an experiment is: the sections of `params.yaml` as frozen models.

Defaults are the values of Yang et al. 2021 unless a field says otherwise.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from landscape_catalog.schemas.fields import (
    Axis,
    BatchSize,
    Fraction,
    NonNegativeFloat,
    PixelValue,
    PositiveFloat,
    PositiveInt,
    SampleCount,
    Section,
    Seed,
    Text,
)


class Dataset(Section):
    """The images and labels that a landscape is built on."""

    name: Literal["digits"]
    """Which dataset: `digits` (scikit-learn's 1,797 images of 8 x 8, embedded, no download)."""
    test_samples: PositiveInt = 360
    """Images held out for testing, drawn once, stratified by class; they stay clean."""
    seed: Seed = 0
    """Seed of the held-out split, of the order of samples, and of all noise."""


class Model(Section):
    """The network whose width `load.width` scales."""

    name: Literal["resnet18"]
    """Which network: `resnet18`, blocks of k, 2k, 4k, 8k channels, 3 x 3 stem, no max-pool."""


class Load(Section):
    """Load-like parameters: they choose the landscape. A list is an axis of the grid."""

    width: Axis[PositiveInt]
    """Width k of the network. More width is less load."""
    samples: Axis[SampleCount] = "all"
    """How many training samples, the first of a fixed shuffle; `all` takes every one."""
    label_noise: Axis[Fraction] = 0.0
    """Share of the training labels that are replaced by a different, random class."""
    pixel_noise: Axis[PixelValue] = 0.0
    """Uniform noise in [0, u] on every training pixel, on the 0-255 scale, then clipped."""


class Temperature(Section):
    """Temperature-like parameters: how noisy training is. A list is an axis of the grid."""

    batch_size: Axis[BatchSize] = 128
    """Samples a step, at least two (batch norm). A smaller batch is a higher temperature."""
    lr: Axis[PositiveFloat] = 0.05
    """Learning rate, constant through training."""
    weight_decay: Axis[NonNegativeFloat] = 5e-4
    """The optimiser's weight decay, which is twice the lambda of the paper's Eq. 1."""


class Train(Section):
    """How a run is trained: SGD with momentum, no replacement, incomplete batches dropped."""

    epochs: PositiveInt = 150
    """Most epochs that a run takes."""
    seeds: PositiveInt = 5
    """Runs a cell, with seeds 0, 1, 2, ... A count, so it is no part of any run's identity."""
    momentum: Fraction = 0.9
    """Momentum of SGD (the authors' code)."""
    stop_tolerance: NonNegativeFloat = 1e-4
    """Training stops early once the epoch's training loss moves by less than this ..."""
    stop_patience: PositiveInt = 5
    """... for this many epochs in a row."""


class Hessian(Section):
    """The local metrics, by PyHessian: power iteration and Hutchinson's estimator."""

    samples: PositiveInt = 200
    """Training samples of the one batch, the same for every run of a landscape."""
    max_iterations: int = Field(default=100, ge=2)
    """Most power iterations for the top eigenvalue, and most probes for the trace."""
    tolerance: PositiveFloat = 1e-3
    """Relative change between two iterations at which PyHessian stops."""


class Connectivity(Section):
    """The quadratic Bezier curve between two runs of a cell, three control points."""

    pairs: Literal["first", "ring", "all"] = "first"
    """Which pairs get a curve: the first two converged seeds, a ring of all, or every pair."""
    epochs: PositiveInt = 50
    """Epochs that the curve is fitted for."""
    lr: PositiveFloat = 0.01
    """Learning rate of the fit: constant to half, then down linearly to 1% at 90%."""
    batch_size: BatchSize = 128
    """Batch size of the fit, and of recomputing batch-norm statistics."""
    momentum: Fraction = 0.9
    """Momentum of the fit."""
    weight_decay: NonNegativeFloat = 5e-4
    """Weight of 1/2 ||gamma(t)||^2 in the fit's objective (the authors' code)."""
    points: int = Field(default=5, ge=3)
    """Evenly spaced points of the curve, ends included, at which the error is measured."""


class Similarity(Section):
    """Linear CKA of the softmax outputs on mixup samples, over every pair of a cell."""

    samples: int = Field(default=640, ge=20)
    """How many mixup samples of the training set."""
    alpha: PositiveFloat = 16.0
    """The mixing coefficient is drawn from Beta(alpha, alpha), one for each sample."""


class Measure(Section):
    """What is measured on the trained runs, and how."""

    hessian: Hessian = Hessian()
    """Top eigenvalue and trace."""
    connectivity: Connectivity = Connectivity()
    """Mode connectivity."""
    similarity: Similarity = Similarity()
    """CKA similarity."""


class ConnectivityRule(Section):
    """When a cell is poorly connected."""

    tolerance: NonNegativeFloat = 1.0
    """Poorly connected below minus this mode connectivity; above plus this, not at a minimum.
    In the unit of mode connectivity (percentage points of training error)."""


class HessianRule(Section):
    """When a cell is sharp."""

    metric: Literal["top_eigenvalue", "trace"] = "top_eigenvalue"
    """Which metric is held against the threshold."""
    threshold: PositiveFloat = 76.0
    """Sharp above this value of the metric itself (not its logarithm)."""


class CkaRule(Section):
    """When the runs of a connected, flat cell are alike."""

    threshold: Fraction = 0.5
    """Phase IV-B at or above this CKA, IV-A below."""


class Classify(Section):
    """Thresholds of the phases. Changing one trains and measures nothing."""

    connectivity: ConnectivityRule = ConnectivityRule()
    """Threshold on mode connectivity."""
    hessian: HessianRule = HessianRule()
    """Threshold on the Hessian."""
    cka: CkaRule = CkaRule()
    """Threshold on CKA."""
    train_loss: PositiveFloat | None = 0.05
    """Sharp too if the training loss exceeds this: a hot run is not at the bottom of a minimum
    however small its Hessian. `null` leaves the Hessian and connectivity alone to say so."""


class Report(Section):
    """How the report is drawn."""

    title: Text = "Phases of training"
    """Title of the page."""
    x: str | None = None
    """The parameter under `load` that runs along x, e.g. `load.width`; `null`: the first axis."""
    y: str | None = None
    """The parameter under `temperature` that runs along y; `null`: the first axis."""


class Execution(Section):
    """Where and how work is done. Changes no result."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` takes a GPU when there is one."""
    workers: PositiveInt | Literal["auto"] = "auto"
    """Runs at a time, one thread each; `auto`: one for every core, two on a GPU."""


class Experiment(Section):
    """A whole experiment: everything in `params.yaml`."""

    dataset: Dataset
    """Images and labels."""
    model: Model
    """Network."""
    load: Load
    """Load-like parameters; lists are axes."""
    temperature: Temperature
    """Temperature-like parameters; lists are axes."""
    train: Train
    """Training of each run."""
    measure: Measure
    """Metrics."""
    classify: Classify
    """Thresholds of the phases."""
    report: Report
    """Drawing of the report."""
    execution: Execution = Execution()
    """Device and workers."""
