"""How well maps of different seeds agree, and how much each measure contributes to that.

Each argument is a project (or study) whose catalog is finished, with the same grid and other seeds:

    python benchmarks/map_agreement.py FOLDER FOLDER ... [--json OUT]

Pooled over pairs of maps: the share of cells with the same label, with a 95% interval by the
bootstrap over cells; Cohen's kappa; and for bins of the stated probability (the last are the sure
labels), the rate at which another map gives the same label. Then the labels are assigned
anew from the same measurements with one measure taken back at a time: fits of half the length,
running batch-norm statistics in the training loss, two or three seeds.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl

from landscape_catalog.api.catalog import Catalog, open_catalog
from landscape_catalog.catalog.thresholds import rule_in_effect
from landscape_catalog.phases import SURE, CellNumbers, Rule

BINS = ((0.0, 0.5), (0.5, 0.7), (0.7, SURE), (SURE, 1.01))
DRAWS = 10_000
METRICS = ("train_loss", "mode_connectivity", "cka")


@dataclass(frozen=True)
class Map:
    """The labels of a map, cell by cell, with their probabilities (NaN where unknown)."""

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]


def map_of(catalog: Catalog) -> Map:
    """The labels of a catalog in the order of the grid."""
    cells = catalog.cells.sort("position")
    known = [math.nan if p is None else p for p in cells["phase_probability"]]
    return Map(tuple(cells["phase"]), tuple(known))


def labels_with(
    catalog: Catalog, *, seeds: int | None = None, loss: str = "train_loss", halved: bool = False
) -> tuple[str, ...]:
    """The labels that the rule gives to means over some of the measurements.

    Args:
        catalog: of a map.
        seeds: only the first so many runs of each cell, and the pairs among them.
        loss: the metric that stands for the training loss.
        halved: mode connectivity from the fits of half the length, with which curves are compared.
    """
    rule = rule_in_effect(catalog.table("experiments").row(0, named=True))
    runs, cells = catalog.runs, catalog.table("cells").sort("position")
    estimates = catalog.table("estimates").filter(probe="primary")
    curves = catalog.table("curves").filter(probe="primary")
    labels = []
    for cell_id in cells["cell_id"]:
        own = runs.filter(cell_id=cell_id).sort("seed").head(seeds or len(runs))
        kept = set(own.filter(status="converged")["run_id"])
        numbers = estimates.filter(
            pl.col("run_id").is_in(kept)
            & (pl.col("other_run_id").is_in(kept) | (pl.col("other_run_id") == ""))
        )
        means = {name: mean(numbers, name) for name in (*METRICS, rule_metric(rule))}
        means["train_loss"] = mean(numbers, loss)
        if halved:
            pairs = curves.filter(pl.col("run_id").is_in(kept) & pl.col("other_run_id").is_in(kept))
            shorter = pairs["shorter_mode_connectivity"].drop_nulls()
            means["mode_connectivity"] = math.nan if shorter.is_empty() else shorter.mean()
        labels.append(rule.classify(CellNumbers(len(own), len(kept), means)).phase)
    return tuple(labels)


def rule_metric(rule: Rule) -> str:
    """The Hessian metric of the rule."""
    return next(name for name in rule.metrics if name not in METRICS)


def mean(numbers: pl.DataFrame, metric: str) -> float:
    """The mean of a metric; NaN if there is no value."""
    values = numbers.filter(metric=metric)["value"].drop_nulls()
    return math.nan if values.is_empty() else float(values.mean())


def agreement(maps: Sequence[tuple[str, ...]]) -> float:
    """The share of equal labels, over all pairs of maps."""
    pairs = list(combinations(maps, 2))
    return float(np.mean([[a == b for a, b in zip(one, other)] for one, other in pairs]))


def kappa(maps: Sequence[tuple[str, ...]]) -> float:
    """Cohen's kappa (p - e) / (1 - e), with e from the label frequencies of all maps together."""
    every = Counter(label for labels in maps for label in labels)
    total = every.total()
    chance = sum((count / total) ** 2 for count in every.values())
    return (agreement(maps) - chance) / (1 - chance) if chance < 1 else math.nan


