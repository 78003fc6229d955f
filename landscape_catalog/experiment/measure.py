"""What is measured on trained runs, and how: the probes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict
from pydantic_core import PydanticCustomError

from landscape_catalog.experiment.training import Snapshot
from landscape_catalog.schema.fields import (
    BatchSize,
    Fraction,
    Later,
    NonNegativeFloat,
    OneOrMore,
    Outside,
    PixelValue,
    PositiveFloat,
    PositiveInt,
    Section,
    Text,
    When,
)

PRIMARY = "primary"


class Hessian(Section):
    """The local metrics: top eigenvalue and trace of the Hessian on one batch."""

    backend: Annotated[Literal["native", "pyhessian"], Outside()] = "native"
    """`native`: Lanczos and deflated probes, with errors; `pyhessian`: the paper's tool, power
    iteration and Hutchinson's estimator. Ids hold it with its version."""
    samples: PositiveInt = 200
    """Training samples of the one batch, the same for every run of a landscape."""
    max_iterations: int = Field(default=100, ge=2)
    """Most Lanczos steps (power iterations) for the top eigenvalue, and most probes for the
    trace."""
    tolerance: PositiveFloat = 1e-3
    """Native: of the top eigenvalue's error bound, relative to it. PyHessian: relative change
    between two iterations at which it stops."""
    trace_tolerance: Annotated[PositiveFloat, When("backend", ("native",))] = 0.025
    """Native: of the trace's standard error, relative to the trace."""
    mode: Annotated[Literal["eval", "train"], Later("eval")] = "eval"
    """Of batch norm: by its running statistics (the paper), or by those of the batch."""
    batch_size: Annotated[BatchSize | None, Later(None)] = None
    """Samples of the batch at a time, where memory is short; `null`: all at once, twice as fast."""
    seed: Annotated[int, Field(ge=0), Later(0)] = 0
    """Of the batch, the start and the probes."""
    density: Annotated[bool, Outside()] = False
    """Whether to estimate the density of all eigenvalues too."""
    density_probes: Annotated[int, Field(ge=2), Outside()] = 6
    """Density: random starts, over which its error is."""
    density_steps: Annotated[int, Field(ge=2), Outside()] = 30
    """Density: Lanczos steps of each start."""
    layers: Annotated[bool, Outside()] = False
    """Whether to estimate top eigenvalue and trace of each layer too."""


class Connectivity(Section):
    """A Bezier curve between two runs of a cell."""

    name: Annotated[Text, Field(min_length=1), Outside()] = PRIMARY
    """Name of the probe; each needs its own where there are several. The first one classifies."""
    pairs: Annotated[Literal["first", "ring", "all"], Outside()] = "first"
    """Which pairs get a curve: the first two converged seeds, a ring of all, or every pair."""
    control_points: Annotated[int, Field(ge=3, le=10), Later(3)] = 3
    """Control points of the curve, its two ends among them: 3 is a quadratic, 4 a cubic."""
    init: Literal["linear", "random"] = "linear"
    """Where the inner control points start: on the straight line between the ends, or at random
    weights (the authors' code)."""
    epochs: PositiveInt = 50
    """Epochs that the curve is fitted for."""
    updates: Annotated[PositiveInt | None, Later(None)] = None
    """Updates that the curve is fitted for, in the place of epochs: they stay equal when the data
    shrink (the authors' 50 / share epochs). `null`: by epochs."""
    lr: PositiveFloat = 0.01
    """Learning rate of the fit: constant to half, then linearly down to 1% at 90%."""
    batch_size: BatchSize = 128
    """Batch size of the fit, and of recomputing batch-norm statistics."""
    momentum: Fraction = 0.9
    """Momentum of the fit."""
    weight_decay: NonNegativeFloat = 5e-4
    """Weight of 1/2 ||gamma(t)||^2 in the fit's objective (the authors' code)."""
    points: int = Field(default=5, ge=3)
    """Evenly spaced points of the curve, ends included, at which the error is measured."""
    refine: Annotated[int, Field(ge=0), Later(0)] = 0
    """Further points, one at a time, next to the largest deviation, at the side of the nearer
    end."""
    repeats: Annotated[PositiveInt, Outside()] = 1
    """How often the curve is fitted, each time with other seeds: mc is the mean, and from two on it
    has an error."""

    def content(self) -> dict[str, Any]:
        """As of every section; epochs are inert where updates are given."""
        content = super().content()
        return {k: v for k, v in content.items() if k != "epochs" or self.updates is None}

    def line_content(self) -> dict[str, Any]:
        """What the straight line's barrier depends on."""
        return {"points": self.points, "batch_size": self.batch_size}


