"""The catalog's tables: every column with its type and meaning, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

Column = tuple[str, Any, str]
TEXT, WHOLE, REAL, YES_NO = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean()


@dataclass(frozen=True)
class Table:
    """A table: what a row is, its columns, and the columns that it is ordered by."""

    row: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]

    @property
    def schema(self) -> dict[str, Any]:
        """Column names and Polars types."""
        return {name: kind for name, kind, _ in self.columns}

    def frame(self, rows: list[dict[str, Any]]) -> pl.DataFrame:
        """Rows as an ordered frame of exactly this schema; NaN becomes null."""
        frame = pl.DataFrame(rows, schema=self.schema, orient="row")
        return frame.with_columns(pl.col(pl.Float64).fill_nan(None)).sort(self.order)


_LOAD: tuple[Column, ...] = (
    ("width", WHOLE, "load.width: width k of the network"),
    ("samples", WHOLE, "load.samples: training samples"),
    ("label_noise", REAL, "load.label_noise: share of labels replaced"),
    ("pixel_noise", REAL, "load.pixel_noise: amplitude of pixel noise, 0-255"),
)
_TEMPERATURE: tuple[Column, ...] = (
    ("batch_size", WHOLE, "temperature.batch_size: samples a step"),
    ("lr", REAL, "temperature.lr: learning rate as it is written"),
    ("weight_decay", REAL, "temperature.weight_decay: the optimiser's value"),
)
_LOSSES: tuple[Column, ...] = (
    ("train_loss", REAL, "mean loss on the training data, eval mode; cross-entropy in nats"),
    ("train_loss_sd", REAL, "its spread over samples (tokens of text)"),
    ("train_accuracy", REAL, "%; null where samples are not right or wrong"),
    ("train_error", REAL, "in the task's unit: %"),
    ("n_train", WHOLE, "training samples (tokens of text)"),
    ("test_loss", REAL, "mean loss on the test data"),
    ("test_loss_sd", REAL, "its spread over samples"),
    ("test_accuracy", REAL, "%"),
    ("test_error", REAL, "in the task's unit: %"),
    ("n_test", WHOLE, "test samples (tokens of text)"),
)
_CELL: tuple[Column, ...] = (("cell_id", TEXT, "the cell"),)
_PAIR: tuple[Column, ...] = (
    ("cell_id", TEXT, "the cell"),
    ("run_id", TEXT, "one run"),
    ("other_run_id", TEXT, "the other"),
)

TABLES: dict[str, Table] = {
    "experiments": Table(
        "an experiment",
        (
            ("experiment_id", TEXT, "hash of its runs and measurements"),
            ("classification_id", TEXT, "hash of the experiment and its thresholds"),
            ("dataset", TEXT, "name of the dataset"),
            ("model", TEXT, "name of the network"),
            ("kind", TEXT, "kind of the data: `images`, `text` or `points`"),
            ("connectivity_unit", TEXT, "unit of mode connectivity"),
            ("n_cells", WHOLE, "cells of the grid"),
            ("n_runs", WHOLE, "runs of the grid"),
            ("axes", TEXT, "JSON: path and values of each axis, in order"),
            ("variants", TEXT, "JSON: names of the variants, `base` first"),
            ("spec", TEXT, "JSON: the sections that decide the results"),
            ("classify", TEXT, "JSON: the thresholds"),
        ),
        ("experiment_id",),
    ),
    "probes": Table(
        "one way to measure a metric",
        (
            ("experiment_id", TEXT, "the experiment"),
            ("position", WHOLE, "in order"),
            ("metric", TEXT, "`hessian`, `connectivity` or `similarity`"),
            ("name", TEXT, "name in `probe` columns; `primary` is the one that classifies"),
            ("title", TEXT, "name that params.yaml gives it"),
            ("method", TEXT, "how it is computed"),
            ("parameters", TEXT, "JSON: what params.yaml says of it"),
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
            ("n_test", WHOLE, "test samples"),
            ("n_classes", WHOLE, "classes"),
            ("n_changed_labels", WHOLE, "training labels that are wrong"),
            ("frequency_loss", REAL, "cross-entropy of guessing by label frequencies, nats"),
            ("n_parameters", WHOLE, "trainable parameters of the network"),
        ),
        ("width", "samples", "label_noise", "pixel_noise", "landscape_id"),
    ),
    "cells": Table(
        "a point of the grid",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("landscape_id", TEXT, "its landscape"),
            ("position", WHOLE, "place in the grid, axes in the order of params.yaml"),
            ("variant", TEXT, "name of the variant; `base` is the grid as it stands"),
            *_LOAD,
            *_TEMPERATURE,
            ("lr_in_effect", REAL, "learning rate, scaled with the batch if train says so"),
            ("extra", TEXT, "JSON: parameters of your own by dotted path"),
            ("n_runs", WHOLE, "runs"),
            ("n_converged", WHOLE, "runs that have converged; metrics are over these"),
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
            ("n", WHOLE, "how many runs or pairs"),
            ("standard_error", REAL, "of the mean over runs or pairs: sd / sqrt(n)"),
            ("measurement_error", REAL, "of the mean, by the estimators' own errors"),
            ("status", TEXT, "`ok`, `not converged` (some estimator was not) or `missing`"),
            ("reason", TEXT, "why, and of how many"),
            ("source", TEXT, "`measured` here, or where it was published"),
        ),
        ("experiment_id", "cell_id", "metric", "probe"),
    ),
    "runs": Table(
        "a trained network",
        (
            ("run_id", TEXT, "hash of data, network, training, temperature and seed"),
            *_CELL,
            ("seed", WHOLE, "seed"),
            ("status", TEXT, "`converged` or `NC`"),
            ("status_reason", TEXT, "why it has not converged"),
            ("n_epochs", WHOLE, "epochs trained"),
            ("stop_reason", TEXT, "`calm` (stopping rule), `epochs` (all), `diverged`"),
            ("best_epoch", WHOLE, "epoch of the weights with the best training loss"),
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
            ("run_id", TEXT, "the run"),
            ("snapshot", TEXT, "best_train_loss, early_stopped, last or best_test"),
            ("is_primary", YES_NO, "whether every metric is of these weights"),
            ("epoch", WHOLE, "their epoch, 0 for the initial ones"),
            *_LOSSES,
        ),
        ("run_id", "snapshot"),
    ),
    "epochs": Table(
        "an epoch of a run",
        (
            ("run_id", TEXT, "the run"),
            ("epoch", WHOLE, "from 1"),
            ("train_loss", REAL, "running mean in train mode, nats"),
            ("train_error", REAL, "running mean in train mode, %"),
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
            ("n", WHOLE, "what it was computed from"),
            ("n_unit", TEXT, "unit of n: units of the loss, products, probes, samples, fits"),
            ("method", TEXT, "the estimator"),
            ("status", TEXT, "`ok`, `not converged` or `missing`"),
            ("reason", TEXT, "why it is missing or has not converged"),
        ),
        ("cell_id", "run_id", "other_run_id", "metric", "probe"),
    ),
    "densities": Table(
        "the density of a Hessian's eigenvalues at one of them",
        (
            ("run_id", TEXT, "the run"),
            ("eigenvalue", REAL, "where"),
            ("density", REAL, "share of the eigenvalues a unit"),
            ("standard_error", REAL, "over random starts"),
        ),
        ("run_id", "eigenvalue"),
    ),
    "hessians": Table(
        "the Hessian of a converged run, or a layer's block of it",
        (
            ("run_id", TEXT, "the run"),
            ("layer", TEXT, "the layer's name in torch; empty for the whole"),
            ("method", TEXT, "the estimator and its version"),
            ("samples", WHOLE, "training samples of the batch"),
            ("top_eigenvalue", REAL, "eigenvalue of largest magnitude"),
            ("top_residual", REAL, "an eigenvalue lies within this distance"),
            ("top_products", WHOLE, "Hessian-vector products used"),
            ("top_converged", YES_NO, "whether it met its tolerance"),
            ("top_reason", TEXT, "why not, or why it is missing"),
            ("trace", REAL, "sum of the eigenvalues"),
            ("trace_standard_error", REAL, "its standard error over probes"),
            ("trace_sd", REAL, "spread of the probes"),
            ("trace_n", WHOLE, "probes"),
            ("trace_converged", YES_NO, "whether it met its tolerance"),
            ("trace_reason", TEXT, "why not, or why it is missing"),
            ("products", WHOLE, "Hessian-vector products in all; null where nobody counted"),
        ),
        ("run_id", "layer"),
    ),
    "pairs": Table(
        "two converged runs of a cell",
        (
            *_PAIR,
            ("seed", WHOLE, "seed of the one"),
            ("other_seed", WHOLE, "seed of the other"),
            ("cka", REAL, "linear CKA of softmax outputs"),
            ("cka_standard_error", REAL, "jackknife over samples"),
            ("cka_debiased", REAL, "the same from the unbiased estimator of HSIC"),
            ("cka_debiased_standard_error", REAL, "jackknife over samples"),
            ("cka_n", WHOLE, "samples"),
            ("cka_reason", TEXT, "why it is missing"),
            ("disagreement", REAL, "share of those samples that are put into different classes"),
            ("l2_distance", REAL, "distance of the weights"),
            ("relative_distance", REAL, "as a share of the mean norm"),
            ("norm", REAL, "norm of the one's weights"),
            ("other_norm", REAL, "norm of the other's weights"),
            ("mode_connectivity", REAL, "mc of Eq. 4, mean over fits; null without a curve"),
            ("mode_connectivity_error", REAL, "standard error over fits; null below two"),
            ("fits", WHOLE, "curves that were fitted, by `repeats`"),
            ("connectivity_unit", TEXT, "unit of mc"),
            ("t", REAL, "where the deviation is largest, of the first fit"),
            ("lowest", REAL, "its most negative deviation"),
            ("highest", REAL, "its most positive deviation"),
            ("peak_error", REAL, "its largest training error (or loss) between the ends"),
            ("area", REAL, "integral of its training error (or loss) over t"),
            ("line_barrier", REAL, "rise of the straight line above its ends' values"),
            ("line_t", REAL, "where it is highest"),
        ),
        ("cell_id", "seed", "other_seed"),
    ),
    "similarities": Table(
        "two converged runs of a cell, compared by one probe",
        (
            *_PAIR,
            ("probe", TEXT, "name of the probe"),
            ("cka", REAL, "linear CKA"),
            ("standard_error", REAL, "jackknife over samples"),
            ("n", WHOLE, "samples"),
            ("reason", TEXT, "why it is missing"),
            ("debiased", REAL, "CKA from the unbiased estimator of HSIC"),
            ("debiased_standard_error", REAL, "jackknife over samples"),
            ("disagreement", REAL, "share of the samples that are put into different classes"),
        ),
        ("cell_id", "run_id", "other_run_id", "probe"),
    ),
    "curves": Table(
        "a curve between two converged runs, by one probe",
        (
            *_PAIR,
            ("probe", TEXT, "name of the probe"),
            ("fit", WHOLE, "which fit, from 0"),
            ("unit", TEXT, "unit of mode connectivity"),
            ("quantity", TEXT, "whether it is of the training `error` or `loss`"),
            ("mode_connectivity", REAL, "mc of Eq. 4"),
            ("t", REAL, "where the deviation is largest"),
            ("lowest", REAL, "most negative deviation"),
            ("highest", REAL, "most positive deviation"),
            ("peak_error", REAL, "largest training error (or loss) between the ends"),
            ("area", REAL, "integral of the training error (or loss) over t"),
        ),
        ("cell_id", "run_id", "other_run_id", "probe", "fit"),
    ),
    "curve_points": Table(
        "one point of a curve, or of the straight line, between two runs",
        (
            *_PAIR,
            ("probe", TEXT, "name of the probe; `line` for the straight line"),
            ("fit", WHOLE, "which fit, from 0"),
            ("t", REAL, "position between 0 and 1"),
            ("train_error", REAL, "%"),
            ("train_loss", REAL, "nats"),
            ("n_train", WHOLE, "training samples"),
            ("test_error", REAL, "%"),
            ("test_loss", REAL, "nats"),
            ("n_test", WHOLE, "test samples"),
        ),
        ("cell_id", "run_id", "other_run_id", "probe", "fit", "t"),
    ),
    "phases": Table(
        "the phase of a cell under one set of thresholds",
        (
            ("experiment_id", TEXT, "the experiment"),
            *_CELL,
            ("classification_id", TEXT, "hash of the experiment and the thresholds"),
            ("phase", TEXT, "I, II, III, IV-A, IV-B, NC or unclassified"),
            ("reason", TEXT, "which number crossed which threshold"),
            ("ambiguous", YES_NO, "whether the sign of mode connectivity is in doubt"),
            ("doubtful", YES_NO, "flat, but training loss over 10 times the flat cells' median"),
        ),
        ("experiment_id", "cell_id", "classification_id"),
    ),
}

# Every metric of `cell_metrics`, in the order of the `cells` view, with its unit.
CELL_METRICS: dict[str, str] = {
    "train_loss": "nats",
    "train_accuracy": "%",
    "train_error": "",
    "test_loss": "nats",
    "test_accuracy": "%",
    "test_error": "",
    "top_eigenvalue": "",
    "trace": "",
    "mode_connectivity": "",
    "connectivity_lowest": "",
    "connectivity_highest": "",
    "peak_error": "",
    "curve_area": "",
    "line_barrier": "",
    "cka": "",
    "cka_debiased": "",
    "disagreement": "",
    "l2_distance": "",
    "relative_distance": "",
    "norm": "",
    "n_epochs": "epochs",
}
