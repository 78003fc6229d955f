"""The size of a job in multiply-adds, which orders jobs and predicts how long they take."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from landscape_catalog.errors import StorageError
from landscape_catalog.experiment.grid import Cell
from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.schema.identity import checksum
from landscape_catalog.store.files import write_file

# Tokens of a sentence, an estimate: exact lengths are not known before the data are prepared.
USUAL_TOKENS = 25
KEY_LENGTH = 16


def work_of(cell: Cell, kind: str, *, batch_size: int, steps: int, forward_passes: int) -> Work:
    """The size of a job on a cell's networks.

    Args:
        cell: whose network and data.
        kind: of job.
        batch_size: samples in a step.
        steps: number of steps.
        forward_passes: cost of a step in forward passes: a backward pass counts as two more.
    """
    per_step = forward_passes * forward_multiply_adds(cell) * batch_size
    landscape = cell.landscape
    return Work(kind, landscape.model.name, landscape.width, batch_size, steps, per_step)


def forward_multiply_adds(cell: Cell) -> int:
    """Multiply-adds of one forward pass of one sample.

    With custom code they are those that `prepare` has counted. Before that, a custom network counts
    as 0, so that its jobs consist of overhead, and a custom task as one pass of the network.
    """
    landscape, data = cell.landscape, cell.landscape.data
    if is_custom(landscape.model.name) or is_custom(landscape.task.name):
        counted = landscape.model.multiply_adds.get(network_key(cell))
        if counted is not None:
            return counted
    if is_custom(landscape.model.name):
        return 0
    return multiply_adds(
        landscape.model.name,
        width=landscape.width,
        input_shape=data.input_shape,
        n_outputs=data.facts.n_outputs,
        args=cell.model_args,
        lengths=(USUAL_TOKENS, USUAL_TOKENS),
    )


def network_key(cell: Cell) -> str:
    """The same for cells whose forward passes have the same shapes, whatever noise or rates."""
    landscape, data = cell.landscape, cell.landscape.data
    shapes = [data.dataset.name, data.input_shape, data.facts.n_outputs]
    task = [landscape.task.name, cell.task_args, landscape.task.code_content]
    return checksum([*shapes, landscape.model_content, cell.model_args, *task])[:KEY_LENGTH]


def read_multiply_adds(path: Path) -> dict[str, int]:
    """The counts that `prepare` has noted, by `network_key`; none where the file is unreadable."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): int(count) for key, count in noted.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def note_multiply_adds(path: Path, counts: Mapping[str, int]) -> None:
    """Keep the counts for time estimates, which do without them where the disk has no room."""
    with contextlib.suppress(StorageError):
        write_file(path, json.dumps(counts, sort_keys=True).encode())
