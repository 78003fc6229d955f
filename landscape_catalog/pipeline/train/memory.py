"""Prediction of the memory that training takes, and whether the machine or a GPU has it.

Peak = B + m R + 4 (m P (3 + o + s) + 3 P (2 + o + s) + max(2.2 m b A, 10 e L)) bytes for m members
with P parameters, s snapshots, batch size b, A activations per sample, and o = 1 with Adam, else 0.
The terms are: a worker without data; on a GPU, what each recorded step keeps for itself; weights,
gradients, momentum and snapshots; one checkpoint on its way to the disk; a training step, or an
evaluation batch of e samples whose largest tensor has L values per sample, if test errors are
tracked.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from landscape_catalog.errors import TooLittleMemoryError
from landscape_catalog.experiment.grid import Run
from landscape_catalog.machine import Memory, shown_bytes
from landscape_catalog.pipeline.shared.memory import (
    ACTIVATIONS,
    BYTES,
    evaluation_values,
    network_footprint,
)
from landscape_catalog.runner.memory import WORKER_BYTES

log = logging.getLogger(__name__)


def training_memory(
    runs: Sequence[Run],
    snapshots: Collection[str],
    *,
    worker: int = WORKER_BYTES,
    recorded: int = 0,
) -> int:
    """Predicted peak memory of a worker that trains these runs together, in bytes.

    Custom networks, whose sizes are unknown, count as nothing.

    Args:
        runs: runs of equal shape.
        snapshots: the snapshots that are kept of each.
        worker: what a worker takes without data.
        recorded: what the recorded step of a run takes on a GPU.
    """
    cell, members = runs[0].cell, len(runs)
    counted = network_footprint(cell)
    if counted is None:
        return worker
    kept = len(set(snapshots)) + (cell.train.optimizer == "adam")
    weights = members * counted.parameters * (3 + kept) + 3 * counted.parameters * (2 + kept)
    step = ACTIVATIONS * members * cell.temperature["batch_size"] * counted.activations
    evaluation = evaluation_values(cell, counted)
    tested = "best_test" in snapshots
    return (
        worker
        + members * recorded
        + round(BYTES * (weights + max(step, evaluation if tested else 0)))
    )


@dataclass(frozen=True)
class MemoryShare:
    """The memory that each worker may take.

    Attributes:
        snapshots: the snapshots that are kept of each run.
        workers: number of workers.
        memory: of the machine, or of a GPU.
        worker: what a worker takes without data.
        recorded: what the recorded step of a run takes on a GPU.
    """

    snapshots: Collection[str]
    workers: int
    memory: Memory
    worker: int = WORKER_BYTES
    recorded: int = 0

    def fits(self, group: Sequence[Run]) -> bool:
        """Whether a group may be trained together in one worker; a single run always may."""
        return len(group) == 1 or self._needed(group) <= self.memory.available / self.workers

    def check(self, groups: Sequence[Sequence[Run]]) -> None:
        """Warn if the largest group, then a single run, needs more than a worker's share.

        It is trained all the same, since this is a prediction and the others may need less.

        Raises:
            TooLittleMemoryError: if it needs more than all memory of the machine.
        """
        needed, largest = max((self._needed(group), group[0].run_id) for group in groups)
        if needed <= self.memory.available / self.workers:
            return
        if needed > self.memory.total:
            raise TooLittleMemoryError(
                f"run {largest} needs about {shown_bytes(needed)} of memory, and this machine has "
                f"{shown_bytes(self.memory.total)}: reduce `load.width` or `temperature.batch_size`"
            )
        together = max(1, int(self.memory.available // needed))
        fewer = f"set `execution.workers` to {together}"
        log.warning(
            "run %s needs about %s of memory, and %d workers share %s: %s, or training may run out "
            "of memory",
            largest,
            shown_bytes(needed),
            self.workers,
            shown_bytes(self.memory.available),
            fewer if together < self.workers else "close other programs",
        )

    def _needed(self, group: Sequence[Run]) -> int:
        return training_memory(group, self.snapshots, worker=self.worker, recorded=self.recorded)
