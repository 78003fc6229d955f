"""The spectral density of a run's Hessian."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.hessian.spec import PRODUCT_COST, HessianFamily, HessianSettings
from landscape_catalog.metrics.metric import Cost, Named
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import REAL, RUN_KEY, Column, Row, Table


@dataclass(frozen=True)
class SpectralDensity:
    """Density of the Hessian's eigenvalues, smoothed by a Gaussian."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    eigenvalues: list[float]
    """Grid on which the density is given: evenly spaced values, not eigenvalues themselves."""
    density: list[float]
    """Share of the eigenvalues per unit; it integrates to 1."""
    standard_error: list[float]
    """Standard error of the density over random start vectors."""
    width: float
    """Standard deviation of the Gaussian."""
    probes: int
    """Number of random start vectors."""
    steps: int
    """Lanczos steps per start vector."""
    reason: str | None = None
    """Why the density is missing."""
    samples: int = 0
    """Training samples in the batch."""
    metric: Literal["density"] = field(default="density", kw_only=True)
    """Which metric."""


class DensityMetric(HessianFamily):
    """The spectral density of the Hessian, if `measure.hessian.density` is true."""

    name = "density"
    result = SpectralDensity
    tables: ClassVar = {
        "densities": Table(
            "the spectral density of a Hessian at one point of a grid",
            (
                *RUN_KEY,
                Column(
                    "grid_value", REAL, "position on the eigenvalue axis", "task's loss / weight^2"
                ),
                Column("density", REAL, "share of the eigenvalues per unit", "1 / eigenvalue"),
                Column(
                    "standard_error",
                    REAL,
                    "standard error over random start vectors",
                    "1 / eigenvalue",
                ),
            ),
            ("run_id", "grid_value"),
        )
    }

    def select_probes(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """Only the probes that ask for it."""
        return tuple(settings for settings in sections if settings.density)

    def content(self, settings: HessianSettings) -> dict[str, Any]:
        """The Hessian's content, with the number and length of the Lanczos runs."""
        numbers = {"probes": settings.density_probes, "steps": settings.density_steps}
        return super().content(settings) | numbers

    def method(self, settings: HessianSettings) -> str:
        """The same whichever estimator computes the trace: stochastic Lanczos quadrature."""
        return "direct"

    def cost(self, settings: HessianSettings, samples: int) -> Cost:
        """One Hessian-vector product per Lanczos step."""
        products = settings.density_probes * settings.density_steps
        return Cost(settings.samples, products, PRODUCT_COST)

    def held_weights(self, settings: HessianSettings) -> tuple[str, int]:
        """The Lanczos vectors, against all of which the next one is orthogonalised."""
        return "density_steps", settings.density_steps + 1

    def estimates(self, results: Sequence[SpectralDensity]) -> Iterator[Named]:
        """None, except that a missing density is reported with its reason."""
        if results[0].reason:
            reason = results[0].reason
            yield "density", Estimate(math.nan, n_unit="probes", converged=False, reason=reason)

    def rows(self, probe: str, results: Sequence[SpectralDensity]) -> dict[str, list[Row]]:
        """A row of `densities` for each grid point."""
        rows = []
        for result in results:
            columns = zip(result.eigenvalues, result.density, result.standard_error)
            rows += [
                {"grid_value": x, "density": y, "standard_error": error} for x, y, error in columns
            ]
        return {"densities": rows}
