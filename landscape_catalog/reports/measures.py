"""What the catalog measured: metrics by probe and snapshot, their units, and what judges a cell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from landscape_catalog.catalog import CELL_METRICS
from landscape_catalog.experiment.measure import PRIMARY

Tables = dict[str, pl.DataFrame]
PROBED = {"connectivity": "mode_connectivity", "similarity": "cka"}
CONNECTIVITY = (
    "mode_connectivity", "connectivity_lowest", "connectivity_highest", "peak_error", "curve_area",
    "line_barrier",
)  # fmt: skip
SNAPSHOT_WORDS = {
    "best_train_loss": "best training loss",
    "early_stopped": "early stopped by the rule",
    "last": "last epoch",
    "best_test": "best on the test data",
}


@dataclass(frozen=True)
class Measure:
    """One metric by one probe or of one snapshot: a column of the cells' rows.

    `way` tells it from the others of its metric (empty where there are none), `method` says how
    it is measured.
    """

    metric: str
    probe: str
    column: str
    way: str = ""
    method: str = ""


@dataclass(frozen=True)
class Judge:
    """What says how good a cell is: test accuracy of images, test loss of anything else."""

    metric: str
    title: str
    unit: str
    higher_is_better: bool

    def best(self, values: list[float]) -> float:
        """The best of some values."""
        return max(values) if self.higher_is_better else min(values)

    def gain(self, value: float, base: float) -> float:
        """By how much a value is better than the base's."""
        return value - base if self.higher_is_better else base - value


def connectivity_unit(tables: Tables) -> str:
    """The unit of mode connectivity; where no pair has a curve, that of its kind of data."""
    experiment = tables["experiments"].row(0, named=True)
    usual = "%" if experiment["kind"] == "images" else "nats"
    return experiment["connectivity_unit"] or usual


def metric_units(tables: Tables) -> dict[str, str]:
    """The unit of every metric: losses of a user's own task are in the unit of connectivity."""
    unit = connectivity_unit(tables)
    units = dict(CELL_METRICS) | dict.fromkeys(CONNECTIVITY, unit)
    if unit == "%":
        return units | dict.fromkeys(("train_error", "test_error"), unit)
    return units | dict.fromkeys(("train_loss", "test_loss"), unit)


def judge(tables: Tables) -> Judge:
    """Test accuracy where the data are images, else test loss."""
    if tables["experiments"]["kind"][0] == "images":
        return Judge("test_accuracy", "Test accuracy", "%", True)
    return Judge("test_loss", "Test loss", metric_units(tables)["test_loss"], False)


def measures(tables: Tables) -> list[Measure]:
    """Every metric, the primary way first, then by other probes and of other snapshots."""
    probes = tables["probes"].sort("position").rows(named=True)
    ways = {metric: _ways(probes, source, metric) for source, metric in PROBED.items()}
    judged, snapshots = judge(tables).metric, _snapshots(tables)
    found = []
    for metric in CELL_METRICS:
        if metric in ways:
            found += ways[metric]
        elif metric == judged:
            found += list(_of_snapshots(metric, snapshots))
        else:
            found.append(Measure(metric, PRIMARY, metric))
    return found


def _ways(probes: list[dict[str, Any]], source: str, metric: str) -> list[Measure]:
    chosen = [probe for probe in probes if probe["metric"] == source]
    found = [
        Measure(
            metric,
            probe["name"],
            metric if probe["name"] == PRIMARY else f"{metric}_probe_{i}",
            probe["title"] if len(chosen) > 1 else "",
            f"{probe['method']}{_what_differs(probe, chosen)}",
        )
        for i, probe in enumerate(chosen)
    ]
    return found or [Measure(metric, PRIMARY, metric)]


def _what_differs(probe: dict[str, Any], probes: list[dict[str, Any]]) -> str:
    """The parameters in which the probes of a metric differ, with this one's values."""
    every = [json.loads(other["parameters"]) for other in probes]
    own = json.loads(probe["parameters"])
    different = [
        f"{name.replace('_', ' ')} {own[name]}"
        for name in own
        if name != "name" and any(other.get(name) != own[name] for other in every)
    ]
    return "".join(f", {words}" for words in different)


def _snapshots(tables: Tables) -> list[str]:
    spec = json.loads(tables["experiments"]["spec"][0])
    return list(spec["measure"]["snapshots"])


def _of_snapshots(metric: str, snapshots: list[str]) -> Iterator[Measure]:
    for i, name in enumerate(snapshots):
        way = SNAPSHOT_WORDS.get(name, name) if len(snapshots) > 1 else ""
        yield Measure(metric, name if i else PRIMARY, f"{metric}_{name}" if i else metric, way)
