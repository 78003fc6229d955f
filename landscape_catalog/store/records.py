"""What is stored of prepared data, runs and measurements: one JSON record each.

A record carries a schema version and is sealed with a checksum of its own content, so that a file
damaged on disk is noticed when it is read. Times, hosts, dates and commits are in none of them.
"""

from __future__ import annotations

from typing import Any, Literal

from landscape_catalog.datasets.facts import Kind
from landscape_catalog.experiment.training import Snapshot
from landscape_catalog.schema.records import Record, Values


class Provenance(Values):
    """With what a thing was computed. No part of any id."""

    torch: str
    """Version of torch."""
    device: str
    """Kind of device: `cpu`, or the name of the GPU."""
    cpu: str
    """Architecture of the processor and the vector instructions that torch uses on it."""


class DataRecord(Record):
    """Prepared data of a landscape."""

    data_id: str
    """Id of the data, known before they were made."""
    spec: dict[str, Any]
    """What the id hashes."""
    content_hash: str
    """SHA-256 of the arrays themselves."""
    file_sha256: str
    """SHA-256 of `arrays.safetensors`."""
    n_train: int
    """Training samples."""
    n_test: int
    """Test samples."""
    kind: Kind = "images"
    """`images`, `text` or `points`."""
    n_classes: int
    """Classes, or tokens of the vocabulary; 0 where there are none."""
    channels: int
    """Channels of an image; 0 where there are no images."""
    n_changed_labels: int
    """Training labels that differ from the true ones."""
    frequency_loss: float
    """Cross-entropy in nats of predicting the training labels' frequencies: a run whose training
    loss is no better has not converged. Infinite where targets are no classes."""


class RunRecord(Record):
    """One trained network; its weights and history lie beside it in `weights.safetensors`."""

    run_id: str
    """Id of the run."""
    cell_id: str
    """Id of its cell."""
    seed: int
    """Seed of the initial weights and of the batch order."""
    spec: dict[str, Any]
    """What the id hashes."""
    data_content_hash: str
    """Content hash of the data that it was trained on."""
    n_parameters: int
    """Trainable parameters."""
    n_epochs: int
    """Epochs that were trained."""
    stop_reason: Literal["calm", "epochs", "updates", "diverged"]
    """`calm`: stopping rule; `epochs`, `updates`: all were trained; `diverged`: the loss was not
    finite."""
    best_epoch: int
    """Epoch of the weights with the best training loss, 0 for the initial ones."""
    other_snapshots: dict[Snapshot, int] = {}
    """Other weights that are kept beside those of the best training loss, with their epochs."""
    weights_sha256: str
    """SHA-256 of `weights.safetensors`."""
    provenance: Provenance
    """With what it was trained."""
