"""What the catalog measured: metrics by probe and snapshot, their units, and what judges a cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from landscape_catalog.metrics.metric import PRIMARY, Quantity
from landscape_catalog.metrics.registry import METRIC_OF, QUANTITIES

Tables = dict[str, pl.DataFrame]
Row = dict[str, Any]
SNAPSHOT_WORDS = {
    "best_train_loss": "best training loss",
    "early_stopped": "early stopped by the rule",
    "last": "last epoch",
    "best_test": "best on the test data",
}


@dataclass(frozen=True)
class Measure:
    """One metric by one probe or of one snapshot: a column of the cells' rows.

    Attributes:
        metric: its name in the catalog.
        probe: the probe, or a snapshot other than the primary.
        column: its name in the rows that charts draw.
        way: what tells it from the others of its metric; empty where there are none.
        method: how it is measured, where there are several ways.
    """

    metric: str
    probe: str
    column: str
    way: str = ""
    method: str = ""

    @property
    def quantity(self) -> Quantity:
        """How it is drawn; a custom metric's number plainly."""
        return QUANTITIES.get(self.metric, Quantity(self.metric))

    @property
    def words(self) -> str:
        """The metric's name for readers: `custom.<name>.<value>` becomes `<name>: <value>`."""
        return self.metric.removeprefix("custom.").replace("_", " ").replace(".", ": ")


@dataclass(frozen=True)
class Judge:
    """How good a cell is: by accuracy, error or loss on the test data, as the task says."""

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


def metric_units(tables: Tables) -> dict[str, str]:
    """The unit of every metric, as its numbers have it; several where variants differ in it."""
    units = dict.fromkeys(QUANTITIES, "")
    found = tables["cell_metrics"].select("metric", "unit").unique(maintain_order=True)
    named: dict[str, list[str]] = {}
    for metric, unit in found.iter_rows():
        named.setdefault(metric, []).extend([unit] if unit else [])
    return units | {metric: " or ".join(every) for metric, every in named.items()}


def judge(tables: Tables) -> Judge:
    """What the experiment's task is judged by."""
    metric = tables["experiments"]["judge"][0]
    title = metric.replace("_", " ").capitalize()
    higher = QUANTITIES[metric].better == "higher"
    return Judge(metric, title, metric_units(tables)[metric], higher)


def measures(tables: Tables, chosen: Sequence[str] = ()) -> list[Measure]:
    """Every metric, the primary way first, then by other probes and of other snapshots.

    Args:
        tables: the catalog.
        chosen: metrics to draw. A value of a custom metric is known by its numbers; where no run
            or pair has any, it is known by being chosen.
    """
    probes = tables["probes"].sort("position").rows(named=True)
    judged, snapshots = judge(tables).metric, _snapshots(tables)
    found = []
    for name, quantity in QUANTITIES.items():
        ways = [probe for probe in probes if probe["metric"] == METRIC_OF.get(name)]
        if quantity.panel is not None and len(ways) > 1:
            found += _of_probes(name, ways)
        elif name == judged:
            found += list(_of_snapshots(name, snapshots))
        else:
            found.append(Measure(name, PRIMARY, name))
    # A dot means a nested field to Vega, and a name cannot hold a hyphen.
    return found + [
        Measure(name, PRIMARY, name.replace(".", "-")) for name in _custom(tables, chosen)
    ]


def _custom(tables: Tables, chosen: Sequence[str]) -> list[str]:
    """Every value of the custom metrics."""
    measured = tables["cell_metrics"].filter(~pl.col("metric").is_in(list(QUANTITIES)))
    names: list[str] = measured["metric"].unique().sort().to_list()
    for probe in tables["probes"].filter(pl.col("metric") == "custom")["name"]:
        own = f"custom.{probe}."
        if not any(name.startswith(own) for name in names):
            names += [name for name in chosen if name.startswith(own)]
    return names


def _of_probes(metric: str, probes: list[Row]) -> list[Measure]:
    return [
        Measure(
            metric,
            probe["name"],
            metric if probe["name"] == PRIMARY else f"{metric}_probe_{i}",
            probe["title"],
            f"{probe['method']}{_what_differs(probe, probes)}",
        )
        for i, probe in enumerate(probes)
    ]


def _what_differs(probe: Row, probes: list[Row]) -> str:
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
