"""Cells that are classified as flat, but may merely be at a high temperature."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.phases.rule import Rule

SUSPICIOUS_FACTOR = 10.0


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
