"""The spectral density of a run's Hessian."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.hessian.spec import PRODUCT_COST, HessianFamily, HessianSettings
from landscape_catalog.metrics.metric import Cost, Found, Named
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import REAL, RUN_KEY, Row, Table


@dataclass(frozen=True)
class SpectralDensity:
    """Density of a Hessian's eigenvalues, smoothed by a Gaussian."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    eigenvalues: list[float]
    """The grid on which the density is given: evenly spaced values, not eigenvalues themselves."""
    density: list[float]
    """Share of the eigenvalues per unit; it integrates to 1."""
    standard_error: list[float]
    """Of the density, over random start vectors."""
    width: float
    """Standard deviation of the Gaussian."""
    probes: int
    """Random start vectors."""
    steps: int
    """Lanczos steps of each."""
    reason: str | None = None
    """Why it is missing."""
    samples: int = 0
    """Training samples in the batch."""
    metric: Literal["density"] = field(default="density", kw_only=True)
    """Which metric."""


class DensityMetric(HessianFamily):
    """The density of all eigenvalues, where `measure.hessian.density` asks for it."""

    name = "density"
    result = SpectralDensity
    tables: ClassVar = {
        "densities": Table(
            "the spectral density of a Hessian at one point of a grid",
            (
                *RUN_KEY,
                ("grid_value", REAL, "where: a value on the axis of eigenvalues"),
                ("density", REAL, "share of the eigenvalues per unit"),
                ("standard_error", REAL, "over random start vectors"),
            ),
            ("run_id", "grid_value"),
        )
    }

    def ways(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """Only if it is asked for."""
        return tuple(settings for settings in sections if settings.density)

    def content(self, settings: HessianSettings) -> dict[str, Any]:
        """The Hessian's, with the number and length of the Lanczos runs."""
        numbers = {"probes": settings.density_probes, "steps": settings.density_steps}
        return super().content(settings) | numbers

    def method(self, settings: HessianSettings) -> str:
        """Stochastic Lanczos quadrature, whatever estimates the trace."""
        return "direct"

    def cost(self, settings: HessianSettings, samples: int) -> Cost:
        """A product a step."""
        products = settings.density_probes * settings.density_steps
        return Cost(settings.samples, products, PRODUCT_COST)

    def estimates(self, results: Sequence[SpectralDensity]) -> Iterator[Named]:
        """No number of a cell; but why there is no density."""
        if results[0].reason:
            reason = results[0].reason
            yield "density", Estimate(math.nan, n_unit="probes", converged=False, reason=reason)

    def rows(self, found: Sequence[Found]) -> dict[str, list[Row]]:
        """A row for each point of the grid."""
        rows = []
        for result in (result for way in found for result in way.results):
            columns = zip(result.eigenvalues, result.density, result.standard_error)
            rows += [
                {"grid_value": x, "density": y, "standard_error": error} for x, y, error in columns
            ]
        return {"densities": rows}
