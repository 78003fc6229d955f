"""The numbers of a Hessian on one batch, and the estimates from one or several batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.estimate import Estimate, error_of_mean, mean_of
from landscape_catalog.metrics.influences import influences_of_mean
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import Row


@dataclass(frozen=True)
class HessianEstimate:
    """Top eigenvalue and trace of a Hessian, each with its error."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    top_eigenvalue: float
    """Eigenvalue of largest magnitude."""
    top_residual: float
    """Norm of H v - lambda v for the unit vector v: an eigenvalue of H lies within this distance of
    `top_eigenvalue`."""
    top_products: int
    """Hessian-vector products used for the eigenvalue."""
    top_converged: bool
    """Whether it met its tolerance within the allowed number of iterations."""
    trace: float
    """Sum of the eigenvalues, estimated with random probes."""
    trace_sd: float
    """Standard deviation of single-probe estimates; NaN for one probe."""
    trace_n: int
    """Number of probes; the standard error is trace_sd / sqrt(trace_n), 0 if none were needed."""
    trace_converged: bool
    """Whether it met its tolerance: on the standard error or, for PyHessian, on the change between
    running means."""
    products: int | None = None
    """Hessian-vector products in total; null in records of the first version."""
    top_reason: str | None = None
    """Why the eigenvalue has not converged or is NaN."""
    trace_reason: str | None = None
    """Why the trace has not converged or is NaN."""
    method: str = ""
    """The estimator; for PyHessian, with its version."""
    samples: int = 0
    """Training samples in the batch."""
    trace_probes: list[float] | None = field(default=None, repr=False)
    """The single-probe estimates of the trace; null in older records."""
    metric: Literal["hessian"] = field(default="hessian", kw_only=True)
    """Which metric."""

    @property
    def trace_standard_error(self) -> float:
        """Standard error of the trace over its probes; 0 if none were needed."""
        return self.trace_sd / math.sqrt(self.trace_n) if self.trace_n else 0.0

    def row(self, layer: str, batch: int = 0) -> Row:
        """A row of the table `hessians`."""
        row = {"layer": layer, "batch": batch, "trace_standard_error": self.trace_standard_error}
        return row | {name: getattr(self, name) for name in _STORED}


_STORED = [
    one.name for one in fields(HessianEstimate) if one.name not in ("metric", "trace_probes")
]


def hessian_estimates(results: Sequence[HessianEstimate]) -> Iterator[tuple[str, Estimate]]:
    """The top eigenvalue and the trace, from one batch or as means over several.

    Of one batch, the eigenvalue has its error bound, and the trace its standard error over probes,
    which all runs share; nothing is known about other batches. Of several, both have a standard
    error over batches, which all runs share as well,

        error^2 = s^2 / n + (mean of the error bounds)^2,

    where the bounds are those of the eigenvalue. The spread s over batches contains the error over
    probes, since each batch has its own.

    Args:
        results: one per batch.
    """
    if len(results) == 1:
        yield from _of_one_batch(results[0])
        return
    bound = mean_of([h.top_residual for h in results])
    tops = [(h.top_eigenvalue, _reason(h.top_converged, h.top_reason)) for h in results]
    yield "top_eigenvalue", _over_batches(tops, bound)
    traces = [(h.trace, _reason(h.trace_converged, h.trace_reason)) for h in results]
    yield "trace", _over_batches(traces, 0.0)


def _of_one_batch(h: HessianEstimate) -> Iterator[tuple[str, Estimate]]:
    top = Estimate(
        h.top_eigenvalue,
        h.top_residual,
        "bound",
        h.top_products,
        "products",
        converged=h.top_converged,
        reason=_reason(h.top_converged, h.top_reason),
    )
    trace = Estimate(
        h.trace,
        h.trace_standard_error,
        "standard error" if h.trace_n else "exact",
        h.trace_n,
        "probes",
        converged=h.trace_converged,
        reason=_reason(h.trace_converged, h.trace_reason),
        shared_draw=True,
        influences=influences_of_mean(h.trace_probes or ()),
    )
    yield "top_eigenvalue", top
    yield "trace", trace


def _over_batches(found: Sequence[tuple[float, str | None]], bound: float) -> Estimate:
    """Mean of the batches' values; not converged if any of them is not, with its reason."""
    values = [value for value, _ in found]
    reasons = [reason for _, reason in found if reason is not None]
    finite = all(map(math.isfinite, values))
    error = math.hypot(error_of_mean(values), bound) if finite else math.nan
    return Estimate(
        mean_of(values),
        error,
        "unknown" if math.isnan(error) else "standard error",
        len(values),
        "batches",
        converged=not reasons,
        reason=f"{len(reasons)} of {len(values)} batches: {reasons[0]}" if reasons else None,
        shared_draw=True,
        influences=influences_of_mean(values),
    )


def _reason(converged: bool, reason: str | None) -> str | None:
    """Why an estimate has not converged; records of the first version do not say."""
    return reason or (None if converged else "the estimator did not meet its own stopping rule")
