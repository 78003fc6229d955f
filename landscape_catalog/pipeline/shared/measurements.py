"""Which measurements an experiment needs, each with its id: known before any is made."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any, Literal

from landscape_catalog.experiment.grid import Cell, Run, chosen_pairs
from landscape_catalog.experiment.measure import Connectivity, Hessian, Measure, Similarity
from landscape_catalog.pipeline.shared.costs import work_of
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.fields import Section, is_custom
from landscape_catalog.schema.identity import derive_seed, identify

Metric = Literal[
    "loss", "hessian", "density", "layers", "connectivity", "barrier", "similarity", "distance"
]
USUAL_ITERATIONS, LAYERS = 20, 10  # to guess how long it takes
SMALL_FIT = 2**27  # multiply-adds of a step, up to which curves are fitted side by side

_RECIPES: dict[Metric, tuple[str, ...]] = {
    "loss": ("task", "loss"),
    "hessian": ("task", "hessian_native"),
    "density": ("task", "hessian_native"),
    "layers": ("task", "hessian_native"),
    "connectivity": ("task", "curve_fit", "curve_points"),
    "barrier": ("task", "barrier"),
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
        repeat: which of several, each with seeds of its own.
    """

    metric: Metric
    runs: tuple[Run, ...]
    snapshot: str
    settings: Section | None = None
    repeat: int = 0

    @cached_property
    def probe(self) -> dict[str, Any]:
        """How it is measured, as the id hashes it."""
        if isinstance(self.settings, Connectivity) and self.metric == "barrier":
            return self.settings.line_content()
        content = {} if self.settings is None else self.settings.content()
        if isinstance(self.settings, Hessian):
            content["backend"] = backend(self.settings)
            if self.metric == "density":
                content["probes"] = self.settings.density_probes
                content["steps"] = self.settings.density_steps
        return content

    @cached_property
    def measurement_id(self) -> str:
        """Hash of the runs in order, the snapshot, the probe, the repeat and the recipe."""
        content = {
            "metric": self.metric,
            "runs": [run.run_id for run in self.runs],
            "snapshot": self.snapshot,
            "probe": self.probe,
            "repeat": self.repeat,
        }
        return identify("measurement", content, self._recipes)

    @property
    def _recipes(self) -> tuple[str, ...]:
        if isinstance(self.settings, Hessian) and self.settings.backend == "pyhessian":
            return ("task", "hessian")
        return _RECIPES[self.metric]

    @property
    def cell(self) -> Cell:
        """The cell that the runs belong to."""
        return self.runs[0].cell

    def seed(self, purpose: str, *apart: str | int) -> int:
        """Of one purpose, the same for every run and pair on the same data.

        `apart` is what sets it apart from others of that purpose; zeros are as if they were not
        there.
        """
        parts = [part for part in apart if part != 0]
        return derive_seed(self.cell.landscape.data.data_id, purpose, self.repeat, *parts)

    @property
    def custom_code(self) -> bool:
        """Whether network or task is a user's own."""
        landscape = self.cell.landscape
        return is_custom(landscape.model.name) or is_custom(landscape.task.name)

    @cached_property
    def fitted_with(self) -> str | None:
        """The same for all curves that one job fits; None of what is made alone.

        Curves of one landscape and probe have the same batches and t, by `seed`. Only where
        arithmetic is little do they gain, which of a user's own code nobody knows.
        """
        if self.metric != "connectivity" or self.work.multiply_adds > SMALL_FIT or self.custom_code:
            return None
        content = {
            "landscape": self.cell.landscape.content,
            "model_args": self.cell.model_args,
            "snapshot": self.snapshot,
            "probe": self.probe,
            "repeat": self.repeat,
        }
        return identify("fitted_with", content, ())

    @cached_property
    def work(self) -> Work:
        """The size of the job."""
        samples = self.cell.landscape.data.samples
        batch, steps, settings = samples, 1, self.settings
        if isinstance(settings, Hessian):
            batch, steps = settings.samples, hessian_products(self.metric, settings)
        elif isinstance(settings, Connectivity):
            batch, an_epoch = settings.batch_size, samples // settings.batch_size
            fit = settings.updates or settings.epochs * an_epoch
            steps = (fit if self.metric == "connectivity" else 0) + settings.points * an_epoch
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
    """The Hessian of every converged run; its density and its layers where they are asked for."""
    asked: dict[Metric, bool] = {
        "hessian": True,
        "density": measure.hessian.density,
        "layers": measure.hessian.layers,
    }
    return [
        Needed(metric, (run,), measure.snapshots[0], measure.hessian)
        for run in runs
        for metric, wanted in asked.items()
        if wanted
    ]


def hessian_products(metric: Metric, settings: Hessian) -> int:
    """Hessian-vector products that a measurement takes, about: the usual, never the limit."""
    if metric == "density":
        return settings.density_probes * settings.density_steps
    usual = 2 * min(settings.max_iterations, USUAL_ITERATIONS)
    return LAYERS * usual if metric == "layers" else usual


def pairs_needed(runs: Collection[Run], measure: Measure) -> list[Needed]:
    """Curves and lines of the chosen pairs, CKA and distance of all, of a cell's converged runs.

    Every probe of connectivity and of similarity measures the same runs.
    """
    by_id, snapshot = {run.run_id: run for run in runs}, measure.snapshots[0]
    needed = [
        Needed("connectivity", (by_id[a], by_id[b]), snapshot, probe, repeat)
        for probe in measure.connectivity_probes
        for a, b in chosen_pairs(list(by_id), probe.pairs)
        for repeat in range(probe.repeats)
    ]
    first = measure.connectivity_probes[0]
    needed += [
        Needed("barrier", (by_id[a], by_id[b]), snapshot, first)
        for a, b in chosen_pairs(list(by_id), first.pairs)
    ]
    for pair in itertools.combinations(by_id.values(), 2):
        needed += [Needed("similarity", pair, snapshot, p) for p in measure.similarity_probes]
        needed.append(Needed("distance", pair, snapshot))
    return needed


def method(probe: Section) -> str:
    """How a probe is computed, for the catalog's `method` column."""
    if isinstance(probe, Hessian):
        return backend(probe)
    if isinstance(probe, Connectivity):
        kind = {3: "quadratic", 4: "cubic"}.get(
            probe.control_points, f"{probe.control_points}-point"
        )
        start = "" if probe.init == "linear" else ", random start"
        return f"{kind} Bezier curve{start}"
    if isinstance(probe, Similarity):
        where = f" of {probe.layer}" if probe.layer else ""
        drawn = ", drawn for each pair" if probe.draw == "pair" else ""
        return f"biased linear CKA{where}, {probe.perturbation.replace('_', ' ')}{drawn}"
    return "direct"


def backend(hessian: Hessian) -> str:
    """What computes the Hessian; of PyHessian, its version."""
    if hessian.backend == "native":
        return "Lanczos and deflated probes"
    return f"pyhessian {version('pyhessian')}"
