"""Prediction of the memory that training takes on a CPU, and the split of groups that do not fit.

Peak = B + 4 max(m P (3 + o + s) + 2.2 m b A + 3 P (2 + o + s), 10 e L) bytes for m members with P
parameters, s snapshots, batch size b, A activations per sample and o = 1 with Adam, else 0: weights,
gradients, momentum, snapshots, one checkpoint on its way to the disk; or, if test errors are
tracked, an evaluation batch of e samples whose largest tensor has L values per sample.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from landscape_catalog.errors import TooLittleMemoryError
from landscape_catalog.experiment.grid import Run
from landscape_catalog.models.registry import footprint
from landscape_catalog.runner.memory import Memory
from landscape_catalog.schema.fields import is_custom

log = logging.getLogger(__name__)

BYTES = 4  # of a float32
# Measured as peak resident sizes of ResNet18 and VGG11 at widths 2 to 64, on 8 x 8 and 32 x 32.
BASE = 450 * 10**6  # a worker with torch, without what it shares with the others
ACTIVATIONS = 2.2  # saved values, and as much again in gradients and in layouts of kernels
EVALUATION = 10
EVALUATION_BATCH = {"images": 1000, "points": 1000, "text": 100}
PADDED_TOKENS = 50  # of a sentence in a batch
GIGABYTE = 1e9

Group = tuple[Run, ...]


def training_memory(runs: Sequence[Run], snapshots: Collection[str]) -> int:
    """Predicted peak memory of a worker that trains these runs together, in bytes.

    Custom networks, whose sizes are unknown, count as nothing.

    Args:
        runs: runs of equal shape.
        snapshots: the snapshots that are kept of each.
    """
    cell = runs[0].cell
    landscape, data, members = cell.landscape, cell.landscape.data, len(runs)
    if is_custom(landscape.model.name):
        return BASE
    counted = footprint(
        landscape.model.name,
        width=landscape.width,
        input_shape=data.input_shape,
        n_outputs=data.facts.n_outputs,
        args=cell.model_args,
        lengths=(PADDED_TOKENS, PADDED_TOKENS),
    )
    if counted is None:
        return BASE
    kept = len(set(snapshots)) + (cell.train.optimizer == "adam")
    weights = members * counted.parameters * (3 + kept) + 3 * counted.parameters * (2 + kept)
    step = ACTIVATIONS * members * cell.temperature["batch_size"] * counted.activations
    evaluation = EVALUATION * EVALUATION_BATCH[data.facts.kind] * counted.largest
    tested = "best_test" in snapshots
    return BASE + round(BYTES * (weights + max(step, evaluation if tested else 0)))


def split_to_fit(
    groups: Sequence[Group], snapshots: Collection[str], *, workers: int, memory: Memory
) -> list[Group]:
    """Split groups into halves until each fits into a worker's share of the available memory.

    A run that does not fit by itself is trained all the same, since this is a prediction; a warning
    says how much it needs.

    Raises:
        TooLittleMemoryError: if a run needs more than all memory of the machine.
    """
    share = memory.available / workers
    fitting, waiting = [], list(reversed(groups))
    while waiting:
        group = waiting.pop()
        if len(group) == 1 or training_memory(group, snapshots) <= share:
            fitting.append(group)
        else:
            half = (len(group) + 1) // 2
            waiting += [group[half:], group[:half]]
    if fitting:
        _check_largest(fitting, snapshots, workers, memory)
    return fitting


def _check_largest(
    groups: Sequence[Group], snapshots: Collection[str], workers: int, memory: Memory
) -> None:
    """Warn if a single run does not fit into its share, or refuse to start if it never can."""
    largest = max(groups, key=lambda group: training_memory(group, snapshots))
    needed = training_memory(largest, snapshots)
    if needed <= memory.available / workers:
        return
    name = largest[0].run_id
    if needed > memory.total:
        raise TooLittleMemoryError(
            f"run {name} needs about {_shown(needed)} of memory, and this machine has "
            f"{_shown(memory.total)}: reduce `load.width` or `temperature.batch_size`"
        )
    together = max(1, int(memory.available // needed))
    log.warning(
        "run %s needs about %s of memory, and %d workers share %s: %s, or training may run out of "
        "memory",
        name,
        _shown(needed),
        workers,
        _shown(memory.available),
        f"set `execution.workers` to {together}" if together < workers else "close other programs",
    )


def _shown(size: float) -> str:
    """A size in memory in human-readable form.

    >>> _shown(3.24e9)
    '3.2 GB'
    """
    return f"{size / GIGABYTE:.1f} GB"
