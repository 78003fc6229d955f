"""Flat cells that may be hot."""

from __future__ import annotations

from collections.abc import Sequence

from landscape_catalog.phases.rule import Rule

SUSPICIOUS_FACTOR = 10.0


def doubtful_flat(rule: Rule, phases: Sequence[str], train_losses: Sequence[float]) -> list[bool]:
    """Which flat cells have a training loss over ten times the median of the flat ones.

    A high temperature shrinks the Hessian too, so without a threshold on the training loss such a
    cell may be called flat although it is hot.

    Args:
        rule: that gave the phases.
        phases: of each cell.
        train_losses: of each cell, in nats.
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
