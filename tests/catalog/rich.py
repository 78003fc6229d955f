"""A made-up experiment in which there is something to find, run by run, and a published one.

Test accuracy dips at width 8, some runs diverge or do not converge, cells are in every phase, and
some labels are near a threshold. Cells have the means of `tests.reports.grids`, changed a little.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from landscape_catalog.catalog import TABLES
from landscape_catalog.catalog.classification import classified
from landscape_catalog.catalog.run_errors import standard_error_over_runs
from landscape_catalog.catalog.tables import frame_of
from landscape_catalog.commands.imports import import_results
from landscape_catalog.phases import Yang2021
from tests.catalog.made_up import write_source
from tests.reports import grids

Row = dict[str, Any]
KEY = {"experiment_id": "made-up", "classification_id": None}
AXES = {"load.width": [1, 2, 4, 8, 16, 32], "temperature.batch_size": [16, 32, 64, 128, 256]}
SEEDS, EPOCHS = 4, 12
OF_PAIRS = ("mode_connectivity", "cka", "l2_distance")
OF_RUNS = ("train_loss", "train_accuracy", "train_error", "test_loss", "test_accuracy",
           "test_error", "top_eigenvalue", "trace")  # fmt: skip
UNITS = {"mode_connectivity": "%", "train_loss": "nats", "test_loss": "nats"} | {
    name: "%" for name in OF_RUNS if name.endswith(("accuracy", "error"))
}
PUBLISHED_MAP = """\
coordinates:
  load.width: width
  temperature.batch_size: batch
fixed:
  load.samples: 50000
metrics:
  train_loss: {column: train_loss, unit: nats}
  test_accuracy: {column: test_acc, unit: "%"}
  top_eigenvalue: {column: lambda}
  mode_connectivity: {column: mc, unit: "%"}
  cka: {column: cka}
n_runs: 5
citation: Nobody et al. 2026
dataset: cifar10
model: resnet18
kind: images
"""


def rich_tables() -> dict[str, pl.DataFrame]:
    """The catalog's tables."""
    plain = grids.Catalog(AXES, seeds=SEEDS).tables()
    means = plain["cell_metrics"].filter(probe="primary").rows_by_key("cell_id", named=True)
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    rows["experiments"] = [plain["experiments"].row(0, named=True) | KEY]
    for cell in plain["cells"].rows(named=True):
        cell_id, width = cell["cell_id"], cell["width"]
        landscape = f"landscape {width}"
        if not any(row["landscape_id"] == landscape for row in rows["landscapes"]):
            rows["landscapes"].append({
                "landscape_id": landscape, "width": width, "samples": cell["samples"], "n_parameters": 1000 * width,
                "dataset": "made up", "model": "resnet18",
            })  # fmt: skip
        mean = _shifted(cell, {row["metric"]: row["mean"] for row in means[cell_id]})
        runs = list(_runs(cell, mean))
        good = [row for row in runs if row["status"] == "converged"]
        cell |= {"experiment_id": KEY["experiment_id"], "landscape_id": landscape}
        rows["cells"].append(cell | {"n_runs": SEEDS, "n_converged": len(good)})
        rows["runs"] += runs
        rows["epochs"] += [row for run in runs for row in _epochs(run)]
        estimates = list(_estimates(cell_id, good, mean))
        rows["estimates"] += estimates
        rows["curves"] += [_curve(row) for row in estimates if row["metric"] == "mode_connectivity"]
        rows["cell_metrics"] += list(_cell_metrics(cell_id, estimates))
    tables = {name: frame_of(table, rows[name]) for name, table in TABLES.items()}
    return classified(tables, Yang2021(train_loss=0.25))


def _shifted(cell: Row, mean: Row) -> Row:
    """Means with a dip of accuracy, and some cells in every phase."""
    dip = 11.0 if cell["width"] == 8 else 0.0
    return mean | {
        "test_accuracy": mean["test_accuracy"] - dip,
        "test_error": mean["test_error"] + dip,
        "mode_connectivity": mean["mode_connectivity"] / 4,
        "cka": min(max(mean["cka"] - 0.12 * math.log2(cell["batch_size"] / 16), 0.1), 0.95),
        "top_eigenvalue": 3 * mean["top_eigenvalue"],
        "train_accuracy": 100 - 5 * mean["train_loss"],
        "train_error": 5 * mean["train_loss"],
    }


def _runs(cell: Row, mean: Row) -> Iterator[Row]:
    """The hottest runs of the narrowest network diverge, and one of the next does not converge."""
    for seed in range(SEEDS):
        draw = random.Random(f"{cell['cell_id']} {seed}")
        stop, status, n_epochs = "calm", "converged", EPOCHS - seed % 2
        if (cell["width"], cell["batch_size"]) == (1, 16):
            stop, status, n_epochs = "diverged", "NC", 3
        elif (cell["width"], cell["batch_size"], seed) in ((2, 16, 1), (1, 32, 0)):
            stop, status, n_epochs = "epochs", "NC", EPOCHS
        known = {metric: mean[metric] * (1 + draw.gauss(0, 0.01)) for metric in OF_RUNS}
        yield {
            "run_id": f"run {cell['cell_id']} {seed}", "cell_id": cell["cell_id"], "seed": seed, "status": status,
            "stop_reason": stop, "n_epochs": n_epochs, "best_epoch": n_epochs, "device": "cpu",
            "status_reason": None if status == "converged" else "training loss is no better than guessing",
            **{metric: known[metric] if status == "converged" else None for metric in OF_RUNS[:-2]},
            **{f"hidden {metric}": known[metric] for metric in OF_RUNS},
        }  # fmt: skip


