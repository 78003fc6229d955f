"""Tables about runs and pairs of runs."""

from __future__ import annotations

from typing import get_args

from landscape_catalog.catalog.tables.words import CELL_KEY, LOSSES, one_of
from landscape_catalog.experiment.training import SNAPSHOTS
from landscape_catalog.metrics.estimate import ErrorKind
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.tables import (
    BOOLEAN,
    INTEGER,
    PAIR_KEY,
    REAL,
    RUN_KEY,
    TEXT,
    Column,
    Table,
)

# `pairs` keeps the column order of the first version; columns of other metrics follow.
FIRST_PAIR_METRICS = ("similarity", "distance", "connectivity", "barrier")
# Tables of numbers without a status, so that they say which are not finite.
MEASURED = ("runs", "snapshots", "epochs")
RUN_TABLES: dict[str, Table] = {
    "runs": Table(
        "a trained network",
        (
            Column("run_id", TEXT, "hash of data, network, training, temperature and seed"),
            *CELL_KEY,
            Column("seed", INTEGER, "random seed"),
            Column("status", TEXT, "`converged` or `NC` (not converged)"),
            Column("status_reason", TEXT, "why it has not converged"),
            Column("n_epochs", INTEGER, "number of epochs trained"),
            Column(
                "stop_reason",
                TEXT,
                "`calm` (stopping rule met), `epochs`, `updates` (all done) or `diverged`",
            ),
            Column("best_epoch", INTEGER, "epoch of the weights with the best training loss"),
            *LOSSES,
            Column("computed", TEXT, "`grouped`: side by side with others, or `alone`"),
            Column("torch", TEXT, "version of torch that it was trained with"),
            Column("device", TEXT, "device that it was trained on"),
            Column("cpu", TEXT, "CPU architecture and vector instructions"),
        ),
        ("cell_id", "seed"),
        ("run_id", "cell_id"),
        indexed=True,
        enumerations={
            "status": "run_status",
            "stop_reason": "stop_reason",
            "computed": "how_trained",
        },
    ),
    "snapshots": Table(
        "a measured snapshot of a run's weights",
        (
            *RUN_KEY,
            Column("snapshot", TEXT, one_of(SNAPSHOTS, mark="")),
            Column("is_primary", BOOLEAN, "whether all metrics are measured on these weights"),
            Column("epoch", INTEGER, "epoch of these weights; 0 for the initial weights"),
            *LOSSES,
        ),
        ("run_id", "snapshot"),
        enumerations={"snapshot": "snapshot_name"},
    ),
    "epochs": Table(
        "an epoch of a run",
        (
            *RUN_KEY,
            Column("epoch", INTEGER, "number of the epoch, starting at 1"),
            Column(
                "train_loss", REAL, "running mean in train mode, in the task's unit", "task's loss"
            ),
            Column(
                "train_error",
                REAL,
                "running mean in train mode, in the task's unit",
                "task's error",
            ),
            Column(
                "test_error",
                REAL,
                "what `best_test` minimises: test error, or test loss for text",
                "task's error",
            ),
        ),
        ("run_id", "epoch"),
    ),
    "estimates": Table(
        "one number measured on one run or pair, with its error",
        (
            *CELL_KEY,
            Column("run_id", TEXT, "the run, or the first run of the pair"),
            Column("other_run_id", TEXT, "the second run of the pair; empty for a single run"),
            Column("metric", TEXT, "name of the metric"),
            Column("probe", TEXT, "name of the probe, or of a snapshot other than the primary"),
            Column("value", REAL, "the number; null if missing", "see `unit`"),
            Column("error", REAL, "its error, in the same unit; null if unknown", "see `unit`"),
            Column("error_kind", TEXT, one_of(get_args(ErrorKind))),
            Column("n", INTEGER, "how many samples, probes, ... it was computed from"),
            Column(
                "n_unit", TEXT, "what n counts: loss units, products, probes, samples, fits, ..."
            ),
            Column("method", TEXT, "the estimator"),
            Column("status", TEXT, "`ok`, `not converged` or `missing`"),
            Column("reason", TEXT, "why it is missing or has not converged"),
            Column("unit", TEXT, "unit of the number; null if dimensionless"),
        ),
        ("cell_id", "run_id", "other_run_id", "metric", "probe"),
        enumerations={"error_kind": "error_kind", "status": "estimate_status"},
    ),
}


def pairs_table() -> Table:
    """The table of pairs, with the columns of every pair metric."""
    first = [METRICS[name] for name in FIRST_PAIR_METRICS]
    others = [metric for metric in METRICS.values() if metric not in first]
    measured = [column for metric in first + others for column in metric.pair_columns]
    return Table(
        "two converged runs of a cell",
        (
            *PAIR_KEY,
            Column("seed", INTEGER, "seed of the first run"),
            Column("other_seed", INTEGER, "seed of the second run"),
            *measured,
        ),
        ("cell_id", "seed", "other_seed"),
        ("run_id", "other_run_id"),
    )
