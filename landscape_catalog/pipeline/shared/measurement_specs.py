"""The measurements that an experiment needs, each with its id, known before any is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from landscape_catalog.experiment.grid import Cell, Run
from landscape_catalog.experiment.measure import MeasureBase
from landscape_catalog.metrics.batch_norm import LEGACY, Statistics, statistics_in_effect
from landscape_catalog.metrics.metric import Metric
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.models.registry import has_batch_norm
from landscape_catalog.pipeline.shared.costs import work_of
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.fields import Section
from landscape_catalog.schema.identity import derive_seed, identify, recipes
from landscape_catalog.schema.pairs import chosen_pairs
from landscape_catalog.training.grouping import records_on_gpu

Codes = Mapping[str, str]  # SHA-256 of the source of each custom metric's function
CURVES = "connectivity"  # the section whose first probe says how statistics are recomputed
LOSS = "loss"  # measured first, since it determines which runs have converged


@dataclass(frozen=True)
class MeasurementSpec:
    """Specification of a measurement on one run or a pair of runs.

    Attributes:
        metric: name of the metric.
        runs: one run, or two runs of a cell in order of their seeds.
        snapshot: which weights of the runs.
        settings: settings of the probe; None if the metric has none.
        probe: name of the probe in the catalog.
        repeat: index of the repeat; each repeat has its own seeds.
        code: SHA-256 of the source of a custom metric's function.
        statistics: batch-norm statistics of its networks; None: those of the authors' code, or
            none.
    """

    metric: str
    runs: tuple[Run, ...]
    snapshot: str
    settings: Section | None
    probe: str
    repeat: int = 0
    code: str | None = None
    statistics: Statistics | None = None

    @property
    def declaration(self) -> Metric:
        """The metric's declaration."""
        return METRICS[self.metric]

    @cached_property
    def content(self) -> dict[str, Any]:
        """How it is measured: the part of the specification that the id is a hash of."""
        content = self.declaration.content(self.settings)
        if self.code is not None:
            content = content | {"code": self.code}
        if self.statistics is not None:
            content = content | {"batch_norm": self.statistics.content}
        return content

    @cached_property
    def measurement_id(self) -> str:
        """Hash of metric, runs in order, snapshot, probe settings, repeat and recipes."""
        metric = self.declaration
        content = {
            "metric": self.metric,
            "runs": [run.run_id for run in self.runs],
            "snapshot": self.snapshot,
            "probe": self.content,
            "repeat": self.repeat,
        }
        own = metric.recipe_numbers(self.settings, self.cell.built_in)
        statistics = () if self.statistics is None else self.statistics.recipes
        shared = recipes(*metric.shared_recipes, *statistics)
        return identify("measurement", content, shared | own)

    @property
    def method(self) -> str:
        """How it is computed, in words."""
        return self.declaration.method(self.settings)

    @property
    def cell(self) -> Cell:
        """The cell that the runs belong to."""
        return self.runs[0].cell

    def seed(self, purpose: str, *labels: str | int, repeat: int | None = None) -> int:
        """A seed for one purpose, the same for every run and pair on the same data.

        Labels distinguish several seeds for the same purpose; a label of 0 is ignored. `repeat` is
        the repeat that it is the seed of; None: this one.
        """
        parts = [label for label in labels if label != 0]
        of_repeat = self.repeat if repeat is None else repeat
        return derive_seed(self.cell.landscape.data.data_id, purpose, of_repeat, *parts)

    @property
    def statistics_seed(self) -> int:
        """The seed of the shuffle for recomputed batch-norm statistics."""
        return statistics_seed(self.cell.landscape.data.data_id)

    @property
    def is_custom(self) -> bool:
        """Whether the network or the task is custom."""
        return self.cell.built_in is None

    @cached_property
    def group_id(self) -> str | None:
        """An id shared by all measurements that may be computed as one batch, or None.

        Measurements of the same landscape and probe use the same minibatches, since `seed` depends
        only on the data. Custom code is never batched, since its arithmetic is unknown.
        """
        network = self.cell.built_in
        if network is None or not self.declaration.fits_in_group(self.settings, network):
            return None
        return self._shared_id

    def batch_id(self, device: str) -> str | None:
        """`group_id`, or on a GPU an id shared by curves that are fitted at the same time."""
        recorded = device == "cuda" and self.declaration.records_steps
        if recorded and records_on_gpu(self.cell.built_in):
            return self._shared_id
        return self.group_id

    @property
    def _shared_id(self) -> str:
        """An id shared by all measurements of the same landscape and probe."""
        landscape = self.cell.landscape
        content = {
            "metric": self.metric,
            "landscape": landscape.content,
            "model_args": self.cell.model_args,
            "snapshot": self.snapshot,
            "probe": self.content,
            "repeat": self.repeat,
        }
        return identify("group", content, {})

    @cached_property
    def work(self) -> Work:
        """The size of the measurement."""
        cost = self.declaration.cost(self.settings, self.cell.landscape.data.samples)
        return work_of(
            self.cell,
            self.declaration.work_kind(self.settings),
            batch_size=cost.batch_size,
            steps=cost.steps,
            forward_passes=cost.forward_passes,
        )


