"""The Hessian of a run: its top eigenvalue and its trace on one batch of training samples."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from landscape_catalog.errors import Problem
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.metric import (
    Cost,
    Found,
    MeasuredData,
    Metric,
    Named,
    Panel,
    Quantity,
    Slice,
)
from landscape_catalog.schema.fields import (
    BatchSize,
    Later,
    Outside,
    PositiveFloat,
    PositiveInt,
    Section,
    When,
)
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import BOOLEAN, INTEGER, REAL, RUN_KEY, TEXT, Row, Table

PRODUCT_COST = 4  # forward passes of a Hessian-vector product
USUAL_ITERATIONS = 20  # of the Lanczos process, for guesses of time


class HessianSettings(Section):
    """The local metrics: top eigenvalue and trace of the Hessian on one batch."""

    backend: Annotated[Literal["native", "pyhessian"], Outside()] = "native"
    """`native`: Lanczos and deflated probes, with errors; `pyhessian`: the paper's tool, power
    iteration and Hutchinson's estimator. Ids contain it with its version."""
    samples: PositiveInt = 200
    """Training samples of the batch, the same ones for every run of a landscape."""
    max_iterations: int = Field(default=100, ge=2)
    """Largest number of Lanczos steps (power iterations) for the top eigenvalue, and of probes for
    the trace."""
    tolerance: PositiveFloat = 1e-3
    """Native: error bound of the top eigenvalue, relative to it. PyHessian: relative change between
    two iterations at which it stops."""
    trace_tolerance: Annotated[PositiveFloat, When("backend", ("native",))] = 0.025
    """Native: standard error of the trace, relative to the trace."""
    mode: Annotated[Literal["eval", "train"], Later("eval")] = "eval"
    """Batch norm uses its running statistics (`eval`, as in the paper) or those of the batch
    (`train`)."""
    batch_size: Annotated[BatchSize | None, Later(None)] = None
    """Samples of the batch that are processed at a time, to save memory; `null`: all at once, twice
    as fast."""
    seed: Annotated[int, Field(ge=0), Later(0)] = 0
    """Seed of the batch, of the start vector and of the probes."""
    density: Annotated[bool, Outside()] = False
    """Whether to estimate the spectral density too."""
    density_probes: Annotated[int, Field(ge=2), Outside()] = 6
    """Density: random start vectors, over which its standard error is taken."""
    density_steps: Annotated[int, Field(ge=2), Outside()] = 30
    """Density: Lanczos steps of each start vector."""
    layers: Annotated[bool, Outside()] = False
    """Whether to estimate top eigenvalue and trace of each layer too."""

    @property
    def estimator(self) -> str:
        """What computes the Hessian; of PyHessian, its version."""
        if self.backend == "native":
            return "Lanczos and deflated probes"
        return f"pyhessian {version('pyhessian')}"


@dataclass(frozen=True)
class HessianEstimate:
    """Top eigenvalue and trace of one Hessian, each with its error."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    top_eigenvalue: float
    """Eigenvalue of largest magnitude."""
    top_residual: float
    """Norm of H v - lambda v for the unit vector v: an eigenvalue of H lies within this distance of
    `top_eigenvalue`."""
    top_products: int
    """Hessian-vector products that the eigenvalue took."""
    top_converged: bool
    """Whether it met its tolerance within its limit."""
    trace: float
    """Sum of the eigenvalues, from random probes."""
    trace_sd: float
    """Standard deviation of the estimates of single probes; NaN for one probe."""
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
    method: str = ""
    """Estimator, with its version where it is PyHessian."""
    samples: int = 0
    """Training samples in the batch."""
    metric: Literal["hessian"] = field(default="hessian", kw_only=True)
    """Which metric."""

    @property
    def trace_standard_error(self) -> float:
        """Of the trace over its probes; 0 where none was needed."""
        return self.trace_sd / math.sqrt(self.trace_n) if self.trace_n else 0.0

    def row(self, layer: str) -> Row:
        """A row of the table `hessians`."""
        row = asdict(self) | {"layer": layer, "trace_standard_error": self.trace_standard_error}
        del row["metric"]
        return row


class HessianFamily(Metric):
    """What is measured by Hessian-vector products; settings are those of `measure.hessian`."""

    scope = "run"
    section = "hessian"
    recipes: ClassVar = {"hessian": 1, "hessian_native": 1}  # `hessian`: by PyHessian
    alone = True

    def content(self, settings: HessianSettings) -> dict[str, Any]:
        """The section's, with the estimator's version."""
        return super().content(settings) | {"backend": settings.estimator}

    def recipe_names(self, settings: HessianSettings) -> tuple[str, ...]:
        """PyHessian's or our own."""
        return ("hessian" if settings.backend == "pyhessian" else "hessian_native",)

    def method(self, settings: HessianSettings) -> str:
        """The estimator."""
        return settings.estimator


