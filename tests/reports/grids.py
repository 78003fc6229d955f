"""Synthetic catalogs: smooth numbers on any grid, for drawing."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from landscape_catalog.catalog import TABLES
from landscape_catalog.catalog.tables import frame_of
from landscape_catalog.metrics.registry import QUANTITIES

Row = dict[str, Any]
LOAD = {"width": 8, "samples": 1000, "label_noise": 0.0, "pixel_noise": 0.0}
TEMPERATURE = {"batch_size": 128, "lr": 0.05, "weight_decay": 5e-4}
CURVE = ("mode_connectivity", "connectivity_lowest", "connectivity_highest", "peak_error")
LOSSES = ("train_loss", "train_accuracy", "train_error", "test_loss", "test_accuracy", "test_error")


@dataclass(frozen=True)
class Catalog:
    """Contents of a synthetic catalog; the keys of `axes` are dotted paths as in params.yaml."""

    axes: dict[str, list[Any]]
    variants: tuple[str, ...] = ("base",)
    kind: str = "images"
    unit: str | None = "%"
    performance_metric: str | None = None  # None: accuracy for images, loss for other data
    loss_unit: str = "nats"
    seeds: int = 3
    epochs: int = 20
    connectivity: tuple[str, ...] = ("primary",)
    similarity: tuple[str, ...] = ("primary",)
    snapshots: tuple[str, ...] = ("best_train_loss",)
    unconverged_metrics: tuple[str, ...] = ()
    not_converged: Callable[[Row], bool] = field(default=lambda cell: False)
    classify: dict[str, Any] | None = None  # None: thresholds of the paper's rule

    def tables(self) -> dict[str, pl.DataFrame]:
        """The catalog's tables."""
        cells = list(self._cells())
        rows: dict[str, list[Row]] = {name: [] for name in TABLES}
        rows["experiments"], rows["probes"] = [self._experiment(cells)], list(self._probes())
        rows["cells"] = cells
        rows["landscapes"] = [{"data_id": "d", "content_hash": "c", "landscape_id": "l"}]
        for cell in cells:
            converged = 0 if self.not_converged(cell) else self.seeds
            cell |= {"n_runs": self.seeds, "n_converged": converged}
            values = self._values(cell)
            rows["cell_metrics"] += list(self._metrics(cell, values))
            rows["phases"].append({"cell_id": cell["cell_id"], **phase(cell, values)})
            self._add_runs(rows, cell, values)
        return {name: frame_of(table, rows[name]) for name, table in TABLES.items()}

    def _experiment(self, cells: list[Row]) -> Row:
        train = {"seeds": self.seeds, "epochs": self.epochs, "stopping": "rule"}
        spec = {"train": train, "measure": {"snapshots": list(self.snapshots)}}
        rule = {
            "connectivity": {"tolerance": 1.0},
            "hessian": {"metric": "top_eigenvalue", "threshold": 76.0},
            "cka": {"threshold": 0.5},
            "train_loss": 0.05,
        }
        default = "test_accuracy" if self.kind == "images" else "test_loss"
        return {
            "experiment_id": "e", "classification_id": "k", "dataset": "made up",
            "model": "resnet18", "kind": self.kind, "connectivity_unit": self.unit,
            "n_cells": len(cells), "n_runs": len(cells) * self.seeds,
            "axes": json.dumps([{"path": path, "values": v} for path, v in self.axes.items()]),
            "variants": json.dumps(self.variants), "spec": json.dumps(spec),
            "classify": json.dumps(self.classify or rule),
            "performance_metric": self.performance_metric or default,
        }  # fmt: skip

    def _probes(self) -> Iterator[Row]:
        chosen = [("connectivity", name) for name in self.connectivity]
        chosen += [("similarity", name) for name in self.similarity]
        for i, (metric, name) in enumerate(chosen):
            method = "quadratic Bezier curve" if metric == "connectivity" else "linear CKA, mixup"
            written = json.dumps({"name": name, "alpha": float(i), "points": 5})
            yield {
                "experiment_id": "e", "position": i, "metric": metric, "name": name, "title": f"the {name} one",
                "method": method, "parameters": written,
            }  # fmt: skip

    def _cells(self) -> Iterator[Row]:
        points = itertools.product(self.variants, *self.axes.values())
        for i, (variant, *values) in enumerate(points):
            point = dict(zip(self.axes, values))
            plain = {path.split(".")[1]: v for path, v in point.items() if ".extra." not in path}
            custom = {path: v for path, v in point.items() if ".extra." in path}
            row = {**LOAD, **TEMPERATURE, **plain}
            yield {
                "cell_id": f"cell{i:05}", "landscape_id": "l", "position": i, "variant": variant,
                **row, "lr_in_effect": row["lr"], "extra": json.dumps(custom),
            }  # fmt: skip

    def _values(self, cell: Row) -> dict[str, float]:
        """Metrics that vary smoothly, with a poorly connected and a hot region."""
        custom = sum(v for v in json.loads(cell["extra"]).values() if isinstance(v, float))
        size = math.log2(cell["width"]) + custom - 8 * cell["label_noise"]
        size += 0.5 * (cell["variant"] != self.variants[0]) + 0.3 * math.log10(cell["samples"])
        heat = 5 - math.log2(cell["batch_size"]) + math.log(cell["lr"] / 0.05)
        loss = math.exp(1.4 * heat - 2) / (1 + size) + 1e-3
        mc = 8 / (1 + math.exp(1 - heat)) - 30 * math.exp(-0.6 * max(size, -2)) - 0.3
        accuracy = 90 / (1 + math.exp(-size / 2)) - 4 * (heat + 2) ** 2 / 10
        return {
            "train_loss": loss, "train_loss_running": loss, "train_loss_recomputed": loss,
            "train_accuracy": 99 - loss, "train_error": 1 + loss,
            "test_loss": (100 - accuracy) / 30, "test_accuracy": accuracy,
            "test_error": 100 - accuracy, "top_eigenvalue": 5 + 200 * loss,
            "trace": 50 + 1500 * loss, "mode_connectivity": mc, "connectivity_lowest": mc,
            "connectivity_highest": 0.0, "peak_error": abs(mc), "cka": 1 / (1 + math.exp(2 - size)),
            "curve_area": 3 - mc / 2, "line_barrier": max(-2 * mc, 0),
            "cka_debiased": 1 / (1 + math.exp(2.1 - size)), "disagreement": 0.1,
            "relative_distance": 1.2, "l2_distance": 20 + 3 * size, "norm": 15 + size, "n_epochs": float(self.epochs),
        }  # fmt: skip

    def _metrics(self, cell: Row, values: dict[str, float]) -> Iterator[Row]:
        wanted = [(metric, "primary", 0.0) for metric in QUANTITIES]
        wanted += [(m, name, 1.0) for name in self.connectivity[1:] for m in CURVE]
        wanted += [("cka", name, 0.1) for name in self.similarity[1:]]
        wanted += [(m, name, 0.5) for name in self.snapshots[1:] for m in LOSSES]
        for metric, probe, shift in wanted:
            n = cell["n_converged"]
            mean = values[metric] + shift if n else None
            pairs = n * (n - 1) // 2 if metric == "cka" else min(n - 1, 1)
            counted = pairs if metric in (*CURVE, "cka", "l2_distance") else n
            if not counted:
                mean = None
            sd = abs(values[metric]) * 0.05 + 0.01 if counted > 1 else None
            yield {
                "cell_id": cell["cell_id"], "metric": metric, "probe": probe, "mean": mean,
                "sd": sd, "n": max(counted, 0), "method": "direct", "measurement_error": 0.01,
                "unit": self._unit(metric),
                **self._status(metric, mean),
            }  # fmt: skip

    def _unit(self, metric: str) -> str | None:
        if metric in (*CURVE, "curve_area", "line_barrier"):
            return self.unit
        if metric in LOSSES:
            return self.loss_unit if metric.endswith("loss") else "%"
        return QUANTITIES[metric].unit or None

    def _status(self, metric: str, mean: float | None) -> Row:
        """Status of a mean: missing without a value, not converged for `unconverged_metrics`."""
        if mean is None:
            return {"status": "missing", "reason": "no run has converged"}
        if metric in self.unconverged_metrics:
            return {"status": "not converged", "reason": "1 of 2: after 5 steps"}
        return {"status": "ok", "reason": None}

    def _add_runs(self, rows: dict[str, list[Row]], cell: Row, values: dict[str, float]) -> None:
        runs = [f"{cell['cell_id']}-{seed}" for seed in range(self.seeds)]
        for seed, run in enumerate(runs):
            rows["runs"].append({
                "run_id": run, "cell_id": cell["cell_id"], "seed": seed, "torch": "2", "device": "cpu",
                "cpu": "x86", "status": "converged" if cell["n_converged"] else "NC",
            })  # fmt: skip
            for epoch in range(1, self.epochs + 1):
                loss = values["train_loss"] + 2.3 * math.exp(-epoch / 3) * (1 + 0.1 * seed)
                rows["epochs"].append({"run_id": run, "epoch": epoch, "train_loss": loss})
        if cell["n_converged"] < 2:
            return
        key = {"cell_id": cell["cell_id"], "run_id": runs[0], "other_run_id": runs[1]}
        rows["pairs"].append({**key, "seed": 0, "other_seed": 1})
        quantity = "error" if self.unit == "%" else "loss"
        for probe in self.connectivity:
            rows["curves"].append(
                {**key, "probe": probe, "fit": 0, "unit": self.unit, "quantity": quantity}
            )
            for t in (0.0, 0.25, 0.5, 0.75, 1.0):
                error = 3 - 4 * t * (1 - t) * values["mode_connectivity"]
                rows["curve_points"].append({
                    **key, "probe": probe, "fit": 0, "t": t, "train_error": error, "test_error": error + 5,
                    "train_loss": error / 100, "test_loss": error / 50,
                })  # fmt: skip


def phase(cell: Row, values: dict[str, float]) -> Row:
    """A phase with its reason, in the form of the table `phases`."""
    if not cell["n_converged"]:
        return {"phase": "NC", "reason": "all runs have not converged"}
    if cell["n_converged"] < 2:
        return {"phase": "unclassified", "reason": "mode connectivity is missing"}
    poor, sharp = values["mode_connectivity"] < -1, values["train_loss"] > 0.05
    name = {(1, 1): "I", (0, 1): "II", (1, 0): "III"}.get((int(poor), int(sharp)))
    name = name or ("IV-B" if values["cka"] >= 0.5 else "IV-A")
    return {
        "phase": name,
        "reason": f"mc {values['mode_connectivity']:.3g}, in the words of the rule",
    }
