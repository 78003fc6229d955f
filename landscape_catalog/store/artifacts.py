"""Records, runs and prepared data on disk: sealed when written, verified when read."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors
import safetensors.numpy

from landscape_catalog.datasets import PreparedData
from landscape_catalog.errors import DamagedFileError
from landscape_catalog.paths import ARRAYS_FILE, RECORD_FILE, WEIGHTS_FILE
from landscape_catalog.regular import read_regular
from landscape_catalog.schema.identity import checksum
from landscape_catalog.schema.records import Record
from landscape_catalog.store.files import explained_damage, file_sha256, write_file, write_folder
from landscape_catalog.store.measurements import MeasurementRecord
from landscape_catalog.store.records import FIRST_SNAPSHOT, DataRecord, RunRecord

RecordType = TypeVar("RecordType", bound=Record)
_SEAL = "checksum"
_HISTORY = "history/"


def _weight(snapshot: str) -> str:
    """Prefix of a snapshot's weights."""
    return "weight/" if snapshot == FIRST_SNAPSHOT else f"weight@{snapshot}/"


def sealed(record: Record) -> bytes:
    """A record as JSON, including a checksum of its content."""
    content = json.loads(record.model_dump_json())
    return (json.dumps({**content, _SEAL: checksum(content)}, indent=1) + "\n").encode()


def read_sealed(path: Path, kind: type[RecordType]) -> RecordType:
    """Read a record and verify its checksum.

    Raises:
        FileNotFoundError: if the file does not exist.
        DamagedFileError: if the record is unreadable, no regular file, or its checksum does not
            match.
    """
    with explained_damage(path):
        content = read_regular(path)
    try:
        data: dict[str, Any] = json.loads(content)
        seal = data.pop(_SEAL)
        record = kind.model_validate(data)
        is_intact = checksum(data) == seal
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged: not a readable record") from error
    if not is_intact:
        raise DamagedFileError(f"{path} is damaged: its content does not match its checksum")
    return record


def _verified(path: Path, sha256: str) -> Path:
    try:
        with explained_damage(path):
            is_intact = file_sha256(path) == sha256
    except FileNotFoundError:
        is_intact = False
    if not is_intact:
        raise DamagedFileError(f"{path} is damaged: its SHA-256 does not match the record")
    return path


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays, sorted by name, as the bytes of a safetensors file."""
    ordered = {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}
    return safetensors.numpy.save(ordered)


def unpack(content: bytes) -> dict[str, np.ndarray]:
    """The arrays in the bytes that `pack` returned; one without dimensions comes back with one."""
    return safetensors.numpy.load(content)


def write_run(folder: Path, record: RunRecord, weights: bytes) -> None:
    """Write a run's folder atomically; `weights` is the output of `pack_run`."""
    write_folder(folder, {WEIGHTS_FILE: weights, RECORD_FILE: sealed(record)})


def pack_run(snapshots: dict[str, dict[str, np.ndarray]], history: dict[str, np.ndarray]) -> bytes:
    """The weights of each snapshot and the history as the bytes of `weights.safetensors`."""
    arrays = {_HISTORY + name: value for name, value in history.items()}
    for snapshot, state in snapshots.items():
        arrays |= {_weight(snapshot) + name: value for name, value in state.items()}
    return pack(arrays)


def _read_folder(folder: Path, kind: type[RecordType]) -> RecordType:
    with explained_damage(folder):
        is_folder = stat.S_ISDIR(folder.lstat().st_mode) or folder.is_dir()
        if not is_folder:
            raise DamagedFileError(f"{folder} is damaged: it is no folder")
    try:
        return read_sealed(folder / RECORD_FILE, kind)
    except FileNotFoundError:
        raise DamagedFileError(f"{folder} is damaged: it has no {RECORD_FILE}") from None


def _check_id(folder: Path, found: str) -> None:
    if found != folder.name:
        raise DamagedFileError(f"{folder} is damaged: its record has the id {found}")


def read_run(folder: Path, *, verified: bool = False) -> RunRecord:
    """Read a run's record and verify it and the weights file.

    Args:
        folder: folder of the run.
        verified: whether this stage has already verified the weights; they are then not hashed.

    Raises:
        FileNotFoundError: if there is no such run.
        DamagedFileError: if a file's checksum does not match.
    """
    record = _read_folder(folder, RunRecord)
    _check_id(folder, record.run_id)
    if not verified:
        _verified(folder / WEIGHTS_FILE, record.weights_sha256)
    return record


def read_weights(folder: Path, snapshot: str = FIRST_SNAPSHOT) -> dict[str, np.ndarray]:
    """The state dict of a run."""
    return _read_group(folder, _weight(snapshot))


def read_history(folder: Path) -> dict[str, np.ndarray]:
    """The quantities that a run recorded after each epoch, each of shape (epochs,)."""
    return _read_group(folder, _HISTORY)


def _read_group(folder: Path, prefix: str) -> dict[str, np.ndarray]:
    with safetensors.safe_open(folder / WEIGHTS_FILE, framework="numpy") as stream:
        names = [name for name in stream.keys() if name.startswith(prefix)]  # noqa: SIM118
        return {name.removeprefix(prefix): stream.get_tensor(name) for name in names}


def write_prepared(folder: Path, record: DataRecord, arrays: bytes) -> None:
    """Write a folder of prepared data atomically."""
    write_folder(folder, {ARRAYS_FILE: arrays, RECORD_FILE: sealed(record)})


def read_data_record(folder: Path) -> DataRecord:
    """Read the record of prepared data and verify it and the arrays file.

    Raises:
        FileNotFoundError: if there are no such data.
        DamagedFileError: if a file's checksum does not match.
    """
    record = _read_folder(folder, DataRecord)
    _check_id(folder, record.data_id)
    _verified(folder / ARRAYS_FILE, record.file_sha256)
    return record


def read_prepared(folder: Path) -> tuple[DataRecord, PreparedData]:
    """Verified prepared data with their record; raises the same errors as `read_data_record`."""
    record = read_data_record(folder)
    arrays = safetensors.numpy.load_file(folder / ARRAYS_FILE)
    return record, PreparedData(record.kind, arrays, record.n_classes, record.frequency_loss)


def write_measurement(path: Path, record: MeasurementRecord) -> None:
    """Write one measurement."""
    write_file(path, sealed(record))


def read_measurement(path: Path) -> MeasurementRecord:
    """Read and verify one measurement; raises the same errors as `read_sealed`."""
    record = read_sealed(path, MeasurementRecord)
    if record.measurement_id != path.stem:
        raise DamagedFileError(f"{path} is damaged: its record has the id {record.measurement_id}")
    return record
