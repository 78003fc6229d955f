"""Every number of a run or a pair with its error, where it comes from, and whether to trust it."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from landscape_catalog.catalog.results import CellResult, ExperimentResult, PairResult, RunResult
from landscape_catalog.experiment.measure import PRIMARY
from landscape_catalog.store.measured import (
    ConnectivityMeasurement,
    HessianMeasurement,
    LossMeasurement,
    SimilarityMeasurement,
)

Row = dict[str, Any]
_SOURCES = {
    "top_eigenvalue": "hessian",
    "trace": "hessian",
    "mode_connectivity": "connectivity",
    "connectivity_lowest": "connectivity",
    "connectivity_highest": "connectivity",
    "peak_error": "connectivity",
    "curve_area": "connectivity",
    "cka": "similarity",
    "cka_debiased": "similarity",
    "disagreement": "similarity",
}
OF_RUNS = {"top_eigenvalue": "products", "trace": "probes"}  # with the unit of n


@dataclass(frozen=True)
class Estimate:
    """One number.

    Attributes:
        metric: its name.
        value: NaN where it is missing.
        error: in the unit of the value; NaN where it is not known.
        kind: of the error: `exact`, `standard error`, `bound`, or `unknown`.
        n: what it was computed from.
        unit: of n.
        converged: whether the estimator met what was asked of it.
        reason: why it is missing or has not converged.
        probe: how it was measured, or of which snapshot other than the primary.
    """

    metric: str
    value: float
    error: float
    kind: str
    n: int
    unit: str
    converged: bool = True
    reason: str | None = None
    probe: str = PRIMARY

    @property
    def status(self) -> str:
        """`ok`, `not converged`, or `missing`."""
        if math.isnan(self.value):
            return "missing"
        return "ok" if self.converged else "not converged"


@dataclass(frozen=True)
class CellEstimates:
    """The numbers of a cell's converged runs and their pairs, with the ids of what each is of."""

    of_runs: list[tuple[RunResult, Estimate]]
    of_pairs: list[tuple[PairResult, Estimate]]
    absent: list[tuple[RunResult, Estimate]]

    @cached_property
    def by_metric(self) -> dict[tuple[str, str], list[Estimate]]:
        """The numbers of every metric and probe, those that are missing among them."""
        found: dict[tuple[str, str], list[Estimate]] = defaultdict(list)
        for _, estimate in [*self.of_runs, *self.of_pairs]:
            found[estimate.metric, estimate.probe].append(estimate)
        return found

    def values(self, metric: str) -> list[float]:
        """The values of a metric by its primary probe, without those that are missing."""
        every = self.by_metric.get((metric, PRIMARY), [])
        return [estimate.value for estimate in every if not math.isnan(estimate.value)]

    def mean(self, metric: str) -> float:
        """Their mean, or NaN."""
        values = self.values(metric)
        return statistics.fmean(values) if values else math.nan


def cell_estimates(cell: CellResult) -> CellEstimates:
    """Every number that was measured on a cell."""
    norms = _norms(cell.pairs)
    return CellEstimates(
        of_runs=[
            (run, estimate)
            for run in cell.converged
            for estimate in [*_of_run(run), *norms.get(run.run.run_id, [])]
        ],
        of_pairs=[(pair, estimate) for pair in cell.pairs for estimate in _of_pair(pair)],
        absent=[(run, estimate) for run in cell.runs for estimate in _of_nc(run)],
    )


def _of_nc(run: RunResult) -> Iterator[Estimate]:
    """Of a run that has not converged: its losses, and why there is no more."""
    if run.nc_reason is None:
        return
    yield from _of_losses(run)
    reason = f"training has not converged: {run.nc_reason}"
    for metric, unit in OF_RUNS.items():
        yield Estimate(metric, math.nan, math.nan, "unknown", 0, unit, False, reason)


def method_of(metric: str, probe: str, result: ExperimentResult) -> str:
    """How a metric is computed, in words."""
    if metric == "line_barrier":
        return "straight line"
    return result.method(_SOURCES.get(metric, ""), probe)


def estimate_rows(
    cell: CellResult, estimates: CellEstimates, result: ExperimentResult
) -> Iterator[Row]:
    """A row a number, for the table `estimates`."""
    for run, estimate in [*estimates.of_runs, *estimates.absent]:
        yield _row(cell, estimate, result) | {"run_id": run.run.run_id, "other_run_id": ""}
    for pair, estimate in estimates.of_pairs:
        yield _row(cell, estimate, result) | {
            "run_id": pair.run.run_id,
            "other_run_id": pair.other.run_id,
        }


def _row(cell: CellResult, estimate: Estimate, result: ExperimentResult) -> Row:
    return {
        "cell_id": cell.cell.cell_id,
        "metric": estimate.metric,
        "probe": estimate.probe,
        "value": estimate.value,
        "error": estimate.error,
        "error_kind": estimate.kind,
        "n": estimate.n,
        "n_unit": estimate.unit,
        "method": method_of(estimate.metric, estimate.probe, result),
        "status": estimate.status,
        "reason": estimate.reason,
    }


def _of_run(run: RunResult) -> Iterator[Estimate]:
    yield from _of_losses(run)
    if run.hessian is not None:
        yield from _of_hessian(run.hessian)
    if run.density is not None and run.density.reason:
        yield Estimate(
            "density", math.nan, math.nan, "unknown", 0, "probes", False, run.density.reason
        )
    epochs = run.record.n_epochs
    yield Estimate("n_epochs", float(epochs), 0.0, "exact", epochs, "epochs")


