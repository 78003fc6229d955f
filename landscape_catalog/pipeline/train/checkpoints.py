"""Checkpoints of the runs of one training job, in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
import torch

from landscape_catalog.runner.activity import report_resumed
from landscape_catalog.store.partial import (
    Checkpoint,
    CheckpointKey,
    read_checkpoint,
    save_checkpoint,
)
from landscape_catalog.store.records import Provenance
from landscape_catalog.training.checkpoints import TrainingState


@dataclass
class Interval:
    """Counts the intervals between checkpoints, for all members of a group alike.

    >>> now = iter((0.0, 59.0, 61.0, 200.0))
    >>> interval = Interval(60, clock=lambda: next(now))
    >>> [interval.number() for _ in range(3)]
    [0, 1, 3]
    """

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def number(self) -> int:
        """Number of whole intervals since the start."""
        return int((self.clock() - self._started) / self.seconds)


class RunCheckpoints:
    """The checkpoints of one run, a `training.checkpoints.Checkpoints`.

    Args:
        folder: the folder of checkpoints.
        key: what the checkpoint depends on.
        interval: shared by the members of a group, so that all are due at the same time.
        job_steps: steps of all runs of the job, for reports of progress.
    """

    def __init__(
        self, folder: Path, key: CheckpointKey, interval: Interval, *, job_steps: int = 1
    ) -> None:
        self._folder, self._key, self._interval = folder, key, interval
        self._job_steps = job_steps
        self._saved_in = interval.number()

    def resume(self) -> TrainingState | None:
        """The last state that was saved under the same key, on the CPU; None: there is none."""
        checkpoint = read_checkpoint(self._folder, self._key)
        if checkpoint is None:
            return None
        report_resumed(checkpoint.values.get("done", 0) / self._job_steps)
        return TrainingState(checkpoint.values, safetensors.torch.load(checkpoint.tensors))

    def due(self) -> bool:
        """Whether an interval has ended since the last checkpoint."""
        return self._interval.number() > self._saved_in

    def save(self, state: TrainingState) -> None:
        """Save the state; if the store is not writable, training goes on without checkpoints."""
        self._saved_in = self._interval.number()
        # Copies, because safetensors refuses tensors that share memory, such as tied weights.
        tensors = {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in state.tensors.items()
        }
        checkpoint = Checkpoint(state.values, safetensors.torch.save(tensors))
        save_checkpoint(self._folder, self._key, checkpoint)


def checkpoint_key(
    run_id: str, data_content_hash: str, snapshots: Collection[str], provenance: Provenance
) -> CheckpointKey:
    """The key of a run's checkpoint, with its snapshots in a fixed order."""
    return CheckpointKey(
        run_id=run_id,
        data_content_hash=data_content_hash,
        snapshots=sorted(set(snapshots)),
        provenance=provenance,
    )
