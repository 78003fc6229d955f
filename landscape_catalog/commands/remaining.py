"""What an experiment needs and what of it is left, counted without listing every measurement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    cells = workspace.grid.cells
    left = [(cell, sum(not counter.is_trained(run) for run in cell.runs)) for cell in cells]
    return Remaining(
        [(cell, n) for cell, n in left if n],
        [needed for cell in cells for needed in counter.needed(cell)],
    )


class _Counter:
    """Ids are hashed only if there is something that they could be the ids of."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._repeated: dict[tuple[Procedure, ...], dict[Procedure, list[Procedure]]] = {}
        n_runs = sum(len(cell.runs) for cell in workspace.grid.cells)
        runs, measurements = workspace.runs, workspace.measurements
        self._trained = None if runs.is_empty() else runs.lookup(n_runs)
        self._made = None if measurements.is_empty() else measurements.lookup(n_runs)

    def is_trained(self, run: Run) -> bool:
        return self._trained is not None and self._trained(run.run_id)

    def needed(self, cell: Cell) -> Iterator[Needed]:
        """The measurements of a cell, procedure by procedure."""
        procedures = self._workspace.procedures
        losses, further = procedures.losses(cell), procedures.further(cell)
        yield from self._counted(losses, cell, cell.runs)
        if self._made is None:
            yield from self._counted(further, cell, cell.runs)
        else:
            converged = [run for run in cell.runs if not self._is_known_nc(run, losses[0], further)]
            yield from self._counted(further, cell, converged)

    def _counted(
        self, procedures: tuple[Procedure, ...], cell: Cell, runs: Sequence[Run]
    ) -> Iterator[Needed]:
        repeated = self._repetitions(procedures)
        if self._made is None and not repeated:
            for procedure in procedures:
                pairs = procedure.pairs
                n = len(runs) if pairs is None else n_pairs(len(runs), pairs)
                yield Needed(procedure, cell, n, n, n)
            return
        ids = [run.run_id for run in runs]
        left = {}
        for procedure in procedures:
            members = members_of(procedure.pairs, ids)
            left[procedure] = {one for one in members if not self._is_made(procedure, one)}
            earlier = (left[other] for other in repeated.get(procedure, ()))
            distinct = left[procedure].difference(*earlier)
            yield Needed(procedure, cell, len(members), len(left[procedure]), len(distinct))

    def _is_made(self, procedure: Procedure, runs: tuple[str, ...]) -> bool:
        if self._made is None:
            return False
        listed = '","'.join(runs)  # hexadecimal digits, which JSON does not escape
        return self._made(procedure.identifier.of_json(f'["{listed}"]'))

    def _repetitions(self, procedures: tuple[Procedure, ...]) -> dict[Procedure, list[Procedure]]:
        """The earlier procedures with the same ids, of those that have any: probes that differ only
        in name share their measurements."""
        if procedures not in self._repeated:
            found: dict[Procedure, list[Procedure]] = {}
            like: dict[tuple[str, str, int], list[Procedure]] = {}
            for one in procedures:
                others = like.setdefault((one.metric, one.snapshot, one.repeat), [])
                same = [other for other in others if other.identifier == one.identifier]
                others.append(one)
                if same:
                    found[one] = same
            self._repeated[procedures] = found
        return self._repeated[procedures]

    def _is_known_nc(self, run: Run, primary_loss: Procedure, further: Sequence[Procedure]) -> bool:
        """Whether a run is known not to have converged.

        If anything but its loss has been measured, it has converged; otherwise its record and its
        loss say so.
        """
        if not self.is_trained(run) or not self._is_made(primary_loss, (run.run_id,)):
            return False
        alone = (procedure for procedure in further if procedure.pairs is None)
        if any(self._is_made(procedure, (run.run_id,)) for procedure in alone):
            return False
        workspace = self._workspace
        record = workspace.runs.peek(run.run_id)
        loss = workspace.measurements.peek(primary_loss.identifier([run.run_id]))
        if record is None or loss is None:
            return False
        try:
            data = workspace.data_record(run.cell.landscape.data.data_id)
        except (MissingArtifactError, DamagedFileError):
            return False
        return nc_reason(record, loss.measured, data) is not None