def interval(maps: Sequence[tuple[str, ...]], of: Callable[..., float]) -> tuple[float, float]:
    """95% interval of a statistic by the bootstrap over cells; a cell's maps stay together."""
    random = np.random.Generator(np.random.Philox(0))
    columns = np.array(maps)
    found = [
        of([tuple(labels) for labels in columns[:, rows]])
        for rows in random.integers(0, columns.shape[1], (DRAWS // 10, columns.shape[1]))
    ]
    low, high = np.nanquantile(found, (0.025, 0.975))
    return float(low), float(high)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95% interval of a rate of independent trials (Wilson 1927)."""
    if n == 0:
        return math.nan, math.nan
    z, rate = 1.96, hits / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def calibration(maps: Sequence[Map]) -> list[dict[str, float]]:
    """For bins of the stated probability, its mean and the rate at which another map agrees."""
    found = []
    for low, high in BINS:
        stated, hits = [], []
        for one in maps:
            for other in maps:
                if other is one:
                    continue
                for label, p, again in zip(one.labels, one.probabilities, other.labels):
                    if low <= p < high:
                        stated.append(p)
                        hits.append(label == again)
        n = len(stated)
        bounds = wilson(sum(hits), n)
        found.append(
            {
                "from": low,
                "to": min(high, 1.0),
                "comparisons": n,
                "stated": float(np.mean(stated)) if n else math.nan,
                "rate": float(np.mean(hits)) if n else math.nan,
                "low": bounds[0],
                "high": bounds[1],
            }
        )
    return found


def main() -> None:
    """Print the agreement of the maps, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    catalogs = [open_catalog(folder) for folder in given.folders]
    maps = [map_of(catalog) for catalog in catalogs]
    labels = [found.labels for found in maps]
    n_cells = len(labels[0])
    low, high = interval(labels, agreement)
    print(f"{len(maps)} maps of {n_cells} cells")
    for folder, found in zip(given.folders, maps):
        print(f"  {folder.name}: {dict(sorted(Counter(found.labels).items()))}")
    print(f"all labels: {agreement(labels):.0%} agree (95% interval {low:.0%} to {high:.0%})")
    low, high = interval(labels, kappa)
    print(f"kappa: {kappa(labels):.2f} ({low:.2f} to {high:.2f})")
    sure = [p >= SURE for found in maps for p in found.probabilities]
    print(f"sure labels: {np.mean(sure):.0%} of all")
    phases = {
        label for found in maps for label, p in zip(found.labels, found.probabilities) if p >= SURE
    }
    print(f"phases among sure labels: {', '.join(sorted(phases))}")
    table = calibration(maps)
    for row in table:
        print(
            f"  stated {row['from']:.0%} to {row['to']:.0%}: {row['comparisons']:.0f} comparisons, "
            f"stated {row['stated']:.1%}, agreed {row['rate']:.1%} "
            f"({row['low']:.0%} to {row['high']:.0%})"
        )
    variants = {
        "as measured": {},
        "fits of half the length": {"halved": True},
        "running statistics in the loss": {"loss": "train_loss_running"},
        "three seeds": {"seeds": 3},
        "two seeds": {"seeds": 2},
    }
    results = {}
    for name, changes in variants.items():
        found = [labels_with(catalog, **changes) for catalog in catalogs]  # type: ignore[arg-type]
        moved = np.mean([a != b for one, other in zip(found, labels) for a, b in zip(one, other)])
        low, high = interval(found, agreement)
        results[name] = {"agreement": agreement(found), "low": low, "high": high}
        print(
            f"{name}: {agreement(found):.0%} agree ({low:.0%} to {high:.0%}), "
            f"kappa {kappa(found):.2f}; {moved:.0%} of the labels are others"
        )
    if given.json:
        given.json.write_text(
            json.dumps({"labels": labels, "calibration": table, "variants": results}, indent=2)
        )


if __name__ == "__main__":
    main()
