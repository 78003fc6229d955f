"""Prepared data and trained networks as tensors on a device, for the workers of a stage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape_catalog import models
from landscape_catalog.execution.artifacts import read_prepared, read_weights
from landscape_catalog.schemas.records import DataRecord
from landscape_catalog.tasks import Classification


@dataclass(frozen=True)
class LoadedData:
    """Prepared data on a device, with their task and record."""

    record: DataRecord
    task: Classification
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    def network(self, model: dict[str, Any], *, seed: int = 0) -> nn.Module:
        """A fresh network for these data, on the CPU; `model` holds its name and width."""
        return models.build(
            model["name"],
            width=model["width"],
            in_channels=self.record.channels,
            num_classes=self.record.n_classes,
            seed=seed,
        )


@lru_cache(maxsize=4)
def load_data(folder: Path, device: str) -> LoadedData:
    """Read and verify prepared data, and bring them to the device; kept for the next job."""
    record, data = read_prepared(folder)
    task = Classification(tuple(map(float, data.mean)), tuple(map(float, data.std)))
    arrays = (data.train_images, data.train_labels, data.test_images, data.test_labels)
    return LoadedData(record, task, *(torch.from_numpy(array).to(device) for array in arrays))


def load_state(folder: Path, device: str) -> dict[str, Tensor]:
    """The weights of a run on the device."""
    weights = read_weights(folder)
    return {name: torch.from_numpy(value).to(device) for name, value in weights.items()}
