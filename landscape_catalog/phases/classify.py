"""The phase of a cell, from thresholds on connectivity, the Hessian, training loss and CKA."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from landscape_catalog.experiment.experiment import Classify

Phase = Literal["I", "II", "III", "IV-A", "IV-B", "NC", "unclassified"]
PHASES: tuple[Phase, ...] = ("I", "II", "III", "IV-A", "IV-B", "NC", "unclassified")

HESSIAN_NAMES = {"top_eigenvalue": "top eigenvalue", "trace": "Hessian trace"}
SUSPICIOUS_FACTOR = 10.0


@dataclass(frozen=True)
class CellMeasures:
    """What classifies a cell: means over its converged runs or pairs; NaN where there is none.

    Attributes:
        n_runs: runs of the cell.
        n_converged: those that are not NC.
        train_loss: in nats.
        hessian: the metric that `classify.hessian.metric` names.
        mode_connectivity: mean of the pairs' mc.
        pair_connectivity: mc of each pair.
        pair_lowest: each pair's most negative deviation.
        pair_highest: each pair's most positive deviation.
        cka: mean over all pairs.
    """

    n_runs: int
    n_converged: int
    train_loss: float
    hessian: float
    mode_connectivity: float
    pair_connectivity: Sequence[float]
    pair_lowest: Sequence[float]
    pair_highest: Sequence[float]
    cka: float


@dataclass(frozen=True)
class Verdict:
    """A phase, in words why, and whether connectivity is ambiguous."""

    phase: Phase
    reason: str
    ambiguous: bool = False


def classify(cell: CellMeasures, rule: Classify) -> Verdict:
    """Put a cell into one phase.

    Connected? Poorly if mc < -tolerance. At the bottom of a minimum? No (sharp) if the Hessian
    metric exceeds its threshold, or mc > +tolerance, or the training loss exceeds its threshold
    where there is one. I: sharp, poorly connected. II: sharp otherwise. III: flat, poorly
    connected. IV: flat otherwise; IV-B if CKA is at or above its threshold, else IV-A. NC if more
    than half of the runs have not converged. `unclassified` if a number that is needed is missing.

    Source: Yang et al. 2021, section 3.1 and 5.

    Args:
        cell: the measured means.
        rule: the thresholds.
    """
    if 2 * (cell.n_runs - cell.n_converged) > cell.n_runs:
        gone = cell.n_runs - cell.n_converged
        return Verdict("NC", f"{gone} of {cell.n_runs} runs have not converged")
    ambiguity = _ambiguity(cell, rule.connectivity.tolerance)
    phase, parts = _phase(cell, rule)
    if ambiguity:
        parts.append(ambiguity)
    if cell.n_converged < cell.n_runs:
        parts.append(f"over the {cell.n_converged} of {cell.n_runs} runs that converged")
    return Verdict(phase, "; ".join(parts), ambiguous=bool(ambiguity))


def _phase(cell: CellMeasures, rule: Classify) -> tuple[Phase, list[str]]:
    tolerance = rule.connectivity.tolerance
    mc = cell.mode_connectivity
    if math.isnan(mc):
        return "unclassified", ["mode connectivity is missing (no pair of converged runs has one)"]
    if mc < -tolerance:
        connection = f"poorly connected: mc {mc:.3g} < -{tolerance:g}"
    else:
        connection = f"connected: mc {mc:.3g} >= -{tolerance:g}"
    signs, calm, missing = _sharpness(cell, rule)
    if not signs and missing:
        return "unclassified", [connection, f"{' and '.join(missing)} missing"]
    if signs:
        phase: Phase = "I" if mc < -tolerance else "II"
        return phase, [connection, "sharp: " + ", ".join(signs)]
    flat = "flat: " + ", ".join(calm)
    if mc < -tolerance:
        return "III", [connection, flat]
    if math.isnan(cell.cka):
        return "unclassified", [connection, flat, "CKA is missing"]
    threshold = rule.cka.threshold
    if cell.cka >= threshold:
        return "IV-B", [connection, flat, f"alike: CKA {cell.cka:.3g} >= {threshold:g}"]
    return "IV-A", [connection, flat, f"unlike: CKA {cell.cka:.3g} < {threshold:g}"]


def _sharpness(cell: CellMeasures, rule: Classify) -> tuple[list[str], list[str], list[str]]:
    """Signs of sharpness, signs against it, and numbers that are missing."""
    tolerance = rule.connectivity.tolerance
    tests = [(HESSIAN_NAMES[rule.hessian.metric], cell.hessian, rule.hessian.threshold)]
    if rule.train_loss is not None:
        tests.append(("training loss", cell.train_loss, rule.train_loss))
    signs, calm, missing = [], [], []
    for name, value, threshold in tests:
        if math.isnan(value):
            missing.append(name)
        elif value > threshold:
            signs.append(f"{name} {value:.3g} > {threshold:g}")
        else:
            calm.append(f"{name} {value:.3g} <= {threshold:g}")
    if cell.mode_connectivity > tolerance:
        signs.append(
            f"mc {cell.mode_connectivity:.3g} > +{tolerance:g}: the ends are not at a minimum"
        )
    return signs, calm, missing


def _ambiguity(cell: CellMeasures, tolerance: float) -> str | None:
    """Why the sign of mc may not be trusted, if so."""
    both_ways = any(
        low < -tolerance and high > tolerance
        for low, high in zip(cell.pair_lowest, cell.pair_highest)
    )
    if both_ways:
        return "connectivity is ambiguous: a curve both rises and dips beyond the tolerance"
    mcs = cell.pair_connectivity
    if any(mc < -tolerance for mc in mcs) and any(mc > tolerance for mc in mcs):
        return "connectivity is ambiguous: pairs disagree in sign beyond the tolerance"
    return None


def doubtful_flat(phases: Sequence[str], train_losses: Sequence[float]) -> list[bool]:
    """Which flat cells have a training loss over ten times the median of the flat ones.

    A high temperature shrinks the Hessian too, so without a threshold on the training loss such a
    cell may be called flat although it is hot.
    """
    flat = [phase in ("III", "IV-A", "IV-B") for phase in phases]
    losses = sorted(loss for loss, is_flat in zip(train_losses, flat) if is_flat)
    if not losses:
        return [False] * len(phases)
    middle = len(losses) // 2
    median = losses[middle] if len(losses) % 2 else (losses[middle - 1] + losses[middle]) / 2
    return [
        is_flat and loss > SUSPICIOUS_FACTOR * median for loss, is_flat in zip(train_losses, flat)
    ]
