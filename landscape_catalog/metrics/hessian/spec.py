"""The Hessian of a run: its top eigenvalue and its trace on one batch of training samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from landscape_catalog.errors import Problem
from landscape_catalog.metrics.batch_norm import Kind
from landscape_catalog.metrics.hessian.result import HessianEstimate, hessian_estimates
from landscape_catalog.metrics.metric import (
    Cost,
    MeasuredData,
    Metric,
    Named,
    Panel,
    Quantity,
    Slice,
)
from landscape_catalog.schema.fields import (
    LARGE,
    Added,
    BatchSize,
    Later,
    Outside,
    PositiveFloat,
    PositiveInt,
    Section,
    When,
)
from landscape_catalog.schema.tables import (
    BOOLEAN,
    INTEGER,
    REAL,
    RUN_KEY,
    TEXT,
    Column,
    Row,
    Table,
)

PRODUCT_COST = 4  # forward passes per Hessian-vector product
USUAL_ITERATIONS = 20  # typical number of Lanczos steps, for time estimates


def estimator_name(backend: Literal["native", "pyhessian"]) -> str:
    """What a backend is called in the catalog; for PyHessian, with its version."""
    if backend == "native":
        return "Lanczos and deflated probes"
    return f"pyhessian {version('pyhessian')}"


class HessianSettings(Section):
    """Top eigenvalue and trace of the Hessian on one batch."""

    backend: Annotated[Literal["native", "pyhessian"], Outside()] = "native"
    """`native`: Lanczos and deflated probes, with error estimates; `pyhessian`: the paper's tool,
    with power iteration and Hutchinson's estimator. Ids include it with its version."""
    samples: PositiveInt = 200
    """Training samples in the batch, the same ones for every run of a landscape."""
    batches: Annotated[PositiveInt, Outside(), Added(1)] = 1
    """Number of disjoint batches of `samples`: with two or more, top eigenvalue and trace are means
    over them, with a standard error from their spread. Density and layers use the first batch."""
    max_iterations: int = Field(default=100, ge=2, lt=LARGE)
    """Maximum number of Lanczos steps (power iterations) for the top eigenvalue, and of probes for
    the trace."""
    tolerance: PositiveFloat = 1e-3
    """Native: error bound of the top eigenvalue, relative to it. PyHessian: stop when the relative
    change between two iterations falls below this."""
    trace_tolerance: Annotated[PositiveFloat, When("backend", ("native",))] = 0.025
    """Native: target standard error of the trace, relative to the trace."""
    mode: Annotated[Literal["eval", "train"], Later("eval")] = "eval"
    """Whether batch norm uses its running statistics (`eval`, as in the paper) or those of the
    batch (`train`)."""
    batch_size: Annotated[BatchSize | None, Later(None)] = None
    """Samples processed at a time, to save memory; `null`: all at once, which is twice as fast."""
    seed: Annotated[int, Field(ge=0, lt=2**63), Later(0)] = 0
    """Seed of the batch, the start vector and the probes."""
    density: Annotated[bool, Outside()] = False
    """Whether to estimate the spectral density as well."""
    density_probes: Annotated[int, Field(ge=2, lt=LARGE), Outside()] = 6
    """Density: number of random start vectors, over which the standard error is computed."""
    density_steps: Annotated[int, Field(ge=2, lt=LARGE), Outside()] = 30
    """Density: Lanczos steps per start vector."""
    layers: Annotated[bool, Outside()] = False
    """Whether to estimate the top eigenvalue and trace of each layer as well."""

    @property
    def estimator(self) -> str:
        """The estimator's name; for PyHessian, with its version."""
        return estimator_name(self.backend)


class HessianFamily(Metric):
    """Metrics based on Hessian-vector products, with the settings of `measure.hessian`."""

    scope = "run"
    section = "hessian"
    recipes: ClassVar = {"hessian": 1, "hessian_native": 1}  # `hessian`: with PyHessian
    alone = True

    def content(self, settings: HessianSettings) -> dict[str, Any]:
        """The section's content, with the estimator's version."""
        return super().content(settings) | {"backend": settings.estimator}

    def recipe_names(self, settings: HessianSettings) -> tuple[str, ...]:
        """The recipe of PyHessian or of the native estimator."""
        return ("hessian" if settings.backend == "pyhessian" else "hessian_native",)

    def authors_statistics_of(self, settings: HessianSettings) -> Kind | None:
        """Running ones; in train mode those of the batch, so that it sees none."""
        return "running" if settings.mode == "eval" else None

    def method(self, settings: HessianSettings) -> str:
        """The name of the estimator."""
        return settings.estimator


