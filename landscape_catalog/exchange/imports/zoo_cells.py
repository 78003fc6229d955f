"""One cell of a model zoo: its runs, and the numbers that were published for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from landscape_catalog.exchange.imports.published import (
    Observation,
    PublishedCell,
    PublishedMean,
    PublishedRun,
)
from landscape_catalog.exchange.imports.zoo_files import Model
from landscape_catalog.exchange.imports.zoo_metrics import CELL_METRICS, FACTS
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.phases.convergence import not_converged_reason
from landscape_catalog.schema.tables import Row


def probe_of(epochs: Sequence[int], epoch: int) -> str:
    """The name under which what was measured after an epoch is stored."""
    return PRIMARY if epoch == epochs[0] else f"epoch_{epoch}"


def read_cell(
    models: Sequence[Model], epochs: Sequence[int], n_classes: int | None
) -> PublishedCell:
    """Read a cell.

    Args:
        models: its runs.
        epochs: after which measurements were made, the primary one first.
        n_classes: of the dataset, by which a run counts as not converged.
    """
    ordered = sorted(models, key=lambda model: model.seed)
    return PublishedCell(
        coordinates={
            "load.width": models[0].width,
            "temperature.batch_size": models[0].batch_size,
        },
        n_runs=len(ordered),
        means=tuple(_means(ordered, epochs)),
        runs=tuple(_run(model, epochs[0], n_classes) for model in ordered),
        observations=tuple(_observations(ordered, epochs)),
        facts=_facts(ordered, epochs[0]),
    )


def _facts(models: Sequence[Model], epoch: int) -> dict[str, Any]:
    """What was published for the cell and is no number, from the first run that has it."""
    lines = [model.lines.get(epoch, {}) for model in models]
    return {name: line[name] for name in FACTS for line in reversed(lines) if name in line}


def _run(model: Model, epoch: int, n_classes: int | None) -> PublishedRun:
    """A run with its losses at the epoch of the measurements, and its history."""
    columns = _losses(model.lines.get(epoch, {}))
    loss = columns.get("train_loss")
    reason = None
    if loss is not None:
        guessing = math.inf if n_classes is None else math.log(n_classes)
        reason = not_converged_reason(stop_reason="", train_loss=loss, frequency_loss=guessing)
    last = max(model.lines)
    return PublishedRun(
        model.seed,
        columns | {"n_epochs": last},
        reason,
        judged=loss is not None,
        epochs=tuple(_epochs(model)),
    )


def _epochs(model: Model) -> Iterator[Row]:
    """The rows of the table `epochs`; line 0 is the state before training."""
    for epoch, line in sorted(model.lines.items()):
        losses = _losses(line)
        if epoch > 0:
            names = ("train_loss", "train_error", "test_error")
            yield {"epoch": epoch} | {name: losses.get(name) for name in names}


def _observations(models: Sequence[Model], epochs: Sequence[int]) -> Iterator[Observation]:
    for epoch in epochs:
        for model in models:
            for name, value in _losses(model.lines.get(epoch, {})).items():
                yield Observation(name, (model.seed,), value, probe_of(epochs, epoch))


def _means(models: Sequence[Model], epochs: Sequence[int]) -> Iterator[PublishedMean]:
    """The numbers of the cell, each once although all of its runs have it."""
    for epoch in epochs:
        for key, metric in CELL_METRICS.items():
            values = [_number(model.lines.get(epoch, {}).get(key)) for model in models]
            known = [value for value in values if value is not None]
            words = list(dict.fromkeys(map(str, known)))
            if len(words) > 1:
                reason = f"all runs of a cell should have one number, and have {', '.join(words)}"
                yield PublishedMean(metric.name, math.nan, probe_of(epochs, epoch), reason=reason)
            elif known:
                yield PublishedMean(metric.name, known[0], probe_of(epochs, epoch))


def _losses(line: Mapping[str, Any]) -> dict[str, float]:
    """Losses, and accuracies and errors in %, of a line."""
    found: dict[str, float] = {}
    for side in ("train", "test"):
        loss, share = (_number(line.get(f"{side}_{what}")) for what in ("loss", "acc"))
        if loss is not None:
            found[f"{side}_loss"] = loss
        if share is not None:
            accuracy = 100 * share
            found |= {f"{side}_accuracy": accuracy, f"{side}_error": 100 - accuracy}
    return found


def _number(value: Any) -> float | None:
    """A number, which may be NaN; None for anything else."""
    return float(value) if isinstance(value, (int, float)) and type(value) is not bool else None
