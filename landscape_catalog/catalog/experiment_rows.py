"""Table rows about an experiment and its landscapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy

from landscape_catalog.catalog.classification import classification_id
from landscape_catalog.catalog.results import ExperimentResult, PairResult
from landscape_catalog.catalog.thresholds import stored_thresholds
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.schema.strict_json import readable_json
from landscape_catalog.schema.tables import Row

DECIDING_SECTIONS = {
    "dataset", "model", "load", "temperature", "train", "measure", "variants",
}  # fmt: skip


def experiment_row(
    result: ExperimentResult, connectivity_unit: str | None, performance_metric: str
) -> Row:
    """The experiment.

    Args:
        result: all of whose cells have been read.
        connectivity_unit: of mode connectivity.
        performance_metric: the metric by which cells are ranked.
    """
    experiment, grid = result.experiment, result.grid
    stored = experiment.stored()
    spec = {name: value for name, value in stored.items() if name in DECIDING_SECTIONS}
    rule = stored["classify"]
    members = deepcopy(result.measurement_ids)
    members.add(run.run_id for cell in grid.cells for run in cell.runs)
    experiment_id = members.identify("experiment")
    kinds = {record.kind for record in result.data.values()}
    return {
        "experiment_id": experiment_id,
        "classification_id": classification_id(experiment_id, experiment.classify),
        "dataset": ", ".join(dict.fromkeys(c.landscape.data.dataset.name for c in grid.cells)),
        "model": ", ".join(dict.fromkeys(c.landscape.model.name for c in grid.cells)),
        "kind": ", ".join(sorted(kinds)),
        "connectivity_unit": connectivity_unit,
        "n_cells": len(grid.cells),
        "n_runs": len(grid.runs),
        "axes": readable_json([{"path": axis.path, "values": axis.values} for axis in grid.axes]),
        "variants": readable_json(grid.variants),
        "spec": readable_json(spec),
        "classify": readable_json(rule),
        "thresholds": stored_thresholds(()),
        "performance_metric": performance_metric,
    }


def unit_of_curves(pairs: Iterable[PairResult]) -> str | None:
    """Unit of the primary probe's first curve, or None if there is no curve."""
    for pair in pairs:
        for curve in pair.measured["connectivity"].get(PRIMARY, []):
            unit: str = curve.unit
            return unit
    return None


def performance_metric(losses: Iterable[Loss]) -> str:
    """The test metric by which cells are ranked, according to the tasks of all runs.

    Variants whose tasks rank by different metrics are compared by their loss.
    """
    ranked_by = {loss.judged_by for loss in losses}
    return f"test_{ranked_by.pop() if len(ranked_by) == 1 else 'loss'}"


def landscape_rows(result: ExperimentResult, n_parameters: Mapping[str, int]) -> list[Row]:
    """The landscapes of the grid.

    Args:
        result: of the experiment.
        n_parameters: number of trainable parameters, by the id of the landscape.
    """
    rows = []
    for landscape in result.grid.landscapes:
        data = result.data[landscape.data.data_id]
        extra = landscape.data.extra | landscape.model_args | landscape.task_args
        rows.append(
            {
                "landscape_id": landscape.landscape_id,
                "data_id": data.data_id,
                "content_hash": data.content_hash,
                "dataset": landscape.data.dataset.name,
                "model": landscape.model.name,
                "width": landscape.width,
                "samples": landscape.data.samples,
                "label_noise": landscape.data.label_noise,
                "pixel_noise": landscape.data.pixel_noise,
                "extra": readable_json(extra, sort_keys=True),
                "n_test": data.n_test,
                "n_classes": data.n_classes,
                "n_changed_labels": data.n_changed_labels,
                "frequency_loss": data.frequency_loss if data.n_classes else None,
                "n_parameters": n_parameters[landscape.landscape_id],
            }
        )
    return rows