class HessianMetric(HessianFamily):
    """Top eigenvalue and trace of the loss's Hessian on one batch."""

    name = "hessian"
    result = HessianEstimate
    owns_section = True
    settings = HessianSettings
    describes = "Top eigenvalue and trace."
    repeated_by = "batches"
    quantities = (
        Quantity(
            "top_eigenvalue",
            n_unit="products",
            logarithmic=True,
            panel=Panel(
                3,
                "Hessian top eigenvalue λ_max",
                "orange: sharp; logarithmic colours",
                "blueorange",
                ".3~r",
            ),
            slice=Slice("Hessian top eigenvalue λ_max", "higher is sharper", logarithmic=True),
        ),
        Quantity(
            "trace",
            n_unit="probes",
            logarithmic=True,
            panel=Panel(
                4, "Hessian trace", "orange: sharp; logarithmic colours", "blueorange", ".3~r"
            ),
            slice=Slice("Hessian trace", "higher is sharper", logarithmic=True),
        ),
    )
    tables: ClassVar = {
        "hessians": Table(
            "the Hessian of a converged run, or one layer's diagonal block of it",
            (
                *RUN_KEY,
                Column("layer", TEXT, "the layer's name in torch; empty for the whole Hessian"),
                Column("batch", INTEGER, "which batch, from 0"),
                Column("method", TEXT, "the estimator and its version"),
                Column("samples", INTEGER, "training samples in the batch"),
                Column(
                    "top_eigenvalue",
                    REAL,
                    "eigenvalue of largest magnitude",
                    "task's loss / weight^2",
                ),
                Column(
                    "top_residual",
                    REAL,
                    "an eigenvalue lies within this distance of the estimate",
                    "task's loss / weight^2",
                ),
                Column("top_products", INTEGER, "Hessian-vector products used"),
                Column("top_converged", BOOLEAN, "whether it met its tolerance"),
                Column("top_reason", TEXT, "why not, or why it is missing"),
                Column("trace", REAL, "sum of the eigenvalues", "task's loss / weight^2"),
                Column(
                    "trace_standard_error",
                    REAL,
                    "its standard error over probes",
                    "task's loss / weight^2",
                ),
                Column(
                    "trace_sd",
                    REAL,
                    "standard deviation of single-probe estimates",
                    "task's loss / weight^2",
                ),
                Column("trace_n", INTEGER, "number of probes"),
                Column("trace_converged", BOOLEAN, "whether it met its tolerance"),
                Column("trace_reason", TEXT, "why not, or why it is missing"),
                Column(
                    "products", INTEGER, "Hessian-vector products in total; null if not counted"
                ),
            ),
            ("run_id", "layer", "batch"),
        )
    }

    def problems(self, settings: HessianSettings, data: MeasuredData) -> list[Problem]:
        """More samples than there are, and settings that the backend does not support."""
        problems = self.too_many("samples", settings.samples, data)
        if not problems and settings.batches * settings.samples > data.samples:
            allowed = (
                f"at most {data.samples // settings.samples}: batches of {settings.samples} "
                f"samples are disjoint, and the smallest landscape has {data.samples}"
            )
            problems = [Problem("measure.hessian.batches", repr(settings.batches), allowed)]
        return problems + _backend_problems(settings)

    def repeats(self, settings: HessianSettings) -> int:
        """One per batch."""
        return settings.batches

    def cost(self, settings: HessianSettings, samples: int) -> Cost:
        """Two products per iteration, for the typical number of iterations."""
        return Cost(settings.samples, usual_products(settings), PRODUCT_COST)

    def largest_cost(self, settings: HessianSettings, samples: int) -> Cost:
        """All the iterations that the settings allow."""
        return Cost(settings.samples, 2 * settings.max_iterations, PRODUCT_COST)

    def estimates(self, results: Sequence[HessianEstimate]) -> Iterator[Named]:
        """The eigenvalue with its error bound and the trace with its standard error."""
        yield from hessian_estimates(results)

    def rows(self, probe: str, results: Sequence[HessianEstimate]) -> dict[str, list[Row]]:
        """A row of `hessians` for the whole Hessian, with an empty layer name."""
        return {"hessians": [result.row("", batch) for batch, result in enumerate(results)]}


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
            f"{json.dumps(value)} with backend pyhessian; the native backend supports it",
        )
        for name, value in fixed.items()
        if getattr(settings, name) != value
    ]


def usual_products(settings: HessianSettings) -> int:
    """Approximate number of Hessian-vector products in a measurement."""
    return 2 * min(settings.max_iterations, USUAL_ITERATIONS)
