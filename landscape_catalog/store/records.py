"""The JSON records of prepared data and runs.

A record carries a schema version and is sealed with a checksum of its own content, so that damage
on disk is detected when it is read. No record contains times, host names, dates or commits.
"""

from __future__ import annotations

from typing import Any, Literal

from landscape_catalog.datasets.facts import Kind
from landscape_catalog.experiment.training import Snapshot
from landscape_catalog.schema.records import Record, Values


class Provenance(Values):
    """The software and hardware that a result was computed with. Not part of any id."""

    torch: str
    """Version of torch."""
    device: str
    """The device: `cpu`, or the name of the GPU. After it stands `, without Triton's kernels` where
    these cannot be used, as without a C compiler: batch norm is torch's there, and bits differ."""
    cpu: str
    """Architecture of the CPU and the vector instructions that torch uses on it."""


class DataRecord(Record):
    """Prepared data of a landscape."""

    data_id: str
    """Id of the data, known before they are prepared."""
    spec: dict[str, Any]
    """The specification that the id is a hash of."""
    content_hash: str
    """SHA-256 of the arrays."""
    file_sha256: str
    """SHA-256 of `arrays.safetensors`."""
    n_train: int
    """Number of training samples."""
    n_test: int
    """Number of test samples."""
    kind: Kind = "images"
    """`images`, `text` or `points`."""
    n_classes: int
    """Number of classes, or of tokens in the vocabulary; 0 if targets are not classes."""
    channels: int
    """Number of image channels; 0 if the data are not images."""
    n_changed_labels: int
    """Number of training labels that differ from the true ones."""
    frequency_loss: float
    """Cross-entropy in nats of predicting the frequencies of the training labels: a run whose
    training loss is no better has not converged. Infinite if targets are not classes."""


FIRST_SNAPSHOT: Snapshot = "best_train_loss"
"""The snapshot that every run keeps, and the only one of the first version."""


class RunRecord(Record):
    """One trained network; weights and history are stored next to it in `weights.safetensors`."""

    run_id: str
    """Id of the run."""
    cell_id: str
    """Id of its cell."""
    seed: int
    """Seed of the initial weights and of the batch order."""
    spec: dict[str, Any]
    """The specification that the id is a hash of."""
    data_content_hash: str
    """Content hash of the data that it was trained on."""
    n_parameters: int
    """Number of trainable parameters."""
    n_epochs: int
    """Number of epochs trained."""
    stop_reason: Literal["calm", "epochs", "updates", "diverged"]
    """`calm`: the stopping rule was met; `epochs`, `updates`: all of them were done; `diverged`:
    the loss was not finite."""
    best_epoch: int
    """Epoch of the weights with the best training loss; 0 for the initial weights."""
    other_snapshots: dict[Snapshot, int] = {}
    """Epochs of the further snapshots that are kept besides the one of best training loss."""
    weights_sha256: str
    """SHA-256 of `weights.safetensors`."""
    computed: Literal["alone", "grouped"] = "alone"
    """`grouped`: stacked with others, which rounds as stacks of two and more networks do; `alone`:
    by itself, as always on CUDA, where each run has steps of its own. Earlier records
    of runs on CUDA say `grouped` where a CPU would have stacked them."""
    provenance: Provenance
    """The software and hardware it was trained with."""

    @property
    def snapshots(self) -> dict[str, int]:
        """The epoch of each snapshot that is kept."""
        others: dict[Any, int] = self.other_snapshots
        return {FIRST_SNAPSHOT: self.best_epoch, **others}