def _epochs(run: Row) -> Iterator[Row]:
    for epoch in range(1, run["n_epochs"] + 1):
        loss = run["hidden train_loss"] + 2.3 * math.exp(-epoch / 3)
        lost = run["stop_reason"] == "diverged" and epoch == run["n_epochs"]
        yield {
            "run_id": run["run_id"],
            "epoch": epoch,
            "train_loss": math.inf if lost else loss,
            "train_error": 40 * loss,
        }


def _estimates(cell_id: str, runs: list[Row], mean: Row) -> Iterator[Row]:
    """Every metric of every converged run and pair."""
    for run in runs:
        for metric in OF_RUNS:
            value = run[f"hidden {metric}"]
            is_exact = metric.startswith("train")
            yield {
                "cell_id": cell_id, "run_id": run["run_id"], "other_run_id": "", "metric": metric, "probe": "primary",
                "value": value, "error": 0.0 if is_exact else abs(value) / 50, "error_kind": "exact" if is_exact else "standard error",
                "n": 1000, "n_unit": "units", "method": "direct", "status": "ok", "unit": UNITS.get(metric),
            }  # fmt: skip
    for one, other in itertools.combinations(runs, 2):
        draw = random.Random(f"{one['run_id']} {other['run_id']}")
        unfinished = draw.random() < 0.1
        for metric in OF_PAIRS:
            value = mean[metric] + draw.gauss(0, 0.02 if metric == "cka" else 0.3)
            slow = unfinished and metric == "mode_connectivity"
            yield {
                "cell_id": cell_id, "run_id": one["run_id"], "other_run_id": other["run_id"], "metric": metric,
                "probe": "primary", "value": value, "error": None, "error_kind": "unknown", "n": 1, "n_unit": "fits",
                "method": "made up", "status": "not converged" if slow else "ok",
                "reason": "the two fits differ" if slow else None, "unit": UNITS.get(metric),
            }  # fmt: skip


def _curve(estimate: Row) -> Row:
    converged = estimate["status"] == "ok"
    key = {name: estimate[name] for name in ("cell_id", "run_id", "other_run_id", "probe", "unit")}
    return key | {
        "fit": 0,
        "quantity": "error",
        "mode_connectivity": estimate["value"],
        "fit_length": 50,
        "shorter_length": 25,
        "length_unit": "epochs",
        "shorter_mode_connectivity": estimate["value"] - (0.1 if converged else 2.5),
        "converged": converged,
    }


def _cell_metrics(cell_id: str, estimates: list[Row]) -> Iterator[Row]:
    for metric in (*OF_RUNS, *OF_PAIRS):
        own = [row for row in estimates if row["metric"] == metric]
        values = [row["value"] for row in own]
        members = [tuple(filter(None, (row["run_id"], row["other_run_id"]))) for row in own]
        statuses = {row["status"] for row in own} or {"missing"}
        yield {
            "experiment_id": KEY["experiment_id"],
            "cell_id": cell_id,
            "metric": metric,
            "probe": "primary",
            "mean": statistics.fmean(values) if values else None,
            "sd": statistics.stdev(values) if len(values) > 1 else None,
            "n": len(values),
            "standard_error": standard_error_over_runs(values, members) if values else None,
            "status": max(statuses, key=("ok", "not converged", "missing").index),
            "source": "measured",
            "unit": UNITS.get(metric),
        }


def import_published(root: Path, tmp_path: Path) -> None:
    """Import a table of published cells, some of which the made-up experiment has too."""
    lines = ["width,batch,train_loss,test_acc,lambda,mc,cka"]
    for width, batch in itertools.product((2, 8, 32), (16, 64, 256, 512)):
        accuracy = 60 + 5 * math.log2(width) - 3 * abs(math.log2(batch / 64))
        lines.append(
            f"{width},{batch},{0.6 / width},{accuracy},{6000 / batch},{-4 / width},{1 - 1 / width}"
        )
    table, columns = tmp_path / "published.csv", tmp_path / "map.yaml"
    table.write_text("\n".join(lines) + "\n")
    columns.write_text(PUBLISHED_MAP)
    import_results(root, "table", table, "published", columns=columns)


def rich_project(root: Path, tmp_path: Path) -> Path:
    """The made-up experiment as the current one of a project, collected once more, and an import."""
    tables = rich_tables()
    write_source(root / "data" / "catalog", tables)
    collected = write_source(root / "data" / "collected" / "made-up", tables)
    places = '{"places": [{"revision": "0123abcd", "refs": ["main"]}, {"revision": "4567"}]}\n'
    (collected / "source.json").write_text(places)
    import_published(root, tmp_path)
    return root
