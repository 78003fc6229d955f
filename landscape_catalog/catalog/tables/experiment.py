"""Tables about an experiment as a whole: what it is, how it measures, its data and networks."""

from __future__ import annotations

from typing import get_args

from landscape_catalog.catalog.tables.words import LOAD, one_of
from landscape_catalog.datasets.facts import Kind
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.schema.tables import INTEGER, REAL, TEXT, Column, Table

_METRICS_WITH_SETTINGS = [name for name, metric in METRICS.items() if metric.owns_section]
EXPERIMENT_TABLES: dict[str, Table] = {
    "experiments": Table(
        "an experiment",
        (
            Column("experiment_id", TEXT, "hash of the ids of its runs and measurements"),
            Column("classification_id", TEXT, "hash of the experiment and its thresholds"),
            Column("dataset", TEXT, "name of the dataset"),
            Column("model", TEXT, "name of the network"),
            Column("kind", TEXT, f"kind of the data: {one_of(get_args(Kind))}"),
            Column("connectivity_unit", TEXT, "unit of mode connectivity (of the first curve)"),
            Column("n_cells", INTEGER, "number of cells in the grid"),
            Column("n_runs", INTEGER, "number of runs in the grid"),
            Column("axes", TEXT, "JSON: path and values of each axis, in order"),
            Column("variants", TEXT, "JSON: names of the variants, `base` first"),
            Column("spec", TEXT, "JSON: the sections of params.yaml that determine the results"),
            Column("classify", TEXT, "JSON: the thresholds as given, numbers or `auto`"),
            Column(
                "thresholds",
                TEXT,
                "JSON: name, value, band and reason of every threshold that is `auto`",
            ),
            Column(
                "performance_metric", TEXT, "the test metric by which cells of this task are ranked"
            ),
        ),
        ("experiment_id",),
        ("experiment_id", "classification_id"),
        indexed=True,
    ),
    "probes": Table(
        "a probe, i.e. one configuration in which a metric is measured",
        (
            Column("experiment_id", TEXT, "the experiment"),
            Column("position", INTEGER, "position in the order of params.yaml"),
            Column(
                "metric",
                TEXT,
                one_of(_METRICS_WITH_SETTINGS),
            ),
            Column("name", TEXT, "name in `probe` columns; `primary` is the one used to classify"),
            Column("title", TEXT, "its name in params.yaml"),
            Column("method", TEXT, "how it is computed"),
            Column("parameters", TEXT, "JSON: its parameters in params.yaml"),
        ),
        ("experiment_id", "position"),
        indexed=True,
    ),
    "landscapes": Table(
        "a landscape, i.e. prepared data and a network",
        (
            Column("landscape_id", TEXT, "hash of data and network"),
            Column("data_id", TEXT, "id of the prepared data"),
            Column("content_hash", TEXT, "SHA-256 of the prepared arrays"),
            Column("dataset", TEXT, "name of the dataset"),
            Column("model", TEXT, "name of the network"),
            *LOAD,
            Column("extra", TEXT, "JSON: other parameters of dataset, network and task"),
            Column("n_test", INTEGER, "number of test samples"),
            Column("n_classes", INTEGER, "number of classes"),
            Column("n_changed_labels", INTEGER, "number of wrong training labels"),
            Column(
                "frequency_loss",
                REAL,
                "of guessing by label frequencies, nats; null without classes",
                "nats",
            ),
            Column("n_parameters", INTEGER, "number of trainable parameters of the network"),
        ),
        ("width", "samples", "label_noise", "pixel_noise", "landscape_id"),
        ("landscape_id",),
        indexed=True,
    ),
}
