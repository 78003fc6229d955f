"""What an experiment needs and what of it is left, counted without listing every measurement."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from landscape_catalog.errors import DamagedFileError, MissingArtifactError
from landscape_catalog.experiment.grid import Cell, Run
from landscape_catalog.pipeline.shared.finished import nc_reason
from landscape_catalog.pipeline.shared.measurement_specs import members_of
from landscape_catalog.pipeline.shared.procedures import Procedure
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.schema.pairs import n_pairs


class Needed(NamedTuple):
    """The measurements of a cell by one procedure.

    Attributes:
        procedure: how they are measured.
        cell: the cell.
        n: how many there are.
        left: how many of them have not been made.
        distinct: how many of these no earlier procedure makes.
    """

    procedure: Procedure
    cell: Cell
    n: int
    left: int
    distinct: int


@dataclass(frozen=True)
class Remaining:
    """What is needed and what is left.

    Attributes:
        runs: the cells with runs to train, and how many.
        measurements: all that are needed; runs are assumed to converge until their loss shows
            otherwise, and runs that have not get none besides their losses.
    """

    runs: list[tuple[Cell, int]]
    measurements: list[Needed]

    @property
    def n_runs(self) -> int:
        """The number of runs to train."""
        return sum(n for _, n in self.runs)

    @property
    def n_measurements(self) -> int:
        """The number of all measurements."""
        return sum(needed.n for needed in self.measurements)

    @property
    def n_left(self) -> int:
        """The number of measurements to make."""
        return sum(needed.left for needed in self.measurements)


def what_is_left(workspace: Workspace) -> Remaining:
    """The runs to train, and all measurements with those that are to be made."""
    counter = _Counter(workspace)
    runs, measurements = [], list[Needed]()
    for cell in workspace.grid.cells:
        trained = counter.trained(cell)
        if len(trained) < len(cell.runs):
            runs.append((cell, len(cell.runs) - len(trained)))
        measurements += counter.needed(cell, trained)
    return Remaining(runs, measurements)


class _Counter:
    """Ids are hashed only if there is something that they could be the ids of."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._repeating: dict[tuple[Procedure, ...], bool] = {}
        count = sum(len(cell.runs) for cell in workspace.grid.cells)
        runs, measurements = workspace.runs, workspace.measurements
        self._find_runs = None if runs.is_empty() else runs.finder(count)
        self._find_made = None if measurements.is_empty() else measurements.finder(count)

    def trained(self, cell: Cell) -> Set[str]:
        """The ids of the cell's runs that are trained."""
        if self._find_runs is None:
            return frozenset()
        return self._find_runs([run.run_id for run in cell.runs])

    def needed(self, cell: Cell, trained: Set[str]) -> Iterator[Needed]:
        """The measurements of a cell, procedure by procedure."""
        procedures = self._workspace.procedures
        losses, further = procedures.losses(cell), procedures.further(cell)
        yield from self._counted(losses, cell, cell.runs)
        known = self._known_nc(cell, trained, losses[0], further) if trained else ()
        converged = [run for run in cell.runs if run.run_id not in known] if known else cell.runs
        yield from self._counted(further, cell, converged)

    def _counted(
        self, procedures: tuple[Procedure, ...], cell: Cell, runs: Sequence[Run]
    ) -> Iterator[Needed]:
        if self._find_made is None and not self._repeats_itself(procedures):
            for procedure in procedures:
                pairs = procedure.pairs
                n = len(runs) if pairs is None else n_pairs(len(runs), pairs)
                yield Needed(procedure, cell, n, n, n)
            return
        run_ids, counted = [run.run_id for run in runs], set[str]()
        for procedure in procedures:
            ids = _measurement_ids(procedure, run_ids)
            left = set(ids) - self._made(ids)
            yield Needed(procedure, cell, len(ids), len(left), len(left - counted))
            counted |= left

    def _made(self, ids: Collection[str]) -> Set[str]:
        return frozenset() if self._find_made is None else self._find_made(ids)

    def _repeats_itself(self, procedures: tuple[Procedure, ...]) -> bool:
        """Whether some procedures have the same ids: probes that differ only in name share theirs,
        which need not be hashed if each metric has a single probe."""
        if procedures not in self._repeating:
            kinds = {(one.metric, one.snapshot, one.repeat) for one in procedures}
            self._repeating[procedures] = len(kinds) < len(procedures) and (
                len({one.identifier for one in procedures}) < len(procedures)
            )
        return self._repeating[procedures]

    def _known_nc(
        self, cell: Cell, trained: Set[str], primary_loss: Procedure, further: Sequence[Procedure]
    ) -> Set[str]:
        """Ids of the runs that are known not to have converged.

        If anything but its loss has been measured, a run has converged; otherwise its record and
        its loss say so.
        """
        run_ids = [run.run_id for run in cell.runs]
        loss_ids = dict(zip(run_ids, _measurement_ids(primary_loss, run_ids)))
        made = self._made(loss_ids.values())
        open_ = [run for run in run_ids if run in trained and loss_ids[run] in made]
        for procedure in further:
            if procedure.pairs is None and open_:
                ids = dict(zip(open_, _measurement_ids(procedure, open_)))
                made = self._made(ids.values())
                open_ = [run for run in open_ if ids[run] not in made]
        return {run for run in open_ if self._says_nc(cell, run, loss_ids[run])}

    def _says_nc(self, cell: Cell, run_id: str, loss_id: str) -> bool:
        workspace = self._workspace
        record, loss = workspace.runs.peek(run_id), workspace.measurements.peek(loss_id)
        if record is None or loss is None:
            return False
        try:
            data = workspace.data_record(cell.landscape.data.data_id)
        except (MissingArtifactError, DamagedFileError):
            return False
        return nc_reason(record, loss.measured, data) is not None


def _measurement_ids(procedure: Procedure, run_ids: Sequence[str]) -> list[str]:
    """The ids of the measurements of runs, or of their pairs."""
    members = members_of(procedure.pairs, run_ids)
    quoted = ['","'.join(one) for one in members]  # hexadecimal digits, as they stand in JSON
    return procedure.identifier.of_json(f'["{one}"]' for one in quoted)
