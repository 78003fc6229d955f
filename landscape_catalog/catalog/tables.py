"""The catalog's tables: every column with its type and meaning, in order."""

from __future__ import annotations

from typing import Any

import polars as pl

from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.tables import (
    BOOLEAN,
    INTEGER,
    PAIR_KEY,
    REAL,
    RUN_KEY,
    TEXT,
    Column,
    Row,
    Table,
)

TYPES: dict[str, Any] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "real": pl.Float64(),
    "boolean": pl.Boolean(),
}
# The order in which the first version stored the columns of `pairs`; other metrics follow.
FIRST_PAIR_METRICS = ("similarity", "distance", "connectivity", "barrier")


def frame_of(table: Table, rows: list[Row]) -> pl.DataFrame:
    """Rows as an ordered frame of exactly the table's columns; NaN becomes null."""
    schema = {name: TYPES[kind] for name, kind, _ in table.columns}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None)).sort(table.order)


_LOAD: tuple[Column, ...] = (
    ("width", INTEGER, "load.width: width k of the network"),
    ("samples", INTEGER, "load.samples: training samples"),
    ("label_noise", REAL, "load.label_noise: share of labels replaced"),
    ("pixel_noise", REAL, "load.pixel_noise: amplitude of pixel noise, 0-255"),
)
_TEMPERATURE: tuple[Column, ...] = (
    ("batch_size", INTEGER, "temperature.batch_size: samples per step"),
    ("lr", REAL, "temperature.lr: learning rate as it is written"),
    ("weight_decay", REAL, "temperature.weight_decay: the optimiser's value"),
)
_LOSSES: tuple[Column, ...] = (
    ("train_loss", REAL, "mean loss on the training data in eval mode, in the task's unit"),
    ("train_loss_sd", REAL, "its standard deviation over samples (tokens of text)"),
    ("train_accuracy", REAL, "%; null where samples are not right or wrong"),
    ("train_error", REAL, "in the task's unit: %"),
    ("n_train", INTEGER, "training samples (tokens of text)"),
    ("test_loss", REAL, "mean loss on the test data"),
    ("test_loss_sd", REAL, "its standard deviation over samples"),
    ("test_accuracy", REAL, "%"),
    ("test_error", REAL, "in the task's unit: %"),
    ("n_test", INTEGER, "test samples (tokens of text)"),
)
_CELL: tuple[Column, ...] = (("cell_id", TEXT, "the cell"),)

