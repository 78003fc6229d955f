"""The measured metrics by probe and snapshot, their units, and the performance metric."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from landscape_catalog.metrics.metric import PRIMARY, Quantity
from landscape_catalog.metrics.registry import METRIC_OF, QUANTITIES
from landscape_catalog.schema.tables import Row
from landscape_catalog.schema.words import in_words

Tables = dict[str, pl.DataFrame]
SNAPSHOT_WORDS = {
    "best_train_loss": "best training loss",
    "early_stopped": "early-stopped by the rule",
    "last": "last epoch",
    "best_test": "best test error or loss",
}


@dataclass(frozen=True)
class MetricColumn:
    """One metric for one probe or snapshot: a column of the table of cells.

    Attributes:
        metric: name of the metric in the catalog.
        probe: the probe, or a snapshot other than the primary.
        name: of the column.
        label: name of the probe or snapshot for readers; empty if the metric has only one.
        method: how it is measured; empty if the metric has only one probe.
    """

    metric: str
    probe: str
    name: str
    label: str = ""
    method: str = ""

    @property
    def quantity(self) -> Quantity:
        """How the metric is drawn; custom metrics have the default."""
        return QUANTITIES.get(self.metric, Quantity(self.metric))

    @property
    def words(self) -> str:
        """The metric's name for readers: `custom.<name>.<value>` becomes `<name>: <value>`."""
        return in_words(self.metric.removeprefix("custom.")).replace(".", ": ")


@dataclass(frozen=True)
class PerformanceMetric:
    """The metric by which cells are ranked: accuracy, error or loss on the test data."""

    metric: str
    title: str
    unit: str
    higher_is_better: bool

    def best(self, values: list[float]) -> float:
        """The best of some values."""
        return max(values) if self.higher_is_better else min(values)

    def gain(self, value: float, base: float) -> float:
        """How much better a value is than the one of base; positive is better."""
        return value - base if self.higher_is_better else base - value


def with_unit(title: str, unit: str, **words: str) -> str:
    """A title with its placeholders filled; `{unit}` at its end is left out if there is no unit.

    >>> with_unit("Test loss, {unit}", "nats"), with_unit("Test loss, {unit}", "")
    ('Test loss, nats', 'Test loss')
    """
    return title.format(unit=unit, **words).rstrip(", ")


def metric_units(tables: Tables) -> dict[str, str]:
    """The unit of every metric; several, joined by `or`, if variants differ in it."""
    units = dict.fromkeys(QUANTITIES, "")
    found = tables["cell_metrics"].select("metric", "unit").unique(maintain_order=True)
    named: dict[str, list[str]] = {}
    for metric, unit in found.iter_rows():
        named.setdefault(metric, []).extend([unit] if unit else [])
    return units | {metric: " or ".join(every) for metric, every in named.items()}


def performance_metric(tables: Tables) -> PerformanceMetric:
    """The performance metric of the experiment's task."""
    metric = tables["experiments"]["performance_metric"][0]
    words = in_words(metric)
    title = words[0].upper() + words[1:]
    higher = QUANTITIES[metric].better == "higher"
    return PerformanceMetric(metric, title, metric_units(tables)[metric], higher)


def metric_columns(tables: Tables, chosen: Sequence[str] = ()) -> list[MetricColumn]:
    """Every metric for its primary probe, followed by its other probes or snapshots.

    Args:
        tables: the catalog.
        chosen: metrics to draw. They add the values of a custom metric for which the catalog has no
            numbers at all, so that their names cannot be taken from it.
    """
    probes = tables["probes"].sort("position").rows(named=True)
    performance, snapshots = performance_metric(tables).metric, _snapshots(tables)
    found, published = [], _published_methods(tables)
    for name, quantity in QUANTITIES.items():
        own = [probe for probe in probes if probe["metric"] == METRIC_OF.get(name)]
        if quantity.panel is not None and len(own) > 1:
            found += _of_probes(name, own)
        elif name == performance:
            found += list(_of_snapshots(name, snapshots))
        else:
            found.append(MetricColumn(name, PRIMARY, name, method=published.get(name, "")))
    # Vega reads a dot as access to a nested field; metric names cannot contain hyphens.
    return found + [
        MetricColumn(name, PRIMARY, name.replace(".", "-")) for name in _custom(tables, chosen)
    ]


def are_published(tables: Tables) -> bool:
    """Whether the results were published, and not computed by this package."""
    return bool((tables["cell_metrics"]["source"] != "measured").any())


def _published_methods(tables: Tables) -> dict[str, str]:
    """How published metrics were measured, which may be otherwise than here."""
    known = tables["cell_metrics"].filter(
        pl.col("source") != "measured", pl.col("probe") == PRIMARY, pl.col("mean").is_not_null()
    )
    rows = known.group_by("metric").agg(pl.col("method").drop_nulls().unique().sort())
    return {metric: ", ".join(methods) for metric, methods in rows.iter_rows()}


def _custom(tables: Tables, chosen: Sequence[str]) -> list[str]:
    """Names of all values of the custom metrics."""
    measured = tables["cell_metrics"].filter(~pl.col("metric").is_in(list(QUANTITIES)))
    names: list[str] = measured["metric"].unique().sort().to_list()
    for probe in tables["probes"].filter(pl.col("metric") == "custom")["name"]:
        own = f"custom.{probe}."
        if not any(name.startswith(own) for name in names):
            names += [name for name in chosen if name.startswith(own)]
    return names


def _of_probes(metric: str, probes: list[Row]) -> list[MetricColumn]:
    return [
        MetricColumn(
            metric,
            probe["name"],
            metric if probe["name"] == PRIMARY else f"{metric}_probe_{i}",
            probe["title"],
            f"{probe['method']}{_what_differs(probe, probes)}",
        )
        for i, probe in enumerate(probes)
    ]


def _what_differs(probe: Row, probes: list[Row]) -> str:
    """The parameters in which the probes of a metric differ, with the values of this probe."""
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


def _of_snapshots(metric: str, snapshots: list[str]) -> Iterator[MetricColumn]:
    for i, name in enumerate(snapshots):
        label = SNAPSHOT_WORDS.get(name, name) if len(snapshots) > 1 else ""
        probe, column = (name, f"{metric}_{name}") if i else (PRIMARY, metric)
        yield MetricColumn(metric, probe, column, label)
