"""The catalog's tables: every column, in order, with its type and meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, get_args

import polars as pl

from landscape_catalog.datasets.facts import Kind
from landscape_catalog.experiment.training import SNAPSHOTS
from landscape_catalog.metrics.estimate import NAN, ErrorKind, not_finite
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.phases import FACTORS, NC, RULES, UNCLASSIFIED
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
# The last column of tables of measured numbers that have no status for each of them.
NOT_FINITE: Column = (
    "not_finite",
    TEXT,
    "which columns are null since the number is NaN, infinity or -infinity: `train_loss: NaN`",
)
_MEASURED = ("runs", "snapshots", "epochs")
# Errors and spreads are NaN where they are not known, such as those of a single value.
_UNKNOWN_IF_NAN = ("standard_error", "_sd", "_residual", "mode_connectivity_error")
# `pairs` keeps the column order of the first version; columns of other metrics follow.
FIRST_PAIR_METRICS = ("similarity", "distance", "connectivity", "barrier")


def frame_of(table: Table, rows: list[Row]) -> pl.DataFrame:
    """Rows as a sorted data frame with exactly the table's columns.

    NaN and infinities become null; the column `not_finite`, where there is one, says which was
    which.
    """
    schema = {name: TYPES[kind] for name, kind, _ in table.columns}
    if NOT_FINITE in table.columns:
        numbers = [name for name, kind, _ in table.columns if kind == REAL]
        rows = [{**row, NOT_FINITE[0]: _named_values(row, numbers)} for row in rows]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    reals = pl.col(pl.Float64)
    return frame.with_columns(pl.when(reals.is_finite()).then(reals)).sort(table.order)


def _named_values(row: Row, columns: list[str]) -> str | None:
    """The columns of a row that are not finite, each with its value; None if there is none."""
    found = []
    for column in columns:
        value = row.get(column)
        word = None if value is None else not_finite(value)
        if word is not None and not (word == NAN and column.endswith(_UNKNOWN_IF_NAN)):
            found.append(f"{column}: {word}")
    return ", ".join(found) or None


def _with_not_finite(table: Table) -> Table:
    """The table of measured numbers with a last column for those that are not finite."""
    return replace(table, columns=(*table.columns, NOT_FINITE))


def _one_of(names: Iterable[str], mark: str = "`") -> str:
    """The names as a list in words, each between two marks."""
    *most, last = (f"{mark}{name}{mark}" for name in names)
    return f"{', '.join(most)} or {last}"


def _phase_names() -> list[str]:
    """The names of the phases of all rules, each once."""
    own = [phase for rule in RULES.values() for phase in rule.own_phases]
    return list(dict.fromkeys(phase.name for phase in (*own, NC, UNCLASSIFIED)))


_METRICS_WITH_SETTINGS = [name for name, metric in METRICS.items() if metric.owns_section]
# The columns of the parameters under `load` and `temperature`, named after them.
LOAD: tuple[Column, ...] = (
    ("width", INTEGER, "load.width: width k of the network"),
    ("samples", INTEGER, "load.samples: training samples"),
    ("label_noise", REAL, "load.label_noise: share of labels replaced"),
    ("pixel_noise", REAL, "load.pixel_noise: amplitude of pixel noise, 0-255"),
)
TEMPERATURE: tuple[Column, ...] = (
    ("batch_size", INTEGER, "temperature.batch_size: samples per step"),
    ("lr", REAL, "temperature.lr: learning rate as given in params.yaml"),
    ("weight_decay", REAL, "temperature.weight_decay: as passed to the optimiser"),
)
_LOSSES: tuple[Column, ...] = (
    ("train_loss", REAL, "mean loss on the training data in eval mode, in the task's unit"),
    ("train_loss_sd", REAL, "its standard deviation over samples (for text: over tokens)"),
    ("train_accuracy", REAL, "in %; null if the task has no notion of a correct prediction"),
    ("train_error", REAL, "in the task's unit, for classification %"),
    ("n_train", INTEGER, "training samples (for text: tokens)"),
    ("test_loss", REAL, "mean loss on the test data in eval mode, in the task's unit"),
    ("test_loss_sd", REAL, "its standard deviation over samples (for text: over tokens)"),
    ("test_accuracy", REAL, "in %; null if the task has no notion of a correct prediction"),
    ("test_error", REAL, "in the task's unit, for classification %"),
    ("n_test", INTEGER, "test samples (for text: tokens)"),
)
_STOP_REASONS = "`calm` (stopping rule met), `epochs`, `updates` (all done) or `diverged`"
_COMBINATIONS = (
    "its kind: `exact`, `independent` (in quadrature), `joint` (over the units of a shared draw), "
    "`correlated` (at most this, as if shared errors were fully correlated), `bound` or `unknown`"
)
_CELL: tuple[Column, ...] = (("cell_id", TEXT, "the cell"),)

_BEFORE_METRICS: dict[str, Table] = {
    "experiments": Table(
        "an experiment",
        (
            ("experiment_id", TEXT, "hash of the ids of its runs and measurements"),
            ("classification_id", TEXT, "hash of the experiment and its thresholds"),
            ("dataset", TEXT, "name of the dataset"),
            ("model", TEXT, "name of the network"),
            ("kind", TEXT, f"kind of the data: {_one_of(get_args(Kind))}"),
            ("connectivity_unit", TEXT, "unit of mode connectivity (of the first curve)"),
            ("n_cells", INTEGER, "number of cells in the grid"),
            ("n_runs", INTEGER, "number of runs in the grid"),
            ("axes", TEXT, "JSON: path and values of each axis, in order"),
            ("variants", TEXT, "JSON: names of the variants, `base` first"),
            ("spec", TEXT, "JSON: the sections of params.yaml that determine the results"),
            ("classify", TEXT, "JSON: the thresholds"),
            ("performance_metric", TEXT, "the test metric by which cells of this task are ranked"),
        ),
        ("experiment_id",),
    ),
    "probes": Table(
        "a probe, i.e. one configuration in which a metric is measured",
        (
            ("experiment_id", TEXT, "the experiment"),
            ("position", INTEGER, "position in the order of params.yaml"),
            (
                "metric",
                TEXT,
                _one_of(_METRICS_WITH_SETTINGS),
            ),
            ("name", TEXT, "name in `probe` columns; `primary` is the one used to classify"),
            ("title", TEXT, "its name in params.yaml"),
            ("method", TEXT, "how it is computed"),
            ("parameters", TEXT, "JSON: its parameters in params.yaml"),
        ),
        ("experiment_id", "position"),
    ),
    "landscapes": Table(
        "a landscape, i.e. prepared data and a network",
        (
            ("landscape_id", TEXT, "hash of data and network"),
            ("data_id", TEXT, "id of the prepared data"),
            ("content_hash", TEXT, "SHA-256 of the prepared arrays"),
            ("dataset", TEXT, "name of the dataset"),
            ("model", TEXT, "name of the network"),
            *LOAD,
            ("extra", TEXT, "JSON: other parameters of dataset, network and task"),
            ("n_test", INTEGER, "number of test samples"),
            ("n_classes", INTEGER, "number of classes"),
            ("n_changed_labels", INTEGER, "number of wrong training labels"),
            (
                "frequency_loss",
                REAL,
                "of guessing by label frequencies, nats; null without classes",
            ),
            ("n_parameters", INTEGER, "number of trainable parameters of the network"),
        ),
        ("width", "samples", "label_noise", "pixel_noise", "landscape_id"),
    ),
    "cells": Table(
        "a point of the grid",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("landscape_id", TEXT, "its landscape"),
            ("position", INTEGER, "position in the grid, with axes in the order of params.yaml"),
            ("variant", TEXT, "name of the variant; `base` is the grid without any overlay"),
            *LOAD,
            *TEMPERATURE,
            ("lr_in_effect", REAL, "learning rate after train.linear_scaling, if that is set"),
            ("extra", TEXT, "JSON: custom parameters by dotted path"),
            ("n_runs", INTEGER, "number of runs"),
            ("n_converged", INTEGER, "number of converged runs; metrics are computed over these"),
        ),
        ("position",),
    ),
    "cell_metrics": Table(
        "one metric of one cell",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("metric", TEXT, "name of the metric"),
            ("probe", TEXT, "name of the probe, or of a snapshot other than the primary"),
            ("method", TEXT, "the estimator"),
            ("mean", REAL, "mean over converged runs or their pairs; null if there are none"),
            ("sd", REAL, "standard deviation over them; null for fewer than two"),
            ("n", INTEGER, "number of runs or pairs"),
            (
                "standard_error",
                REAL,
                "of the mean over runs: sd / sqrt(n), or the delete-one-run jackknife for pairs",
            ),
            (
                "measurement_error",
                REAL,
                "error of the mean due to the errors of the estimates, shared draws counted once",
            ),
            ("measurement_error_kind", TEXT, _COMBINATIONS),
            ("status", TEXT, "`ok`, `not converged` (some estimate has not) or `missing`"),
            ("reason", TEXT, "why it is not `ok`, and for how many runs or pairs"),
            ("source", TEXT, "`measured` here, or where it was published"),
            ("unit", TEXT, "unit of the mean; null if dimensionless"),
        ),
        ("experiment_id", "cell_id", "metric", "probe"),
    ),
    "runs": Table(
        "a trained network",
        (
            ("run_id", TEXT, "hash of data, network, training, temperature and seed"),
            *_CELL,
            ("seed", INTEGER, "random seed"),
            ("status", TEXT, "`converged` or `NC` (not converged)"),
            ("status_reason", TEXT, "why it has not converged"),
            ("n_epochs", INTEGER, "number of epochs trained"),
            (
                "stop_reason",
                TEXT,
                _STOP_REASONS,
            ),
            ("best_epoch", INTEGER, "epoch of the weights with the best training loss"),
            *_LOSSES,
            ("computed", TEXT, "`grouped`: side by side with others, or `alone`"),
            ("torch", TEXT, "version of torch that it was trained with"),
            ("device", TEXT, "device that it was trained on"),
            ("cpu", TEXT, "CPU architecture and vector instructions"),
        ),
        ("cell_id", "seed"),
    ),
    "snapshots": Table(
        "a measured snapshot of a run's weights",
        (
            *RUN_KEY,
            ("snapshot", TEXT, _one_of(SNAPSHOTS, mark="")),
            ("is_primary", BOOLEAN, "whether all metrics are measured on these weights"),
            ("epoch", INTEGER, "epoch of these weights; 0 for the initial weights"),
            *_LOSSES,
        ),
        ("run_id", "snapshot"),
    ),
    "epochs": Table(
        "an epoch of a run",
        (
            *RUN_KEY,
            ("epoch", INTEGER, "number of the epoch, starting at 1"),
            ("train_loss", REAL, "running mean in train mode, in the task's unit"),
            ("train_error", REAL, "running mean in train mode, in the task's unit"),
            ("test_error", REAL, "what `best_test` minimises: test error, or test loss for text"),
        ),
        ("run_id", "epoch"),
    ),
    "estimates": Table(
        "one number measured on one run or pair, with its error",
        (
            *_CELL,
            ("run_id", TEXT, "the run, or the first run of the pair"),
            ("other_run_id", TEXT, "the second run of the pair; empty for a single run"),
            ("metric", TEXT, "name of the metric"),
            ("probe", TEXT, "name of the probe, or of a snapshot other than the primary"),
            ("value", REAL, "the number; null if missing"),
            ("error", REAL, "its error, in the same unit; null if unknown"),
            ("error_kind", TEXT, _one_of(get_args(ErrorKind))),
            ("n", INTEGER, "how many samples, probes, ... it was computed from"),
            ("n_unit", TEXT, "what n counts: loss units, products, probes, samples, fits, ..."),
            ("method", TEXT, "the estimator"),
            ("status", TEXT, "`ok`, `not converged` or `missing`"),
            ("reason", TEXT, "why it is missing or has not converged"),
            ("unit", TEXT, "unit of the number; null if dimensionless"),
        ),
        ("cell_id", "run_id", "other_run_id", "metric", "probe"),
    ),
}
# Columns of `criteria` with the labels that change if a threshold is multiplied by a factor.
MOVED_COLUMNS = {f"changed_at_{round(100 * factor)}": factor for factor in FACTORS}
_AFTER_METRICS: dict[str, Table] = {
    "phases": Table(
        "the phase of a cell under one set of thresholds",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("classification_id", TEXT, "hash of the experiment and the thresholds"),
            ("phase", TEXT, _one_of(_phase_names(), mark="")),
            ("phase_probability", REAL, "that as many fresh runs give this label; null if unknown"),
            ("second_phase", TEXT, "the most probable other phase; null if there is none"),
            ("reason", TEXT, "how sure the label is, and which number crossed which threshold"),
            ("probability_reason", TEXT, "why the probability is unknown"),
            ("ambiguous", BOOLEAN, "whether the sign of mode connectivity is uncertain"),
            ("doubtful", BOOLEAN, "flat, but training loss > 10 times the median of flat cells"),
        ),
        ("experiment_id", "cell_id", "classification_id"),
    ),
    "phase_probabilities": Table(
        "the probability of one phase of a cell",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("classification_id", TEXT, "hash of the experiment and the thresholds"),
            ("phase", TEXT, "each phase of the rule; no row if probabilities are unknown"),
            ("probability", REAL, "that as many fresh runs, measured afresh, give this label"),
        ),
        ("experiment_id", "cell_id", "classification_id", "phase"),
    ),
    "criteria": Table(
        "one criterion of the phase rule, and how many labels hang on it",
        (
            ("experiment_id", TEXT, "the experiment"),
            ("classification_id", TEXT, "hash of the experiment and the thresholds"),
            ("position", INTEGER, "position among the criteria"),
            ("criterion", TEXT, "its name"),
            ("metric", TEXT, "the metric whose mean over a cell is compared"),
            ("relation", TEXT, "`<`, `>` or `>=`: how it stands to the threshold if it is met"),
            ("threshold", REAL, "what the metric is compared with"),
            ("changed_without", INTEGER, "cells with another phase if it were never met"),
            *(
                (column, INTEGER, f"the same at {factor:.0%} of the threshold")
                for column, factor in MOVED_COLUMNS.items()
            ),
        ),
        ("position",),
    ),
}


def _pairs() -> Table:
    """The table of pairs, with the columns of every pair metric."""
    first = [METRICS[name] for name in FIRST_PAIR_METRICS]
    others = [metric for metric in METRICS.values() if metric not in first]
    measured = [column for metric in first + others for column in metric.pair_columns]
    return Table(
        "two converged runs of a cell",
        (
            *PAIR_KEY,
            ("seed", INTEGER, "seed of the first run"),
            ("other_seed", INTEGER, "seed of the second run"),
            *measured,
        ),
        ("cell_id", "seed", "other_seed"),
    )


METRIC_TABLES: dict[str, Table] = {
    name: _with_not_finite(table)
    for metric in METRICS.values()
    for name, table in metric.tables.items()
}
TABLES: dict[str, Table] = {
    **{
        name: _with_not_finite(table) if name in _MEASURED else table
        for name, table in _BEFORE_METRICS.items()
    },
    **METRIC_TABLES,
    "pairs": _with_not_finite(_pairs()),
    **_AFTER_METRICS,
}
