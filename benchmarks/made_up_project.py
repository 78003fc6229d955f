"""A project whose runs and measurements are made up, with real records on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from benchmarks.made_up_results import PROVENANCE, made_up, params_of
from landscape_catalog.catalog import CellResult
from landscape_catalog.paths import RECORD_FILE, WEIGHTS_FILE, Project
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.shared.measurement_specs import specs_on
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.store.artifacts import pack_run, sealed
from landscape_catalog.store.measurements import MeasurementRecord

ROOT = Path(__file__).resolve().parent.parent


def write_params(folder: Path, params: dict[str, Any]) -> Path:
    """A folder with these parameters and the shipped stages."""
    folder.mkdir(parents=True)
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(params, stream)
    return folder


def write_project(folder: Path, cells: int) -> None:
    """A project with this many cells, all of whose runs and measurements are finished.

    Files are not flushed to the disk one by one, which would take most of the time.
    """
    result = made_up(cells)
    widths = len(result.grid.landscapes)
    write_params(folder, params_of(widths, cells // widths))
    run_prepare(folder)
    workspace = open_workspace(folder)
    (content_hash,) = {record.content_hash for record in workspace.data_records().values()}
    project = workspace.project
    for path in (project.runs, project.measurements):
        path.mkdir()
    for cell in result.cells:
        _write_runs(project, cell, content_hash)
        procedures = workspace.procedures
        converged = [run.run for run in cell.converged]
        specs = specs_on(procedures.losses(cell.cell), [run.run for run in cell.runs])
        specs += specs_on(procedures.further(cell.cell), converged) if converged else []
        measured = {(run.run.run_id,): run.measured for run in cell.runs}
        measured |= {(pair.run.run_id, pair.other.run_id): pair.measured for pair in cell.pairs}
        for spec in specs:
            ids = [run.run_id for run in spec.runs]
            record = MeasurementRecord.model_construct(
                measurement_id=spec.measurement_id,
                run_ids=ids,
                snapshot="best_train_loss",
                probe=spec.content,
                measured=measured[tuple(ids)][spec.metric][spec.probe][spec.repeat],
                provenance=PROVENANCE,
            )
            path = workspace.measurements.path(spec.measurement_id)
            path.write_bytes(sealed(record))


def _write_runs(project: Project, cell: CellResult, content_hash: str) -> None:
    for run in cell.runs:
        weights = pack_run({"best_train_loss": {"w": np.zeros(1)}}, dict(run.history))
        record = run.record.model_copy(
            update={
                "data_content_hash": content_hash,
                "weights_sha256": hashlib.sha256(weights).hexdigest(),
            }
        )
        folder = project.runs / record.run_id
        folder.mkdir()
        (folder / WEIGHTS_FILE).write_bytes(weights)
        (folder / RECORD_FILE).write_bytes(sealed(record))
