"""Tables about the cells of the grid: their coordinates, metrics and phases."""

from __future__ import annotations

from landscape_catalog.catalog.tables.enumerations import ENUMERATIONS
from landscape_catalog.catalog.tables.words import CELL_KEY, LOAD, TEMPERATURE, one_of
from landscape_catalog.phases import FACTORS
from landscape_catalog.schema.tables import BOOLEAN, INTEGER, REAL, TEXT, Column, Table

_COMBINATIONS = (
    "its kind: `exact`, `independent` (in quadrature), `joint` (over the units of a shared draw), "
    "`correlated` (at most this, as if shared errors were fully correlated), `bound` or `unknown`"
)
# Columns of `criteria` with the labels that change if a threshold is multiplied by a factor.
MOVED_COLUMNS = {f"changed_at_{round(100 * factor)}": factor for factor in FACTORS}
CELL_TABLES: dict[str, Table] = {
    "cells": Table(
        "a point of the grid",
        (
            Column("experiment_id", TEXT, "the experiment"),
            *CELL_KEY,
            Column("landscape_id", TEXT, "its landscape"),
            Column(
                "position", INTEGER, "position in the grid, with axes in the order of params.yaml"
            ),
            Column("variant", TEXT, "name of the variant; `base` is the grid without any overlay"),
            *LOAD,
            *TEMPERATURE,
            Column(
                "lr_in_effect",
                REAL,
                "learning rate after train.linear_scaling, if that is set",
                "1",
            ),
            Column("extra", TEXT, "JSON: custom parameters by dotted path"),
            Column("n_runs", INTEGER, "number of runs"),
            Column(
                "n_converged", INTEGER, "number of converged runs; metrics are computed over these"
            ),
        ),
        ("position",),
        ("experiment_id", "cell_id"),
        indexed=True,
    ),
    "cell_metrics": Table(
        "one metric of one cell",
        (
            Column("experiment_id", TEXT, "the experiment"),
            *CELL_KEY,
            Column("metric", TEXT, "name of the metric"),
            Column("probe", TEXT, "name of the probe, or of a snapshot other than the primary"),
            Column("method", TEXT, "the estimator"),
            Column(
                "mean",
                REAL,
                "mean over converged runs or their pairs; null if there are none",
                "see `unit`",
            ),
            Column(
                "sd", REAL, "standard deviation over them; null for fewer than two", "see `unit`"
            ),
            Column("n", INTEGER, "number of runs or pairs"),
            Column(
                "standard_error",
                REAL,
                "of the mean over runs: sd / sqrt(n), or the delete-one-run jackknife for pairs",
                "see `unit`",
            ),
            Column(
                "measurement_error",
                REAL,
                "error of the mean due to the errors of the estimates, shared draws counted once",
                "see `unit`",
            ),
            Column("measurement_error_kind", TEXT, _COMBINATIONS),
            Column("status", TEXT, "`ok`, `not converged` (some estimate has not) or `missing`"),
            Column("reason", TEXT, "why it is not `ok`, and for how many runs or pairs"),
            Column("source", TEXT, "`measured` here, or where it was published"),
            Column("unit", TEXT, "unit of the mean; null if dimensionless"),
        ),
        ("experiment_id", "cell_id", "metric", "probe"),
        enumerations={
            "measurement_error_kind": "error_combination",
            "status": "estimate_status",
        },
    ),
}
PHASE_TABLES: dict[str, Table] = {
    "phases": Table(
        "the phase of a cell under one set of thresholds",
        (
            Column("experiment_id", TEXT, "the experiment"),
            *CELL_KEY,
            Column("classification_id", TEXT, "hash of the experiment and the thresholds"),
            Column("phase", TEXT, one_of(ENUMERATIONS["phase_name"], mark="")),
            Column(
                "phase_probability",
                REAL,
                "that as many fresh runs give this label; null if unknown",
                "1",
            ),
            Column("second_phase", TEXT, "the most probable other phase; null if there is none"),
            Column(
                "reason", TEXT, "how sure the label is, and which number crossed which threshold"
            ),
            Column("probability_reason", TEXT, "why the probability is unknown"),
            Column("ambiguous", BOOLEAN, "whether the sign of mode connectivity is uncertain"),
            Column(
                "doubtful", BOOLEAN, "flat, but training loss > 10 times the median of flat cells"
            ),
        ),
        ("experiment_id", "cell_id", "classification_id"),
        indexed=True,
        enumerations={"phase": "phase_name", "second_phase": "phase_name"},
    ),
    "phase_probabilities": Table(
        "the probability of one phase of a cell",
        (
            Column("experiment_id", TEXT, "the experiment"),
            *CELL_KEY,
            Column("classification_id", TEXT, "hash of the experiment and the thresholds"),
            Column("phase", TEXT, "each phase of the rule; no row if probabilities are unknown"),
            Column(
                "probability",
                REAL,
                "that as many fresh runs, measured afresh, give this label",
                "1",
            ),
        ),
        ("experiment_id", "cell_id", "classification_id", "phase"),
        indexed=True,
        enumerations={"phase": "phase_name"},
    ),
    "criteria": Table(
        "one criterion of the phase rule, and how many labels hang on it",
        (
            Column("experiment_id", TEXT, "the experiment"),
            Column("classification_id", TEXT, "hash of the experiment and the thresholds"),
            Column("position", INTEGER, "position among the criteria"),
            Column("criterion", TEXT, "its name"),
            Column("metric", TEXT, "the metric whose mean over a cell is compared"),
            Column(
                "relation", TEXT, "`<`, `>` or `>=`: how it stands to the threshold if it is met"
            ),
            Column("threshold", REAL, "what the metric is compared with", "of the metric"),
            Column("changed_without", INTEGER, "cells with another phase if it were never met"),
            *(
                Column(column, INTEGER, f"the same at {factor:.0%} of the threshold")
                for column, factor in MOVED_COLUMNS.items()
            ),
        ),
        ("position",),
        ("experiment_id", "classification_id", "position"),
        indexed=True,
        enumerations={"relation": "relation"},
    ),
}