class Similarity(Section):
    """Linear CKA of outputs on perturbed training samples, over every pair of a cell."""

    name: Annotated[Text, Field(min_length=1), Outside()] = PRIMARY
    """Name of the probe; each needs its own where there are several. The first one classifies."""
    samples: int = Field(default=640, ge=20)
    """How many perturbed samples of the training set."""
    perturbation: Literal["mixup", "pixel_noise", "token_noise"] = "mixup"
    """`mixup`: mixtures of two images; `pixel_noise`: uniform noise on each pixel; `token_noise`:
    for text, some tokens replaced by others of the training set."""
    alpha: Annotated[PositiveFloat, When("perturbation", ("mixup",))] = 16.0
    """Mixup: the mixing coefficient is drawn from Beta(alpha, alpha)."""
    coefficient: Annotated[Literal["sample", "batch"], Later("sample")] = "sample"
    """Mixup: one coefficient for each sample (the paper) or each 128 of them (its code)."""
    noise: Annotated[PixelValue, When("perturbation", ("pixel_noise",))] = 40.0
    """Pixel noise: u of the uniform noise in [0, u], on the 0-255 scale."""
    rate: Annotated[Fraction, When("perturbation", ("token_noise",))] = 0.1
    """Token noise: share of the tokens that are replaced, in the source and in what the decoder
    reads."""
    draw: Annotated[Literal["shared", "pair"], Later("shared")] = "shared"
    """`shared`: every pair on the same samples, so that each network is asked once; `pair`: each
    pair draws its own (the authors' code)."""
    layer: Annotated[Annotated[Text, Field(min_length=1)] | None, Later(None)] = None
    """Compare the output of this inner module of the network, by its name in torch (`layer3`), in
    the place of the softmax outputs (the paper's footnote 2)."""

    def content(self) -> dict[str, Any]:
        """As of every section; `coefficient` is inert without mixup."""
        content = super().content()
        return {
            k: v for k, v in content.items() if k != "coefficient" or self.perturbation == "mixup"
        }


def _named_apart(value: Any) -> Any:
    names = [probe.name for probe in value] if isinstance(value, tuple) else []
    repeated = sorted({name for name in names if names.count(name) > 1})
    if PRIMARY in names[1:]:
        raise PydanticCustomError(
            "second_primary", "probes with a `name` each; only the first may be left at `primary`"
        )
    if repeated:
        raise PydanticCustomError(
            "repeated_probe",
            "probes with a `name` each (repeated: {named})",
            {"named": ", ".join(repeated)},
        )
    return value


def _each_once(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(value)) < len(value):
        raise PydanticCustomError("repeated_snapshot", "each snapshot once")
    return value


class Measure(Section):
    """What is measured on the trained runs, and how."""

    snapshots: Annotated[
        tuple[Snapshot, ...], Strict(False), Field(min_length=1), AfterValidator(_each_once)
    ] = ("best_train_loss",)
    """Which weights of a run are measured: `best_train_loss`, `early_stopped` (the rule's, else the
    best), `last`, `best_test` (optimal early stopping). The first gets every metric and classifies;
    of the others loss and error are measured."""
    hessian: Hessian = Hessian()
    """Top eigenvalue and trace."""
    connectivity: Annotated[OneOrMore[Connectivity], AfterValidator(_named_apart)] = Connectivity()
    """Mode connectivity; a list measures the same runs in several ways."""
    similarity: Annotated[OneOrMore[Similarity], AfterValidator(_named_apart)] = Similarity()
    """CKA similarity; a list measures the same runs in several ways."""

    @property
    def connectivity_probes(self) -> tuple[Connectivity, ...]:
        """Every way to measure connectivity, the primary first."""
        return self.connectivity if isinstance(self.connectivity, tuple) else (self.connectivity,)

    @property
    def similarity_probes(self) -> tuple[Similarity, ...]:
        """Every way to measure similarity, the primary first."""
        return self.similarity if isinstance(self.similarity, tuple) else (self.similarity,)
