"""How things are measured on the networks of a landscape, whichever run or pair it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from landscape_catalog.experiment.grid import Cell
from landscape_catalog.experiment.measure import MeasureBase
from landscape_catalog.metrics.batch_norm import LEGACY, Statistics, statistics_in_effect
from landscape_catalog.metrics.metric import Metric, Scope
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.models.registry import has_batch_norm
from landscape_catalog.pipeline.shared.costs import work_of
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.fields import Section
from landscape_catalog.schema.identity import Identifier, identify, recipes
from landscape_catalog.schema.pairs import PairChoice
from landscape_catalog.training.grouping import records_on_gpu

Codes = Mapping[str, str]  # SHA-256 of the source of each custom metric's function
CURVES = "connectivity"  # the section whose first probe says how statistics are recomputed
LOSS = "loss"  # measured first, since it determines which runs have converged


@dataclass(frozen=True, eq=False)
class Procedure:
    """A specification of measurements that leaves open which runs or pairs are measured.

    Attributes:
        metric: name of the metric.
        snapshot: which weights of the runs.
        settings: settings of the probe; None if the metric has none.
        probe: name of the probe in the catalog.
        repeat: index of the repeat; each repeat has its own seeds.
        code: SHA-256 of the source of a custom metric's function.
        statistics: batch-norm statistics of its networks; None: those of the authors' code, or
            none.
        cell: one of the cells of the landscape, with the same network as the others.
    """

    metric: str
    snapshot: str
    settings: Section | None
    probe: str
    repeat: int
    code: str | None
    statistics: Statistics | None
    cell: Cell

    @property
    def declaration(self) -> Metric:
        """The metric's declaration."""
        return METRICS[self.metric]

    @cached_property
    def pairs(self) -> PairChoice | None:
        """Which pairs of a cell's runs are measured; None if runs are."""
        metric = self.declaration
        return metric.pairs(self.settings) if metric.scope_of(self.settings) == "pair" else None

    @cached_property
    def content(self) -> dict[str, Any]:
        """How it is measured: the part of the specification that the ids are hashes of."""
        content = self.declaration.content(self.settings)
        if self.code is not None:
            content = content | {"code": self.code}
        if self.statistics is not None:
            content = content | {"batch_norm": self.statistics.content}
        return content

    @cached_property
    def identifier(self) -> Identifier:
        """Hashes metric, runs in order, snapshot, probe settings, repeat and recipes.

        Called with the ids of the runs, it returns the id of their measurement.
        """
        metric = self.declaration
        content = {
            "metric": self.metric,
            "snapshot": self.snapshot,
            "probe": self.content,
            "repeat": self.repeat,
        }
        own = metric.recipe_numbers(self.settings, self.cell.built_in)
        statistics = () if self.statistics is None else self.statistics.recipes
        shared = recipes(*metric.shared_recipes, *statistics)
        return Identifier.of("measurement", content, "runs", shared | own)

    @cached_property
    def group_id(self) -> str | None:
        """An id shared by all measurements that may be computed as one batch, or None.

        Measurements of the same landscape and probe use the same minibatches, since seeds depend
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

    @cached_property
    def _shared_id(self) -> str:
        """An id shared by all measurements of the same landscape and probe."""
        content = {
            "metric": self.metric,
            "landscape": self.cell.landscape.content,
            "model_args": self.cell.model_args,
            "snapshot": self.snapshot,
            "probe": self.content,
            "repeat": self.repeat,
        }
        return identify("group", content, {})

    @cached_property
    def work(self) -> Work:
        """The size of one measurement."""
        cost = self.declaration.cost(self.settings, self.cell.landscape.data.samples)
        return work_of(
            self.cell,
            self.declaration.work_kind(self.settings),
            batch_size=cost.batch_size,
            steps=cost.steps,
            forward_passes=cost.forward_passes,
        )


class Procedures:
    """The procedures of an experiment, found once for all cells with the same data and networks.

    Args:
        measure: the section `measure`.
        codes: checksum of the source of each function that `measure.custom` names.
    """

    def __init__(self, measure: MeasureBase, codes: Codes) -> None:
        self._measure, self._codes = measure, codes
        self._losses: dict[Any, tuple[Procedure, ...]] = {}
        self._further: dict[Any, tuple[Procedure, ...]] = {}

    def losses(self, cell: Cell) -> tuple[Procedure, ...]:
        """Loss and error of every snapshot, the primary one first."""
        if cell.networks not in self._losses:
            found = tuple(self._of(METRICS[LOSS], cell, "run"))
            self._losses[cell.networks] = found
        return self._losses[cell.networks]

    def further(self, cell: Cell) -> tuple[Procedure, ...]:
        """What is measured on converged runs and their pairs, metric by metric."""
        if cell.networks not in self._further:
            self._further[cell.networks] = tuple(
                found
                for metric in METRICS.values()
                if metric.only_converged
                for scope in ("run", "pair")
                for found in self._of(metric, cell, scope)
            )
        return self._further[cell.networks]

    def _of(self, metric: Metric, cell: Cell, scope: Scope) -> Iterator[Procedure]:
        measure = self._measure
        if metric.compares_statistics and not _chooses_statistics(cell, measure):
            return
        snapshots = measure.snapshots if metric.every_snapshot else measure.snapshots[:1]
        for settings, probe in probes_of(metric, measure):
            if metric.scope_of(settings) != scope:
                continue
            function = getattr(settings, "function", None)
            code = None if function is None else self._codes[function]
            statistics = _statistics(metric, settings, cell, measure)
            for i, snapshot in enumerate(snapshots):
                name = snapshot if i else probe
                for repeat in range(metric.repeats(settings)):
                    yield Procedure(
                        metric.name, snapshot, settings, name, repeat, code, statistics, cell
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