class HessianMetric(HessianFamily):
    """Top eigenvalue and trace of the loss's Hessian on one batch."""

    name = "hessian"
    result = HessianEstimate
    owns_section = True
    settings = HessianSettings
    describes = "Top eigenvalue and trace."
    quantities = (
        Quantity(
            "top_eigenvalue",
            n_unit="products",
            logarithmic=True,
            panel=Panel(
                3, "Hessian top eigenvalue, ln λ", "darker is sharper", "yelloworangebrown", ".3~r"
            ),
        ),
        Quantity(
            "trace",
            n_unit="probes",
            logarithmic=True,
            panel=Panel(4, "Hessian trace, ln", "darker is sharper", "yelloworangebrown", ".3~r"),
            slice=Slice("Hessian trace", "higher is sharper; logarithmic axis", logarithmic=True),
        ),
    )
    tables: ClassVar = {
        "hessians": Table(
            "the Hessian of a converged run, or a layer's block of it",
            (
                *RUN_KEY,
                ("layer", TEXT, "the layer's name in torch; empty for the whole Hessian"),
                ("method", TEXT, "the estimator and its version"),
                ("samples", INTEGER, "training samples of the batch"),
                ("top_eigenvalue", REAL, "eigenvalue of largest magnitude"),
                ("top_residual", REAL, "an eigenvalue lies within this distance"),
                ("top_products", INTEGER, "Hessian-vector products used"),
                ("top_converged", BOOLEAN, "whether it met its tolerance"),
                ("top_reason", TEXT, "why not, or why it is missing"),
                ("trace", REAL, "sum of the eigenvalues"),
                ("trace_standard_error", REAL, "its standard error over probes"),
                ("trace_sd", REAL, "standard deviation of single probes"),
                ("trace_n", INTEGER, "probes"),
                ("trace_converged", BOOLEAN, "whether it met its tolerance"),
                ("trace_reason", TEXT, "why not, or why it is missing"),
                ("products", INTEGER, "Hessian-vector products in all; null where not counted"),
            ),
            ("run_id", "layer"),
        )
    }

    def problems(self, settings: HessianSettings, data: MeasuredData) -> list[Problem]:
        """More samples than there are, and what a backend cannot do."""
        return self.too_many("samples", settings.samples, data) + _backend_problems(settings)

    def cost(self, settings: HessianSettings, samples: int) -> Cost:
        """Two products an iteration, at the usual number of iterations."""
        return Cost(settings.samples, usual_products(settings), PRODUCT_COST)

    def estimates(self, results: Sequence[HessianEstimate]) -> Iterator[Named]:
        """The eigenvalue within its bound, the trace with its standard error."""
        h = results[0]
        yield (
            "top_eigenvalue",
            Estimate(
                h.top_eigenvalue,
                h.top_residual,
                "bound",
                h.top_products,
                "products",
                converged=h.top_converged,
                reason=h.top_reason or _unexplained(h.top_converged),
            ),
        )
        yield (
            "trace",
            Estimate(
                h.trace,
                h.trace_standard_error,
                "standard error" if h.trace_n else "exact",
                h.trace_n,
                "probes",
                converged=h.trace_converged,
                reason=h.trace_reason or _unexplained(h.trace_converged),
            ),
        )

    def rows(self, found: Sequence[Found]) -> dict[str, list[Row]]:
        """The whole Hessian, under an empty layer name."""
        return {"hessians": [result.row("") for way in found for result in way.results]}


def _backend_problems(settings: HessianSettings) -> list[Problem]:
    if settings.backend == "native":
        part = settings.batch_size or settings.samples
        if settings.mode == "train" and 1 in (part, settings.samples % part):
            allowed = "eval: batch statistics need more than one sample in every part of the batch"
            return [Problem("measure.hessian.mode", "'train'", allowed)]
        return []
    fixed = {"mode": "eval", "batch_size": None, "density": False, "layers": False}
    return [
        Problem(
            f"measure.hessian.{name}",
            json.dumps(getattr(settings, name)),
            f"{json.dumps(value)} with backend pyhessian; the native one has it",
        )
        for name, value in fixed.items()
        if getattr(settings, name) != value
    ]


def usual_products(settings: HessianSettings) -> int:
    """Hessian-vector products that a measurement takes, about."""
    return 2 * min(settings.max_iterations, USUAL_ITERATIONS)


def _unexplained(converged: bool) -> str | None:
    """A reason where a record of the first version gives none."""
    return None if converged else "the estimator did not meet its own stopping rule"
