"""Loads prepared data and trained networks as tensors on a device, for the workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor, nn

from landscape_catalog.datasets import ARRAY_NAMES
from landscape_catalog.errors import CodeError, own_code
from landscape_catalog.experiment.grid import Cell
from landscape_catalog.models import build as models
from landscape_catalog.models.randomness import seeded
from landscape_catalog.paths import ARRAYS_FILE
from landscape_catalog.pipeline.shared.custom_code import import_custom
from landscape_catalog.pipeline.shared.states import state_of
from landscape_catalog.runner.worker_cache import CacheKind, WorkerCache
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.store.artifacts import read_weights
from landscape_catalog.store.records import DataRecord
from landscape_catalog.tasks import Samples, Task
from landscape_catalog.tasks.registry import make_task


@dataclass(frozen=True)
class LoadedData:
    """Prepared data on a device.

    Attributes:
        record: the record of the data.
        moments: mean and standard deviation of each image channel; None for other data.
        train: training samples, on the device.
        test: test samples, on the device.
        input_shape: shape of one input.
    """

    record: DataRecord
    moments: tuple[tuple[float, ...], tuple[float, ...]] | None
    train: Samples
    test: Samples
    input_shape: tuple[int, ...]

    def task(self, cell: Cell, custom: Path) -> Task:
        """The cell's task, built in or custom.

        Raises:
            CodeError: if a custom function fails or does not return a `Task`.
        """
        task = cell.landscape.task
        return self.task_of(task.name, cell.task_args, custom, code=task.code)

    def task_of(
        self, name: str, args: Mapping[str, Any], custom: Path, *, code: str | None = None
    ) -> Task:
        """A task by name, built in or custom; raises the same errors as `task`."""
        if is_custom(name):
            return custom_task(name, args, custom, code=code)
        return make_task(name, self.moments)

    def network(self, cell: Cell, custom: Path, *, seed: int = 0) -> nn.Module:
        """A fresh network for these data, on the CPU, initialised from `seed`.

        Raises:
            CodeError: if a custom function fails or does not return a network.
        """
        model, width = cell.landscape.model, cell.landscape.width
        return self.network_of(
            model.name, width, cell.model_args, custom, code=model.code, seed=seed
        )

    def network_of(
        self,
        name: str,
        width: int,
        args: Mapping[str, Any],
        custom: Path,
        *,
        code: str | None = None,
        seed: int = 0,
    ) -> nn.Module:
        """A network by name, built in or custom; raises the same errors as `network`."""
        try:
            return models.build(
                import_custom(name, custom, code=code) if is_custom(name) else name,
                width=width,
                input_shape=self.input_shape,
                n_outputs=self.record.n_classes,
                args=args,
                seed=seed,
            )
        except models.ModelError as error:
            raise CodeError(f"{name}: {error}") from error


def custom_task(
    name: str, args: Mapping[str, Any], custom: Path, *, code: str | None = None
) -> Task:
    """A custom task; `code` is passed to `import_custom`.

    Raises:
        CodeError: if the function fails or does not return a `Task`.
    """
    function = import_custom(name, custom, code=code)
    with own_code(name):
        with seeded(0, torch.device("cpu")):
            task = function(**args)
        is_task = isinstance(task, Task)
    if not is_task:
        raise CodeError(
            f"{name} returned {type(task).__name__}; it must return a landscape_catalog.tasks.Task"
        )
    return task


LOADED_DATA: CacheKind[LoadedData] = CacheKind("loaded data", most=4)


def load_data(folder: Path, record: DataRecord, device: str, cache: WorkerCache) -> LoadedData:
    """Load prepared data onto the device; cached for the worker's later jobs.

    Args:
        folder: folder of the data.
        record: their record, which the stage's driver has verified together with the arrays.
        device: the device.
        cache: the worker's cache.
    """
    key = (folder, record.content_hash, device)
    return cache.get(LOADED_DATA, key, lambda: _loaded(folder, record, device))


def _loaded(folder: Path, record: DataRecord, device: str) -> LoadedData:
    """The arrays as the file stores them, images as bytes; on the CPU, workers share its memory.

    safetensors maps the file into memory, so that several processes hold its pages only once.
    """
    inputs, targets = ARRAY_NAMES[record.kind]
    with safetensors.safe_open(folder / ARRAYS_FILE, framework="pt") as arrays:
        train, test = (
            Samples(
                arrays.get_tensor(f"{side}_{inputs}").to(device),
                arrays.get_tensor(f"{side}_{targets}").to(device),
            )
            for side in ("train", "test")
        )
        has_moments = "mean" in arrays.keys()  # noqa: SIM118
        moments = [tuple(arrays.get_tensor(n).tolist()) for n in ("mean", "std") if has_moments]
    shape = () if record.kind == "text" else tuple(train.inputs.shape[1:])
    return LoadedData(record, (moments[0], moments[1]) if moments else None, train, test, shape)


def load_state(folder: Path, device: str, snapshot: str) -> dict[str, Tensor]:
    """The state dict of a run, on the device; see `state_of`."""
    return state_of(read_weights(folder, snapshot), device)