_BEFORE_METRICS: dict[str, Table] = {
    "experiments": Table(
        "an experiment",
        (
            ("experiment_id", TEXT, "hash of its runs and measurements"),
            ("classification_id", TEXT, "hash of the experiment and its thresholds"),
            ("dataset", TEXT, "name of the dataset"),
            ("model", TEXT, "name of the network"),
            ("kind", TEXT, "kind of the data: `images`, `text` or `points`"),
            ("connectivity_unit", TEXT, "unit of mode connectivity, of the first curve"),
            ("n_cells", INTEGER, "cells of the grid"),
            ("n_runs", INTEGER, "runs of the grid"),
            ("axes", TEXT, "JSON: path and values of each axis, in order"),
            ("variants", TEXT, "JSON: names of the variants, `base` first"),
            ("spec", TEXT, "JSON: the sections that decide the results"),
            ("classify", TEXT, "JSON: the thresholds"),
            ("judge", TEXT, "the metric that says, for this task, which cell is best"),
        ),
        ("experiment_id",),
    ),
    "probes": Table(
        "one way to measure a metric",
        (
            ("experiment_id", TEXT, "the experiment"),
            ("position", INTEGER, "in order"),
            ("metric", TEXT, "`hessian`, `connectivity`, `similarity` or `custom`"),
            ("name", TEXT, "name in `probe` columns; `primary` is the one that classifies"),
            ("title", TEXT, "name that params.yaml gives it"),
            ("method", TEXT, "how it is computed"),
            ("parameters", TEXT, "JSON: its parameters in params.yaml"),
        ),
        ("experiment_id", "position"),
    ),
    "landscapes": Table(
        "a landscape: prepared data and a network",
        (
            ("landscape_id", TEXT, "hash of data and network"),
            ("data_id", TEXT, "id of the prepared data"),
            ("content_hash", TEXT, "SHA-256 of the prepared arrays"),
            ("dataset", TEXT, "name of the dataset"),
            ("model", TEXT, "name of the network"),
            *_LOAD,
            ("extra", TEXT, "JSON: other parameters of dataset, network and task"),
            ("n_test", INTEGER, "test samples"),
            ("n_classes", INTEGER, "classes"),
            ("n_changed_labels", INTEGER, "training labels that are wrong"),
            ("frequency_loss", REAL, "cross-entropy of guessing by label frequencies, nats"),
            ("n_parameters", INTEGER, "trainable parameters of the network"),
        ),
        ("width", "samples", "label_noise", "pixel_noise", "landscape_id"),
    ),
    "cells": Table(
        "a point of the grid",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("landscape_id", TEXT, "its landscape"),
            ("position", INTEGER, "place in the grid, axes in the order of params.yaml"),
            ("variant", TEXT, "name of the variant; `base` is the grid as params.yaml states it"),
            *_LOAD,
            *_TEMPERATURE,
            ("lr_in_effect", REAL, "learning rate, scaled with the batch if train says so"),
            ("extra", TEXT, "JSON: custom parameters by dotted path"),
            ("n_runs", INTEGER, "runs"),
            ("n_converged", INTEGER, "runs that have converged; metrics are over these"),
        ),
        ("position",),
    ),
    "cell_metrics": Table(
        "one metric of one cell",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("metric", TEXT, "name of the metric"),
            ("probe", TEXT, "how it is measured: a probe, or a snapshot other than the primary"),
            ("method", TEXT, "the estimator"),
            ("mean", REAL, "mean over converged runs or their pairs; null if there is none"),
            ("sd", REAL, "standard deviation over them; null below two"),
            ("n", INTEGER, "how many runs or pairs"),
            ("standard_error", REAL, "of the mean over runs or pairs: sd / sqrt(n)"),
            ("measurement_error", REAL, "of the mean, by the estimators' own errors"),
            ("status", TEXT, "`ok`, `not converged` (some estimator was not) or `missing`"),
            ("reason", TEXT, "why, and of how many"),
            ("source", TEXT, "`measured` here, or where it was published"),
            ("unit", TEXT, "unit of the mean; null where it has none"),
        ),
        ("experiment_id", "cell_id", "metric", "probe"),
    ),
    "runs": Table(
        "a trained network",
        (
            ("run_id", TEXT, "hash of data, network, training, temperature and seed"),
            *_CELL,
            ("seed", INTEGER, "seed"),
            ("status", TEXT, "`converged` or `NC`"),
            ("status_reason", TEXT, "why it has not converged"),
            ("n_epochs", INTEGER, "epochs trained"),
            ("stop_reason", TEXT, "`calm` (stopping rule), `epochs` (all), `diverged`"),
            ("best_epoch", INTEGER, "epoch of the weights with the best training loss"),
            *_LOSSES,
            ("torch", TEXT, "version of torch that trained it"),
            ("device", TEXT, "device that trained it"),
            ("cpu", TEXT, "kind of processor"),
        ),
        ("cell_id", "seed"),
    ),
    "snapshots": Table(
        "weights of a run that are measured",
        (
            *RUN_KEY,
            ("snapshot", TEXT, "best_train_loss, early_stopped, last or best_test"),
            ("is_primary", BOOLEAN, "whether every metric is of these weights"),
            ("epoch", INTEGER, "their epoch, 0 for the initial ones"),
            *_LOSSES,
        ),
        ("run_id", "snapshot"),
    ),
    "epochs": Table(
        "an epoch of a run",
        (
            *RUN_KEY,
            ("epoch", INTEGER, "from 1"),
            ("train_loss", REAL, "running mean in train mode, in the task's unit"),
            ("train_error", REAL, "running mean in train mode, in the task's unit"),
            ("test_error", REAL, "what `best_test` is chosen by: test error, or loss of text"),
        ),
        ("run_id", "epoch"),
    ),
    "estimates": Table(
        "one number of one run or pair, with its error",
        (
            *_CELL,
            ("run_id", TEXT, "the run, or one of the pair"),
            ("other_run_id", TEXT, "the other; empty for a run"),
            ("metric", TEXT, "name of the metric"),
            ("probe", TEXT, "how it is measured, or of which snapshot"),
            ("value", REAL, "the number; null where it is missing"),
            ("error", REAL, "in its unit; null where it is not known"),
            ("error_kind", TEXT, "`exact`, `standard error`, `bound` or `unknown`"),
            ("n", INTEGER, "what it was computed from"),
            ("n_unit", TEXT, "what n counts: units of the loss, products, probes, samples, fits"),
            ("method", TEXT, "the estimator"),
            ("status", TEXT, "`ok`, `not converged` or `missing`"),
            ("reason", TEXT, "why it is missing or has not converged"),
            ("unit", TEXT, "unit of the number; null where it has none"),
        ),
        ("cell_id", "run_id", "other_run_id", "metric", "probe"),
    ),
}
_AFTER_METRICS: dict[str, Table] = {
    "phases": Table(
        "the phase of a cell under one set of thresholds",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("classification_id", TEXT, "hash of the experiment and the thresholds"),
            ("phase", TEXT, "I, II, III, IV-A, IV-B, NC or unclassified"),
            ("reason", TEXT, "which number crossed which threshold"),
            ("ambiguous", BOOLEAN, "whether the sign of mode connectivity is in doubt"),
            ("doubtful", BOOLEAN, "flat, but training loss over 10 times the flat cells' median"),
        ),
        ("experiment_id", "cell_id", "classification_id"),
    ),
}


def _pairs() -> Table:
    """The table of pairs, with the columns of every metric about pairs."""
    first = [METRICS[name] for name in FIRST_PAIR_METRICS]
    others = [metric for metric in METRICS.values() if metric not in first]
    measured = [column for metric in first + others for column in metric.pair_columns]
    return Table(
        "two converged runs of a cell",
        (
            *PAIR_KEY,
            ("seed", INTEGER, "seed of the one"),
            ("other_seed", INTEGER, "seed of the other"),
            *measured,
        ),
        ("cell_id", "seed", "other_seed"),
    )


METRIC_TABLES: dict[str, Table] = {
    name: table for metric in METRICS.values() for name, table in metric.tables.items()
}
TABLES: dict[str, Table] = {
    **_BEFORE_METRICS,
    **METRIC_TABLES,
    "pairs": _pairs(),
    **_AFTER_METRICS,
}
