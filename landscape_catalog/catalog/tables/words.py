"""What the declarations of several tables have in common."""

from __future__ import annotations

from collections.abc import Iterable

from landscape_catalog.schema.tables import INTEGER, REAL, TEXT, Column

# The columns of the parameters under `load` and `temperature`, named after them.
LOAD: tuple[Column, ...] = (
    Column("width", INTEGER, "load.width: width k of the network"),
    Column("samples", INTEGER, "load.samples: training samples"),
    Column("label_noise", REAL, "load.label_noise: share of labels replaced", "1"),
    Column("pixel_noise", REAL, "load.pixel_noise: amplitude of pixel noise, 0-255", "1"),
)
TEMPERATURE: tuple[Column, ...] = (
    Column("batch_size", INTEGER, "temperature.batch_size: samples per step"),
    Column("lr", REAL, "temperature.lr: learning rate as given in params.yaml", "1"),
    Column("weight_decay", REAL, "temperature.weight_decay: as passed to the optimiser", "1"),
)
LOSSES: tuple[Column, ...] = (
    Column(
        "train_loss",
        REAL,
        "mean loss on the training data in eval mode, in the task's unit",
        "task's loss",
    ),
    Column(
        "train_loss_sd",
        REAL,
        "its standard deviation over samples (for text: over tokens)",
        "task's loss",
    ),
    Column(
        "train_accuracy", REAL, "in %; null if the task has no notion of a correct prediction", "%"
    ),
    Column("train_error", REAL, "in the task's unit, for classification %", "task's error"),
    Column("n_train", INTEGER, "training samples (for text: tokens)"),
    Column(
        "test_loss",
        REAL,
        "mean loss on the test data in eval mode, in the task's unit",
        "task's loss",
    ),
    Column(
        "test_loss_sd",
        REAL,
        "its standard deviation over samples (for text: over tokens)",
        "task's loss",
    ),
    Column(
        "test_accuracy", REAL, "in %; null if the task has no notion of a correct prediction", "%"
    ),
    Column("test_error", REAL, "in the task's unit, for classification %", "task's error"),
    Column("n_test", INTEGER, "test samples (for text: tokens)"),
)
CELL_KEY: tuple[Column, ...] = (Column("cell_id", TEXT, "the cell"),)


def one_of(names: Iterable[str], mark: str = "`") -> str:
    """The names as a list in words, each between two marks."""
    *most, last = (f"{mark}{name}{mark}" for name in names)
    return f"{', '.join(most)} or {last}"
