"""A small model zoo: the weights of every run of a source, with their records and histories."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from landscape_catalog.catalog.tables import LOAD, TEMPERATURE
from landscape_catalog.errors import DamagedFileError, MissingArtifactError
from landscape_catalog.exchange.export.output import Output
from landscape_catalog.exchange.export.tables import as_csv
from landscape_catalog.paths import RECORD_FILE, WEIGHTS_FILE, Project
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.identity import ID_LENGTH
from landscape_catalog.store.artifacts import read_history, read_run
from landscape_catalog.store.cache import run_cache
from landscape_catalog.store.location import store_root
from landscape_catalog.store.records import RunRecord

FOLDER, TABLE, HISTORY_FILE = "models", "models.csv", "history.csv"
NAMED = 5  # runs whose weights are missing
_RUN_ID = re.compile(f"[0-9a-f]{{{ID_LENGTH}}}")
_RESULTS = ("status", "train_loss", "train_accuracy", "test_loss", "test_error", "test_accuracy")


@dataclass(frozen=True)
class Model:
    """The stored run of a model.

    Attributes:
        folder: with its weights and record.
        record: verified.
    """

    folder: Path
    record: RunRecord


def find_models(project: Project, run_ids: Sequence[str]) -> list[Model]:
    """The stored runs, from the project or else from the shared store.

    Raises:
        MissingArtifactError: if the weights of some are in neither.
    """
    cache, found, missing = run_cache(project.runs, store_root(project)), [], []
    for run_id in run_ids:
        model = None
        if _RUN_ID.fullmatch(run_id):  # which is no path that leaves the folders
            folders = (cache.path(run_id), cache.shared_path(run_id))
            model = next(filter(None, map(_model_in, folders)), None)
        if model is None:
            missing.append(run_id)
        else:
            found.append(model)
    if missing:
        some = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        raise MissingArtifactError(
            f"--weights: the weights of {len(missing)} of {len(run_ids)} runs are neither in "
            f"{project.shown(project.runs)} nor in the shared store ({some}). Nothing was written"
        )
    return found


def _model_in(folder: Path) -> Model | None:
    """The run in a folder; None if its record or its weights are missing."""
    try:
        record = read_run(folder, verified=True)  # its weights are verified while they are copied
    except (OSError, DamagedFileError):
        return None
    return Model(folder, record) if os.path.isfile(folder / WEIGHTS_FILE) else None  # noqa: PTH113


def write_models(output: Output, models: Sequence[Model], tables: dict[str, pl.DataFrame]) -> None:
    """Write the folder of each model, and the table of all of them.

    Raises:
        DamagedFileError: if weights do not match the checksum in their record.
    """
    for model in models:
        place = f"{FOLDER}/{model.record.run_id}"
        weights = model.folder / WEIGHTS_FILE
        output.copy(f"{place}/{WEIGHTS_FILE}", weights, model.record.weights_sha256)
        output.write(f"{place}/{RECORD_FILE}", read_regular(model.folder / RECORD_FILE))
        output.write(f"{place}/{HISTORY_FILE}", as_csv(_history(model)))
    output.write(TABLE, as_csv(models_table(models, tables)))


def _history(model: Model) -> pl.DataFrame:
    """One row per epoch, starting at 1, with what was recorded after it."""
    values = read_history(model.folder)
    epochs = pl.Series("epoch", range(1, model.record.n_epochs + 1), dtype=pl.Int64)
    return pl.DataFrame([epochs, *(pl.Series(name, values[name]) for name in sorted(values))])


def models_table(models: Sequence[Model], tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """One row for each run of a cell: its place in the grid, its results, its phase, its file."""
    files = pl.DataFrame(
        [
            (
                model.record.run_id,
                f"{FOLDER}/{model.record.run_id}/{WEIGHTS_FILE}",
                model.record.weights_sha256,
                model.record.n_parameters,
                ", ".join(model.record.snapshots),
            )
            for model in models
        ],
        schema={
            "run_id": pl.String,
            "weights": pl.String,
            "sha256": pl.String,
            "n_parameters": pl.Int64,
            "snapshots": pl.String,
        },
        orient="row",
    )
    coordinates = ["variant", *(column.name for column in (*LOAD, *TEMPERATURE)), "extra"]
    cells = tables["cells"].select("cell_id", "position", *coordinates)
    phases = tables["phases"].select("cell_id", "phase")
    return (
        tables["runs"]
        .join(cells, on="cell_id", how="left", validate="m:1")
        .join(phases, on="cell_id", how="left", validate="m:1")
        .join(files, on="run_id", how="left")
        .sort("position", "seed", "run_id")
        .select("run_id", "cell_id", *coordinates, "seed", *_RESULTS, "phase", *files.columns[1:])
    )
