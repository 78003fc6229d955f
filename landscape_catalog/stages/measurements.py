"""Which measurements an experiment needs, each with its id: known before any is made."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any, Literal

from landscape_catalog.execution.timings import Work
from landscape_catalog.schemas.experiment import Measure
from landscape_catalog.schemas.grid import Cell, Run, chosen_pairs
from landscape_catalog.schemas.identity import derive_seed, identify

Metric = Literal["loss", "hessian", "connectivity", "similarity", "distance"]
SNAPSHOT = "best_train_loss"
REPEAT = 0

_RECIPES: dict[Metric, tuple[str, ...]] = {
    "loss": ("task", "loss"),
    "hessian": ("task", "hessian"),
    "connectivity": ("task", "curve_fit", "curve_points"),
    "similarity": ("task", "similarity"),
    "distance": ("distance",),
}


@dataclass(frozen=True)
class Needed:
    """A measurement of one run or of a pair, and how it is to be made."""

    metric: Metric
    runs: tuple[Run, ...]
    probe: dict[str, Any]

    @cached_property
    def measurement_id(self) -> str:
        """Hash of the runs in order, the snapshot, the probe, the repeat and the recipe."""
        content = {
            "metric": self.metric,
            "runs": [run.run_id for run in self.runs],
            "snapshot": SNAPSHOT,
            "probe": self.probe,
            "repeat": REPEAT,
        }
        return identify("measurement", content, _RECIPES[self.metric])

    @property
    def cell(self) -> Cell:
        """The cell that the runs belong to."""
        return self.runs[0].cell

    def seed(self, purpose: str) -> int:
        """Of one purpose, the same for every run and pair on the same data."""
        return derive_seed(self.cell.landscape.data.data_id, purpose, REPEAT)

    @cached_property
    def work(self) -> Work:
        """The size of the job."""
        samples = self.cell.landscape.data.samples
        batch, steps = samples, 1
        if self.metric == "hessian":
            batch, steps = self.probe["samples"], 2 * self.probe["max_iterations"]
        elif self.metric == "connectivity":
            batch = self.probe["batch_size"]
            steps = (self.probe["epochs"] + self.probe["points"]) * (samples // batch)
        return Work(self.metric, self.cell.landscape.model["width"], batch, steps)


def losses_needed(runs: Collection[Run]) -> list[Needed]:
    """Loss and error of every run: they tell which have converged."""
    return [Needed("loss", (run,), {}) for run in runs]


def hessians_needed(runs: Collection[Run], measure: Measure) -> list[Needed]:
    """The Hessian of every converged run."""
    probe = {**measure.hessian.model_dump(mode="json"), "backend": _pyhessian()}
    return [Needed("hessian", (run,), probe) for run in runs]


def pairs_needed(runs: Collection[Run], measure: Measure) -> list[Needed]:
    """Curves of the chosen pairs, CKA and distance of all pairs, of a cell's converged runs."""
    by_id = {run.run_id: run for run in runs}
    curve = {**measure.connectivity.model_dump(mode="json", exclude={"pairs"}), "init": "linear"}
    likeness = {**measure.similarity.model_dump(mode="json"), "perturbation": "mixup"}
    curved = chosen_pairs(list(by_id), measure.connectivity.pairs)
    needed = [Needed("connectivity", (by_id[a], by_id[b]), curve) for a, b in curved]
    for pair in itertools.combinations(by_id.values(), 2):
        needed.append(Needed("similarity", pair, likeness))
        needed.append(Needed("distance", pair, {}))
    return needed


def method(metric: str) -> str:
    """How a metric is computed, for the catalog's `method` column."""
    return {
        "hessian": _pyhessian(),
        "connectivity": "quadratic Bezier curve",
        "similarity": "biased linear CKA, mixup",
    }.get(metric, "direct")


def _pyhessian() -> str:
    return f"pyhessian {version('pyhessian')}"
