"""Doubts about a cell: flat because hot, or with two training losses by its batch norm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from landscape_catalog.phases.rule import CellNumbers, Rule

SUSPICIOUS_FACTOR = 10.0
STATISTICS_FACTOR = 3.0


def doubtful_flat(rule: Rule, phases: Sequence[str], train_losses: Sequence[float]) -> list[bool]:
    """Which flat cells have a training loss above ten times the median of the flat cells.

    A high temperature also shrinks the Hessian, so without a threshold on the training loss a cell
    at a high temperature may be classified as flat.

    Args:
        rule: the rule that assigned the phases.
        phases: the phase of each cell.
        train_losses: the training loss of each cell, in nats.
    """
    flat_phases = {phase.name for phase in rule.phases if phase.flat}
    flat = [phase in flat_phases for phase in phases]
    losses = sorted(loss for loss, is_flat in zip(train_losses, flat) if is_flat)
    if not losses:
        return [False] * len(phases)
    middle = len(losses) // 2
    median = losses[middle] if len(losses) % 2 else (losses[middle - 1] + losses[middle]) / 2
    return [
        is_flat and loss > SUSPICIOUS_FACTOR * median for loss, is_flat in zip(train_losses, flat)
    ]


def differing_statistics(cell: CellNumbers) -> str | None:
    """What to say of a cell whose training loss depends on its batch-norm statistics, or None.

    It does if the mean losses with running and with recomputed statistics differ by more than a
    factor of three, or if only one of them is a number: the running statistics do not fit the
    weights, as after large steps.
    """
    running, recomputed = cell.mean("train_loss_running"), cell.mean("train_loss_recomputed")
    if math.isnan(running) and math.isnan(recomputed):
        return None  # not measured
    if max(running, recomputed) <= STATISTICS_FACTOR * min(running, recomputed):
        return None
    return (
        f"training loss is {_in_words(running)} with running and {_in_words(recomputed)} with "
        "recomputed batch-norm statistics"
    )


def _in_words(loss: float) -> str:
    return f"{loss:.3g}" if math.isfinite(loss) else "not finite"
