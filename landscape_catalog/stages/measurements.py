"""Which measurements an experiment needs, each with its id: known before any is made."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any, Literal

from landscape_catalog.execution.timings import Work
from landscape_catalog.schemas.fields import Section
from landscape_catalog.schemas.grid import Cell, Run, chosen_pairs
from landscape_catalog.schemas.identity import derive_seed, identify
from landscape_catalog.schemas.measure import Connectivity, Hessian, Measure, Similarity
from landscape_catalog.stages.costs import work_of

Metric = Literal["loss", "hessian", "connectivity", "similarity", "distance"]
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
    """A measurement of one run or of a pair, and how it is to be made.

    Attributes:
        metric: which.
        runs: one run, or two of a cell in order of seeds.
        snapshot: which weights.
        settings: the section that says how; None where there is nothing to say.
    """

    metric: Metric
    runs: tuple[Run, ...]
    snapshot: str
    settings: Section | None = None

    @cached_property
    def probe(self) -> dict[str, Any]:
        """How it is measured, as the id hashes it."""
        content = {} if self.settings is None else self.settings.content()
        return content | ({"backend": pyhessian_version()} if self.metric == "hessian" else {})

    @cached_property
    def measurement_id(self) -> str:
        """Hash of the runs in order, the snapshot, the probe, the repeat and the recipe."""
        content = {
            "metric": self.metric,
            "runs": [run.run_id for run in self.runs],
            "snapshot": self.snapshot,
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
        batch, steps, settings = samples, 1, self.settings
        if isinstance(settings, Hessian):
            batch, steps = settings.samples, 2 * settings.max_iterations
        elif isinstance(settings, Connectivity):
            batch, an_epoch = settings.batch_size, samples // settings.batch_size
            fit = settings.updates or settings.epochs * an_epoch
            steps = fit + settings.points * an_epoch
        elif isinstance(settings, Similarity):
            batch = settings.samples
        return work_of(self.cell, self.metric, batch_size=batch, steps=steps)


def losses_needed(runs: Collection[Run], measure: Measure) -> list[Needed]:
    """Loss and error of every run and snapshot; those of the primary one tell convergence."""
    return [Needed("loss", (run,), snapshot) for run in runs for snapshot in measure.snapshots]


def primary_loss(run: Run, measure: Measure) -> Needed:
    """Loss and error of a run's primary snapshot."""
    return Needed("loss", (run,), measure.snapshots[0])


def hessians_needed(runs: Collection[Run], measure: Measure) -> list[Needed]:
    """The Hessian of every converged run."""
    return [Needed("hessian", (run,), measure.snapshots[0], measure.hessian) for run in runs]


def pairs_needed(runs: Collection[Run], measure: Measure) -> list[Needed]:
    """Curves of the chosen pairs, CKA and distance of all pairs, of a cell's converged runs.

    Every probe of connectivity and of similarity measures the same runs.
    """
    by_id, snapshot = {run.run_id: run for run in runs}, measure.snapshots[0]
    needed = [
        Needed("connectivity", (by_id[a], by_id[b]), snapshot, probe)
        for probe in measure.connectivity_probes
        for a, b in chosen_pairs(list(by_id), probe.pairs)
    ]
    for pair in itertools.combinations(by_id.values(), 2):
        needed += [Needed("similarity", pair, snapshot, p) for p in measure.similarity_probes]
        needed.append(Needed("distance", pair, snapshot))
    return needed


def method(probe: Section) -> str:
    """How a probe is computed, for the catalog's `method` column."""
    if isinstance(probe, Hessian):
        return pyhessian_version()
    if isinstance(probe, Connectivity):
        kind = {3: "quadratic", 4: "cubic"}.get(
            probe.control_points, f"{probe.control_points}-point"
        )
        start = "" if probe.init == "linear" else ", random start"
        return f"{kind} Bezier curve{start}"
    if isinstance(probe, Similarity):
        where = f" of {probe.layer}" if probe.layer else ""
        return f"biased linear CKA{where}, {probe.perturbation.replace('_', ' ')}"
    return "direct"


def pyhessian_version() -> str:
    """The backend of the Hessian with its version."""
    return f"pyhessian {version('pyhessian')}"
