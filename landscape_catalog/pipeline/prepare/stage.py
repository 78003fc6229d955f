"""Stage 1: prepares the data of every landscape, one folder per data id."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from landscape_catalog.datasets import ARRAY_NAMES, Pool, PreparedData, prepare
from landscape_catalog.errors import (
    ContentMismatchError,
    DamagedFileError,
    DataError,
    MissingArtifactError,
    StorageError,
)
from landscape_catalog.experiment.grid import DataSpec
from landscape_catalog.pipeline.prepare.unhashed import warn_of_unhashed_imports
from landscape_catalog.pipeline.shared.components import find_source
from landscape_catalog.pipeline.shared.limits import data_problems, require_possible
from landscape_catalog.pipeline.shared.workspace import Workspace, one_stage, open_workspace
from landscape_catalog.schema.fields import is_custom
from landscape_catalog.schema.identity import canonical_json
from landscape_catalog.store.artifacts import (
    pack,
    read_sealed,
    sealed,
    write_prepared,
)
from landscape_catalog.store.files import ensure_folder, prune, remove, write_file
from landscape_catalog.store.records import DataRecord

log = logging.getLogger(__name__)


def run_prepare(root: Path) -> None:
    """Prepare missing data, verify existing data, and remove data that the grid does not need.

    Removal comes last, so that an experiment that fails validation removes nothing.

    Raises:
        ContentMismatchError: if prepared data differ from earlier data with the same id.
    """
    workspace = open_workspace(root)
    with one_stage(workspace):
        ensure_folder(workspace.project.prepared)
        prepared = prepare_missing(workspace)
        needed = {spec.data_id for spec in workspace.grid.data}
        removed = prune(workspace.project.prepared, needed)
        log.info(
            "prepare: %d datasets, %d already there, %d prepared, %d removed",
            len(needed),
            len(needed) - prepared,
            prepared,
            removed,
        )


def prepare_missing(workspace: Workspace) -> int:
    """Prepare missing data and validate custom code on the data.

    Nothing is prepared if some of the data do not fit into memory.

    Returns:
        The number of datasets prepared.

    Raises:
        ContentMismatchError: if prepared data differ from earlier data with the same id.
    """
    missing = [spec for spec in workspace.grid.data if not _is_sound(workspace, spec.data_id)]
    require_possible(data_problems(missing))
    for specs in _by_source(missing):
        first = specs[0]
        pool = find_source(first.dataset, first.extra, workspace.project).load()
        for spec in specs:
            _prepare_one(workspace, pool, spec)
    warn_of_unhashed_imports(workspace)
    if _needs_validation(workspace):
        from landscape_catalog.pipeline.prepare.validate import validate_networks  # loads torch

        validate_networks(workspace)
    if workspace.experiment.measure.custom:
        from landscape_catalog.pipeline.prepare.validate_metrics import validate_metrics

        validate_metrics(workspace)
    return len(missing)


def _needs_validation(workspace: Workspace) -> bool:
    """Whether something can be checked only by running a network."""
    names = {cell.landscape.model.name for cell in workspace.grid.cells}
    names |= {cell.landscape.task.name for cell in workspace.grid.cells}
    layers = [probe.layer for probe in workspace.experiment.measure.probes("similarity")]
    return any(map(is_custom, names)) or any(layers)


def _by_source(specs: list[DataSpec]) -> list[list[DataSpec]]:
    """Specs grouped by the pool they are drawn from, so that each pool is read once."""
    groups: dict[str, list[DataSpec]] = {}
    for spec in specs:
        key = canonical_json([spec.dataset.content(), spec.facts.checksum, spec.extra])
        groups.setdefault(key, []).append(spec)
    return list(groups.values())


def _is_sound(workspace: Workspace, data_id: str) -> bool:
    try:
        workspace.data_record(data_id)
    except MissingArtifactError:
        return False
    except DamagedFileError as error:
        log.warning("%s. It will be rebuilt.", error)
        remove(workspace.project.prepared / data_id)
        return False
    return True


def _prepare_one(workspace: Workspace, pool: Pool, spec: DataSpec) -> None:
    try:
        data = prepare(pool, spec)
    except ValueError as error:
        raise DataError(f"{spec.dataset.name}: {error}") from error
    arrays = pack(data.arrays)
    record = _record(spec, data, arrays)
    _check_against_store(workspace.store, record, spec.dataset.name)
    write_prepared(workspace.project.prepared / spec.data_id, record, arrays)


def _record(spec: DataSpec, data: PreparedData, arrays: bytes) -> DataRecord:
    stored, (inputs_name, targets) = data.arrays, ARRAY_NAMES[data.kind]
    inputs = stored[f"train_{inputs_name}"]
    true = stored.get(f"true_{targets}")
    changed = 0 if true is None else int((stored[f"train_{targets}"] != true).sum())
    return DataRecord(
        data_id=spec.data_id,
        spec=spec.content,
        content_hash=data.content_hash(),
        file_sha256=hashlib.sha256(arrays).hexdigest(),
        n_train=len(inputs),
        n_test=len(stored[f"test_{targets}"]),
        kind=data.kind,
        n_classes=data.n_outputs,
        channels=inputs.shape[1] if data.kind == "images" else 0,
        n_changed_labels=changed,
        frequency_loss=data.frequency_loss,
    )


def _check_against_store(store: Path, record: DataRecord, name: str) -> None:
    """Compare with the content that this machine's store has recorded for the same id."""
    known_path = store / "data" / f"{record.data_id}.json"
    try:
        known = read_sealed(known_path, DataRecord)
    except (OSError, DamagedFileError):
        try:
            write_file(known_path, sealed(record))
        except (StorageError, OSError) as error:
            log.warning("content of data %s not recorded in the store: %s", record.data_id, error)
        return
    if known.content_hash != record.content_hash:
        reason = "A library that draws or reads the data has changed"
        if is_custom(name):
            reason = (
                f"{name} returned different data than before although neither its code nor what it "
                f"declares has changed: seed its random numbers, and declare every file it reads"
            )
        raise ContentMismatchError(
            f"data {record.data_id} have content hash {record.content_hash[:12]}, but "
            f"{known_path} records {known.content_hash[:12]}. {reason}; results must not be "
            f"mixed. Remove that file to accept the new content"
        )
