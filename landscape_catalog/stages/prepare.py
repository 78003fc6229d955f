"""Stage 1: the data of every landscape, one folder a data id."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from landscape_catalog.datasets import LOADERS, ImagePool, PreparedData, frequency_loss, prepare
from landscape_catalog.errors import ContentMismatchError, DamagedFileError, StorageError
from landscape_catalog.execution.artifacts import (
    pack,
    read_data_record,
    read_sealed,
    sealed,
    write_prepared,
)
from landscape_catalog.execution.files import prune, remove, write_file
from landscape_catalog.execution.lock import project_lock
from landscape_catalog.paths import store_root
from landscape_catalog.schemas.grid import DataSpec
from landscape_catalog.schemas.records import DataRecord
from landscape_catalog.stages.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)


def run_prepare(root: Path) -> None:
    """Prepare what the grid needs, verify what is there, remove what it does not need.

    Raises:
        ContentMismatchError: if data come out with other content than their id stands for.
    """
    workspace = open_workspace(root)
    with project_lock(workspace.project.lock):
        folder = workspace.project.prepared
        removed = prune(folder, {spec.data_id for spec in workspace.grid.data})
        missing = [spec for spec in workspace.grid.data if not _is_sound(folder / spec.data_id)]
        if missing:
            pool = LOADERS[workspace.experiment.dataset.name]()
            for spec in missing:
                _prepare_one(workspace, pool, spec)
        log.info(
            "prepare: %d data sets, %d already there, %d prepared, %d removed",
            len(workspace.grid.data),
            len(workspace.grid.data) - len(missing),
            len(missing),
            removed,
        )


def _is_sound(folder: Path) -> bool:
    try:
        read_data_record(folder)
    except FileNotFoundError:
        return False
    except DamagedFileError as error:
        log.warning("%s. It is rebuilt.", error)
        remove(folder)
        return False
    return True


def _prepare_one(workspace: Workspace, pool: ImagePool, spec: DataSpec) -> None:
    data = prepare(
        pool,
        test_samples=spec.dataset.test_samples,
        samples=spec.samples,
        label_noise=spec.label_noise,
        pixel_noise=spec.pixel_noise,
        seed=spec.dataset.seed,
    )
    arrays = pack(data.arrays())
    record = _record(spec, data, pool.n_classes, arrays)
    _hold_against_known(record)
    write_prepared(workspace.project.prepared / spec.data_id, record, arrays)


def _record(spec: DataSpec, data: PreparedData, n_classes: int, arrays: bytes) -> DataRecord:
    return DataRecord(
        data_id=spec.data_id,
        spec=spec.content,
        content_hash=data.content_hash(),
        file_sha256=hashlib.sha256(arrays).hexdigest(),
        n_train=len(data.train_labels),
        n_test=len(data.test_labels),
        n_classes=n_classes,
        channels=data.train_images.shape[1],
        n_changed_labels=int((data.train_labels != data.true_labels).sum()),
        frequency_loss=frequency_loss(data.train_labels),
    )


def _hold_against_known(record: DataRecord) -> None:
    """Compare with the content that this machine's store knows under the same id."""
    known_path = store_root() / "data" / f"{record.data_id}.json"
    try:
        known = read_sealed(known_path, DataRecord)
    except (FileNotFoundError, DamagedFileError):
        try:
            write_file(known_path, sealed(record))
        except StorageError as error:
            log.warning("content of data %s not noted in the store: %s", record.data_id, error)
        return
    if known.content_hash != record.content_hash:
        raise ContentMismatchError(
            f"data {record.data_id} came out with content {record.content_hash[:12]}, but "
            f"{known_path} knows it as {known.content_hash[:12]}. A library that draws or reads "
            f"the data has changed; results must not be mixed. Remove that file to accept it"
        )
