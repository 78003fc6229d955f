"""The measurements that an experiment needs, each with its id, known before any is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from landscape_catalog.experiment.grid import Cell, Run
from landscape_catalog.experiment.measure import MeasureBase
from landscape_catalog.metrics.batch_norm import Statistics
from landscape_catalog.metrics.metric import Metric
from landscape_catalog.pipeline.shared.procedures import Codes, Procedure, Procedures
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.schema.pairs import PairChoice, chosen_pairs

Member = TypeVar("Member")


@dataclass(frozen=True)
class MeasurementSpec:
    """Specification of a measurement on one run or a pair of runs.

    Attributes:
        procedure: how it is measured.
        runs: one run, or two runs of a cell in order of their seeds.
    """

    procedure: Procedure
    runs: tuple[Run, ...]

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.procedure.metric

    @property
    def declaration(self) -> Metric:
        """The metric's declaration."""
        return self.procedure.declaration

    @property
    def snapshot(self) -> str:
        """Which weights of the runs."""
        return self.procedure.snapshot

    @property
    def settings(self) -> Any:
        """Settings of the probe; None if the metric has none."""
        return self.procedure.settings

    @property
    def probe(self) -> str:
        """Name of the probe in the catalog."""
        return self.procedure.probe

    @property
    def repeat(self) -> int:
        """Index of the repeat."""
        return self.procedure.repeat

    @property
    def statistics(self) -> Statistics | None:
        """Batch-norm statistics of the networks; None: those of the authors' code, or none."""
        return self.procedure.statistics

    @property
    def content(self) -> dict[str, Any]:
        """How it is measured: the part of the specification that the id is a hash of."""
        return self.procedure.content

    @property
    def measurement_id(self) -> str:
        """Hash of metric, runs in order, snapshot, probe settings, repeat and recipes."""
        return self.procedure.identifier([run.run_id for run in self.runs])

    @property
    def cell(self) -> Cell:
        """The cell that the runs belong to."""
        return self.runs[0].cell

    @property
    def is_custom(self) -> bool:
        """Whether the network or the task is custom."""
        return self.cell.built_in is None

    @property
    def work(self) -> Work:
        """The size of the measurement."""
        return self.procedure.work

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


def statistics_seed(data_id: str) -> int:
    """The seed of the shuffle with which batch-norm statistics of runs are recomputed.

    It is that of the first fit of the curves, so that a run is the same network at a curve's end.
    """
    return derive_seed(data_id, "curve statistics", 0)


def specs_on(procedures: Iterable[Procedure], runs: Sequence[Run]) -> list[MeasurementSpec]:
    """The measurements of these procedures on runs of one cell and on the pairs that they choose.

    Args:
        procedures: those of the cell.
        runs: in order of seeds.
    """
    return [
        MeasurementSpec(procedure, members)
        for procedure in procedures
        for members in members_of(procedure.pairs, runs)
    ]


def members_of(pairs: PairChoice | None, runs: Sequence[Member]) -> list[tuple[Member, ...]]:
    """What is measured: each of the runs, or the chosen pairs of them."""
    if pairs is None:
        return [(run,) for run in runs]
    return list[tuple[Member, ...]](chosen_pairs(runs, pairs))


def losses_of(runs: Iterable[Run], measure: MeasureBase) -> list[MeasurementSpec]:
    """Loss and error of every run and snapshot; the primary snapshot's determine convergence."""
    procedures = Procedures(measure, {})
    return [spec for run in runs for spec in specs_on(procedures.losses(run.cell), [run])]


def measurements_of(
    converged: Sequence[Run], measure: MeasureBase, codes: Codes
) -> list[MeasurementSpec]:
    """All measurements on a cell's converged runs and their pairs, besides the losses.

    Args:
        converged: converged runs of one cell, in order of seeds.
        measure: the section `measure`.
        codes: checksum of the source of each function that `measure.custom` names.
    """
    if not converged:
        return []
    return specs_on(Procedures(measure, codes).further(converged[0].cell), converged)


def distinct(specs: Iterable[MeasurementSpec]) -> list[MeasurementSpec]:
    """Each measurement once; probes that differ only in name share their measurements."""
    return list({spec.measurement_id: spec for spec in specs}.values())