def _of_losses(run: RunResult) -> Iterator[Estimate]:
    for index, (snapshot, loss) in enumerate(run.losses.items()):
        yield from _of_loss(loss, snapshot if index else PRIMARY)


def _of_loss(loss: LossMeasurement, probe: str) -> Iterator[Estimate]:
    """Training data are the landscape's own, so that nothing is sampled; test data are a sample."""
    for side, values in (("train", loss.train), ("test", loss.test)):
        exact, n = side == "train", values.n
        kind = "exact" if exact else "standard error"
        # A task of one's own may have an error that is no share; then its spread is not known.
        binomial = 0.0 if exact else 100 * _binomial(values.accuracy / 100, n)
        loss_error = 0.0 if exact else values.loss_sd / math.sqrt(n)
        reason = None if math.isfinite(values.loss) else "the loss is not finite"
        yield Estimate(
            f"{side}_loss", values.loss, loss_error, kind, n, "units", True, reason, probe
        )
        shares = {"accuracy": values.accuracy, "error": values.error_value}
        for name, value in shares.items():
            missing = "units are not right or wrong" if math.isnan(value) else None
            known = "unknown" if math.isnan(binomial) else kind
            yield Estimate(
                f"{side}_{name}", value, binomial, known, n, "units", True, missing, probe
            )


def _of_hessian(hessian: HessianMeasurement) -> Iterator[Estimate]:
    h = hessian
    kind = "standard error" if h.trace_n else "exact"
    yield Estimate(
        "top_eigenvalue", h.top_eigenvalue, h.top_residual, "bound", h.top_products, "products",
        h.top_converged, h.top_reason or _unsaid(h.top_converged),
    )  # fmt: skip
    yield Estimate(
        "trace", h.trace, h.trace_standard_error, kind, h.trace_n, "probes",
        h.trace_converged, h.trace_reason or _unsaid(h.trace_converged),
    )  # fmt: skip


def _unsaid(converged: bool) -> str | None:
    """What a record of the first version does not say."""
    return None if converged else "the estimator did not meet its own stopping rule"


def _of_pair(pair: PairResult) -> Iterator[Estimate]:
    for probe, repeats in pair.curves.items():
        yield from _of_curves(repeats, probe)
    line = pair.barrier
    if line is not None:
        reason = "the error along the line is not finite" if math.isnan(line.barrier) else None
        yield Estimate("line_barrier", line.barrier, 0.0, "exact", 1, "lines", True, reason)
    for probe, similarity in pair.similarities.items():
        yield from _of_similarity(similarity, probe)
    distance = pair.distance
    for metric, value in (("l2_distance", distance.l2), ("relative_distance", distance.relative)):
        reason = distance.reason if math.isnan(value) else None
        yield Estimate(metric, value, 0.0, "exact", distance.n, "parameters", True, reason)


def _of_curves(curves: Sequence[ConnectivityMeasurement], probe: str) -> Iterator[Estimate]:
    """Means over repeated fits; the error of one fit is not known."""
    n = len(curves)
    columns = {
        "mode_connectivity": [curve.mode_connectivity for curve in curves],
        "connectivity_lowest": [curve.lowest for curve in curves],
        "connectivity_highest": [curve.highest for curve in curves],
        "peak_error": [curve.peak_error for curve in curves],
        "curve_area": [curve.area for curve in curves],
    }
    for metric, values in columns.items():
        error, value = error_of_mean(values), statistics.fmean(values)
        kind = "standard error" if n > 1 else "unknown"
        reason = "the error along the curve is not finite" if math.isnan(value) else None
        yield Estimate(metric, value, error, kind, n, "fits", True, reason, probe)


def error_of_mean(values: list[float]) -> float:
    """Standard error of their mean; NaN for one."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def _of_similarity(found: SimilarityMeasurement, probe: str) -> Iterator[Estimate]:
    """Its one reason is for whichever number is missing."""
    n, kind = found.n, "standard error"
    numbers = {
        "cka": (found.cka, found.standard_error),
        "cka_debiased": (found.debiased, found.debiased_standard_error),
        "disagreement": (
            found.disagreement,
            None if found.disagreement is None else _binomial(found.disagreement, n),
        ),
    }
    for metric, (value, error) in numbers.items():
        if value is None or error is None:
            continue  # a record of the first version, or no classes
        reason = found.reason if math.isnan(value) or math.isnan(error) else None
        known = "unknown" if math.isnan(error) else kind
        yield Estimate(metric, value, error, known, n, "samples", True, reason, probe)


def _binomial(share: float, n: int) -> float:
    """Standard error of a share of n."""
    return math.sqrt(share * (1 - share) / n)


def _norms(pairs: Sequence[PairResult]) -> dict[str, list[Estimate]]:
    """The weight norm of each run that is in some pair: it is measured with the distance."""
    norms = {}
    for pair in pairs:
        distance = pair.distance
        sides = ((pair.run, distance.norm), (pair.other, distance.other_norm))
        for run, norm in sides:
            norms[run.run_id] = [Estimate("norm", norm, 0.0, "exact", distance.n, "parameters")]
    return norms
