"""Units and ranking of losses whose records the first version wrote, without either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from landscape_catalog.catalog.results import PairResult
from landscape_catalog.experiment.grid import Cell
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.schema.fields import is_custom


def completed(loss: Loss, cell: Cell, pairs: Iterable[PairResult]) -> Loss:
    """The loss with what its record leaves out; unchanged if it leaves out nothing.

    Built-in tasks measure losses in nats and errors in %, and rank images by accuracy and other
    data by loss. Of a custom task, the unit of the loss or of the error is known from a curve that
    measures the same quantity; a unit that is not known is empty.

    Args:
        loss: of a run of the cell.
        cell: determines data and task.
        pairs: the pairs of the cell.
    """
    if loss.judged_by is not None:
        return loss
    landscape = cell.landscape
    units = {"loss": "nats", "error": "%"}
    if is_custom(landscape.task.name):
        measured = [pair.measured.get("connectivity", {}).get(PRIMARY, []) for pair in pairs]
        units = {curve.quantity: curve.unit for curves in measured for curve in curves}
    images = landscape.data.facts.kind == "images"
    return replace(
        loss,
        loss_unit=units.get("loss", ""),
        error_unit=units.get("error", ""),
        judged_by="accuracy" if images else "loss",
    )
