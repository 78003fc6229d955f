"""Metrics that were published as logarithms, and what they are the logarithms of."""

from __future__ import annotations

import polars as pl

LOGARITHMS = {"log_top_eigenvalue": "top_eigenvalue", "log_trace": "trace"}
"""The metric of which each is the natural logarithm."""


def with_natural_scale(cell_metrics: pl.DataFrame) -> pl.DataFrame:
    """The table with rows for the metrics of which only the logarithm is known, m = exp(log m).

    What is published is the logarithm of a cell's mean, so that its exponential is the mean. An
    error e of the logarithm becomes m e (first order), a standard deviation likewise.

    Args:
        cell_metrics: the table `cell_metrics`, as it is stored.
    """
    logarithms = cell_metrics.filter(pl.col("metric").is_in(list(LOGARITHMS)))
    if logarithms.is_empty():
        return cell_metrics
    key = ["experiment_id", "cell_id", "metric", "probe"]
    natural = logarithms.with_columns(
        pl.col("metric").replace(LOGARITHMS),
        pl.col("mean").exp(),
        *(
            (pl.col(spread) * pl.col("mean").exp()).alias(spread)
            for spread in ("sd", "standard_error", "measurement_error")
        ),
        (pl.col("method") + ", exponential of the published logarithm").alias("method"),
        pl.lit(None, pl.String).alias("unit"),
    )
    too_large = pl.col("mean").is_infinite()
    natural = natural.with_columns(
        pl.when(too_large).then(pl.lit("missing")).otherwise("status").alias("status"),
        pl.when(too_large)
        .then(pl.lit("the exponential of the published logarithm is too large for a float"))
        .otherwise("reason")
        .alias("reason"),
    )
    reals = pl.col(pl.Float64)
    natural = natural.with_columns(pl.when(reals.is_finite()).then(reals))
    known = cell_metrics.filter(pl.col("mean").is_not_null())
    added = natural.join(known, on=key, how="anti")
    replaced = cell_metrics.join(added, on=key, how="anti")
    return pl.concat([replaced, added]).sort(key)
