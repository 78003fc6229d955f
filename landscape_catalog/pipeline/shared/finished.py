"""Results of earlier stages: trained runs, measurements, and which runs have converged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from landscape_catalog.errors import DamagedFileError, MissingArtifactError
from landscape_catalog.experiment.grid import Run
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.phases import not_converged_reason
from landscape_catalog.pipeline.shared.measurement_specs import (
    MeasurementSpec,
    specs_on,
)
from landscape_catalog.pipeline.shared.workspace import Workspace, check_content
from landscape_catalog.store.records import DataRecord, RunRecord


def trained_runs(workspace: Workspace) -> dict[str, RunRecord]:
    """The verified record of every run of the grid.

    Raises:
        MissingArtifactError: if a run is missing.
        ContentMismatchError: if a run was trained on different data under the same id.
    """
    data = workspace.data_records()
    records: dict[str, RunRecord] = {}
    missing = []
    for run in workspace.grid.runs:
        record = workspace.runs.fetch(run.run_id)
        if record is None:
            missing.append(run.run_id)
            continue
        check_content(run.run_id, record.data_content_hash, data[run.cell.landscape.data.data_id])
        records[run.run_id] = record
    if missing:
        some = ", ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
        raise MissingArtifactError(
            f"{len(missing)} of {len(workspace.grid.runs)} runs are missing ({some}): "
            f"run `landscape train` first"
        )
    return records


def converged_runs(workspace: Workspace, records: dict[str, RunRecord]) -> list[list[Run]]:
    """The converged runs of each cell, among those whose loss has been measured."""
    data, found = workspace.data_records(), []
    for cell in workspace.grid.cells:
        runs = []
        for run in cell.runs:
            spec = specs_on(workspace.procedures.losses(cell)[:1], [run])[0]
            if not workspace.measurements.has(spec.measurement_id):
                continue
            loss = measured(workspace, spec)
            record = records[run.run_id]
            if nc_reason(record, loss, data[cell.landscape.data.data_id]) is None:
                runs.append(run)
        found.append(runs)
    return found


def nc_reason(record: RunRecord, loss: Loss, data: DataRecord) -> str | None:
    """Why a run has not converged, or None if it has."""
    return not_converged_reason(
        stop_reason=record.stop_reason,
        train_loss=loss.train.loss,
        frequency_loss=data.frequency_loss,
    )


def measured(workspace: Workspace, spec: MeasurementSpec) -> Any:
    """The verified result of a measurement.

    Raises:
        MissingArtifactError: if it has not been made.
        DamagedFileError: if the record with its id is of another metric.
    """
    record = workspace.measurements.fetch(spec.measurement_id)
    if record is None:
        raise MissingArtifactError(
            f"measurement {spec.measurement_id} ({spec.metric}) is missing: "
            f"run `landscape measure` first"
        )
    if not isinstance(record.measured, spec.declaration.result):
        raise DamagedFileError(f"measurement {spec.measurement_id} is not of {spec.metric}")
    return spec.declaration.judged(record.measured, spec.settings)


def further_measurements(
    workspace: Workspace, converged: Iterable[list[Run]]
) -> list[MeasurementSpec]:
    """All measurements besides the losses, cell by cell."""
    return [
        spec
        for runs in converged
        if runs
        for spec in specs_on(workspace.procedures.further(runs[0].cell), runs)
    ]