def statistics_seed(data_id: str) -> int:
    """The seed of the shuffle with which batch-norm statistics of runs are recomputed.

    It is that of the first fit of the curves, so that a run is the same network at a curve's end.
    """
    return derive_seed(data_id, "curve statistics", 0)


def losses_of(runs: Iterable[Run], measure: MeasureBase) -> list[MeasurementSpec]:
    """Loss and error of every run and snapshot; the primary snapshot's determine convergence."""
    return list(_of_runs(METRICS[LOSS], runs, measure, {}))


def primary_loss(run: Run, measure: MeasureBase) -> MeasurementSpec:
    """The measurement of loss and error of a run's primary snapshot."""
    return losses_of([run], measure)[0]


def measurements_of(
    converged: Sequence[Run], measure: MeasureBase, codes: Codes
) -> list[MeasurementSpec]:
    """All measurements on a cell's converged runs and their pairs, besides the losses.

    Args:
        converged: converged runs of one cell, in order of seeds.
        measure: the section `measure`.
        codes: checksum of the source of each function that `measure.custom` names.
    """
    found: list[MeasurementSpec] = []
    for metric in METRICS.values():
        if metric.only_converged:
            found += _of_runs(metric, converged, measure, codes)
            found += _of_pairs(metric, converged, measure, codes)
    return found


def _probes(
    metric: Metric, measure: MeasureBase, scope: str, codes: Codes
) -> Iterator[tuple[Any, str, str | None]]:
    """Settings, catalog name and code checksum of a metric's probes of the given scope."""
    for settings, name in probes_of(metric, measure):
        if metric.scope_of(settings) == scope:
            function = getattr(settings, "function", None)
            yield settings, name, None if function is None else codes[function]


def _of_runs(
    metric: Metric, runs: Iterable[Run], measure: MeasureBase, codes: Codes
) -> Iterator[MeasurementSpec]:
    snapshots = measure.snapshots if metric.every_snapshot else measure.snapshots[:1]
    probes = list(_probes(metric, measure, "run", codes))
    if not probes:
        return
    for run in runs:
        if metric.compares_statistics and not _chooses_statistics(run.cell, measure):
            continue
        for settings, probe, code in probes:
            for i, snapshot in enumerate(snapshots):
                for repeat in range(metric.repeats(settings)):
                    name = snapshot if i else probe
                    seen = _statistics(metric, settings, run.cell, measure)
                    yield MeasurementSpec(
                        metric.name, (run,), snapshot, settings, name, repeat, code, seen
                    )


def _of_pairs(
    metric: Metric, runs: Sequence[Run], measure: MeasureBase, codes: Codes
) -> Iterator[MeasurementSpec]:
    by_id, snapshot = {run.run_id: run for run in runs}, measure.snapshots[0]
    for settings, probe, code in _probes(metric, measure, "pair", codes):
        for one, other in chosen_pairs(list(by_id), metric.pairs(settings)):
            for repeat in range(metric.repeats(settings)):
                pair = (by_id[one], by_id[other])
                seen = _statistics(metric, settings, pair[0].cell, measure)
                yield MeasurementSpec(
                    metric.name, pair, snapshot, settings, probe, repeat, code, seen
                )


def _statistics(
    metric: Metric, settings: Any, cell: Cell, measure: MeasureBase
) -> Statistics | None:
    """The batch-norm statistics of a measurement; None: as in the authors' code, or none."""
    if not _has_batch_norm(cell):
        return None
    authors = metric.authors_statistics_of(settings)
    return statistics_in_effect(measure.batch_norm, authors, measure.probes(CURVES)[0].batch_size)


def _chooses_statistics(cell: Cell, measure: MeasureBase) -> bool:
    return measure.batch_norm != LEGACY and _has_batch_norm(cell)


def _has_batch_norm(cell: Cell) -> bool:
    """Whether the networks have batch norm; a custom network may have, which counts as yes."""
    network = cell.network
    return network is None or has_batch_norm(network["name"], network["args"])


def probes_of(metric: Metric, measure: MeasureBase) -> Iterator[tuple[Any, str]]:
    """The probes of a metric: settings, or None if it has none, and name in the catalog."""
    sections = measure.probes(metric.section)
    for settings in metric.select_probes(sections):
        place = 0 if settings is None else sections.index(settings)
        yield settings, metric.probe_name(settings, place)


def probes_with_sections(measure: MeasureBase) -> Iterator[tuple[Metric, Any, str]]:
    """Every probe of the metrics that own a section: metric, settings, and name in the catalog."""
    for metric in METRICS.values():
        if metric.owns_section:
            for settings, name in probes_of(metric, measure):
                yield metric, settings, name


def distinct(specs: Iterable[MeasurementSpec]) -> list[MeasurementSpec]:
    """Each measurement once; probes that differ only in name share their measurements."""
    return list({spec.measurement_id: spec for spec in specs}.values())
