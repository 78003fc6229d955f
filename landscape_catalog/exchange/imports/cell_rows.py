"""Rows of `cell_metrics`: means as published, or over the runs and pairs that the source has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from landscape_catalog.catalog.run_errors import standard_error_over_runs
from landscape_catalog.catalog.shared_errors import error_of_cell_mean
from landscape_catalog.exchange.imports.grid import PublishedGrid, PublishedMetric
from landscape_catalog.exchange.imports.published import Observation, PublishedCell, PublishedMean
from landscape_catalog.metrics.estimate import Estimate, mean_of, not_finite, spread_of
from landscape_catalog.schema.tables import Row

NOT_PUBLISHED = "it was not published for this cell"


def metric_rows(grid: PublishedGrid, cell: PublishedCell) -> Iterator[Row]:
    """A row for every metric of the source, also where this cell lacks it.

    Means over runs and pairs leave out runs that have not converged, as in the project's own
    catalogs.
    """
    means = {(mean.metric, mean.probe): mean for mean in cell.means}
    observed: dict[tuple[str, str], list[Observation]] = {}
    for one in cell.observations:
        observed.setdefault((one.metric, one.probe), []).append(one)
    for metric in grid.metrics:
        own = {
            "metric": metric.name,
            "probe": metric.probe,
            "method": metric.method,
            "source": grid.source.citation,
            "unit": metric.unit,
        }
        if metric.key in observed:
            yield own | _observed_row(metric, observed[metric.key], cell.converged)
        elif metric.key in means:
            yield own | _published_row(means[metric.key])
        else:
            reason = cell.missing.get(metric.name, NOT_PUBLISHED)
            yield own | {"n": 0, "status": "missing", "reason": reason}


def _published_row(mean: PublishedMean) -> Row:
    known = math.isfinite(mean.value)
    word = None if known else f"it was published as {not_finite(mean.value)}"
    return {
        "mean": mean.value,
        "sd": mean.sd,
        "n": mean.n if known else 0,
        "standard_error": mean.standard_error,
        "measurement_error_kind": "unknown" if known else None,
        "status": "ok" if known else "missing",
        "reason": mean.reason or word,
    }


def _observed_row(metric: PublishedMetric, every: Sequence[Observation], runs: set[int]) -> Row:
    counted = [one for one in every if runs.issuperset(one.seeds)]
    known = [one for one in counted if math.isfinite(one.value)]
    row: Row = {"n": len(known)}
    if known:
        values = [one.value for one in known]
        members = [tuple(str(seed) for seed in one.seeds) for one in known]
        error = error_of_cell_mean(
            [Estimate(one.value, one.error, one.error_kind) for one in known]
        )
        row |= {
            "mean": mean_of(values),
            "sd": spread_of(values),
            "standard_error": standard_error_over_runs(values, members),
            "measurement_error": error.total,
            "measurement_error_kind": error.combination,
        }
    missing = [one for one in counted if not math.isfinite(one.value)]
    reason = f"{len(missing)} of {len(counted)}: {missing_reason(missing[0])}" if missing else None
    if not counted:
        what = "pair of converged runs has it" if metric.of_pairs else "run has converged"
        reason = f"no {what}"
    return row | {"status": "ok" if known else "missing", "reason": reason}


def missing_reason(one: Observation) -> str | None:
    """Why a number is missing, or that it was published as NaN or an infinity; None if it is not.

    >>> missing_reason(Observation("cka", (0, 1), math.nan))
    'it was published as NaN'
    """
    word = not_finite(one.value)
    return one.reason or (word and f"it was published as {word}")
