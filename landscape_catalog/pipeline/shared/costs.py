"""The size of a job in multiply-adds, used to order jobs and to predict how long they take."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from landscape_catalog.errors import StorageError
from landscape_catalog.experiment.grid import Cell
from landscape_catalog.graphs.limits import SMALLEST_STACK
from landscape_catalog.models.registry import footprint, multiply_adds
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.schema.identity import checksum
from landscape_catalog.schema.strict_json import strict_json
from landscape_catalog.store.files import write_file
from landscape_catalog.store.notes import read_note

# Estimated tokens per sentence; exact lengths are unknown before the data are prepared.
USUAL_TOKENS = 25
KEY_LENGTH = 16
# Larger groups are no faster, even of the smallest networks.
LARGEST_GROUP = 64
# More recorded steps at the same time are no faster on an H100 (docs/performance.md).
LARGEST_ON_GPU = 10
# What a step of a group reads and writes more than once should stay in the processor's caches
# (measured with ResNet18 at k = 2, 4, 8 on 8 x 8, where larger groups take longer per member).
CACHED_ACTIVATIONS, CACHED_WEIGHTS = 2**24, 40 * 10**6  # bytes
BYTES = 4  # of a float32
VECTORS = 4  # weights, gradient, momentum, and what belongs to each element


def work_of(cell: Cell, kind: str, *, batch_size: int, steps: int, forward_passes: int) -> Work:
    """The size of a job on a cell's networks.

    Args:
        cell: the cell, which determines network and data.
        kind: kind of job: `train`, or the name of a metric.
        batch_size: samples per step.
        steps: number of steps.
        forward_passes: cost per step in forward passes; a backward pass counts as two.
    """
    per_step = forward_passes * forward_multiply_adds(cell) * batch_size
    landscape = cell.landscape
    return Work(kind, landscape.model.name, landscape.width, batch_size, steps, per_step)


def forward_multiply_adds(cell: Cell) -> int:
    """Multiply-adds of one forward pass of one sample.

    For custom code, this is the count made by `prepare`. Before that, a custom network counts as 0,
    so that its jobs consist of overhead only, and a custom task as one pass of the network.
    """
    if cell.built_in is None:
        counted = cell.landscape.model.multiply_adds.get(network_key(cell))
        if counted is not None:
            return counted
    if cell.network is None:
        return 0
    return multiply_adds(**cell.network, lengths=(USUAL_TOKENS, USUAL_TOKENS))


def largest_group(device: str) -> int:
    """The most networks or curves that are worth computing together on a kind of device."""
    return LARGEST_ON_GPU if device == "cuda" else LARGEST_GROUP


def fits_caches(cell: Cell, batch_size: int, members: int, *, device: str = "cpu") -> bool:
    """Whether a step of a group of this size runs in the processor's caches; two always may.

    No result depends on it. It makes no difference on a GPU.
    """
    if members <= SMALLEST_STACK or cell.built_in is None or device == "cuda":
        return True
    counted = footprint(**cell.built_in)
    if counted is None:
        return True
    activations = BYTES * members * batch_size * counted.activations
    weights = BYTES * VECTORS * members * counted.parameters
    return activations <= CACHED_ACTIVATIONS and weights <= CACHED_WEIGHTS


def has_known_cost(cell: Cell) -> bool:
    """Whether the multiply-adds of the cell's network are known; see `forward_multiply_adds`."""
    model = cell.landscape.model
    return not is_custom(model.name) or network_key(cell) in model.multiply_adds


def network_key(cell: Cell) -> str:
    """A key shared by all cells whose forward passes are the same computation on equal shapes."""
    landscape, data = cell.landscape, cell.landscape.data
    shapes = [data.dataset.name, data.input_shape, data.facts.n_outputs]
    task = [landscape.task.name, cell.task_args, landscape.task.code_content]
    return checksum([*shapes, landscape.model_content, cell.model_args, *task])[:KEY_LENGTH]


def read_multiply_adds(path: Path) -> dict[str, int]:
    """The counts recorded by `prepare`, by `network_key`; empty if the file is unreadable."""
    return read_note(path, dict[str, Annotated[int, Field(ge=0)]]) or {}


def note_multiply_adds(path: Path, counts: Mapping[str, int]) -> None:
    """Record the counts for time estimates; a disk error is ignored, since they are optional."""
    with contextlib.suppress(StorageError):
        write_file(path, strict_json(counts, sort_keys=True).encode())
