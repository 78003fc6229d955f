"""Whether a reference's metrics were measured as those of checkpoints are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from landscape_catalog.diagnosis.method import first_probe
from landscape_catalog.diagnosis.model import DiagnosisModel
from landscape_catalog.errors import CheckpointError
from landscape_catalog.metrics.registry import METRIC_OF, METRICS

# Metrics whose value depends on how they are measured, and what that is called.
METHODS = {"connectivity": "curves", "similarity": "CKA"}


def compared(model: DiagnosisModel, method: Any) -> tuple[str, dict[str, str]]:
    """In words, by whose method checkpoints are measured; and the metrics that cannot be compared.

    A reference says how it was measured by its section `measure`, by which checkpoints are measured
    again, or by words that it has for a metric. If the words are not those of the method by which
    checkpoints are measured, the metric counts as missing. Estimators of the Hessian differ in
    cost, not in what they estimate.

    Args:
        model: of the reference.
        method: the section `measure` by which checkpoints are measured.

    Returns:
        A sentence without its full stop; and by metric, why it counts as missing.

    Raises:
        CheckpointError: if the words contradict the section of a reference that was measured with
            this package.
    """
    reference = model.reference
    stated = reference.measure or {}
    refused, silent = {}, []
    for feature in model.features:
        family = METRIC_OF.get(feature.metric, "")
        if family not in METHODS:
            continue
        ours = METRICS[family].method(first_probe(method, METRICS[family].section))
        agrees = feature.method in ("", ours)
        if family in stated:
            if not agrees and reference.citation is None:
                raise CheckpointError(
                    f"--model: its {feature.metric} is of the method `{feature.method}`, and its "
                    f"section `measure` says `{ours}`; allowed: one method. Fit it again"
                )
        elif not agrees:
            refused[feature.metric] = (
                f"that of {reference.name} was measured by another method, `{feature.method}`, "
                f"and that of the checkpoints by `{ours}`"
            )
        elif not feature.method and METHODS[family] not in silent:
            silent.append(METHODS[family])
    return _words(reference.name, stated, silent), refused


def _words(name: str, stated: Mapping[str, Any], silent: Sequence[str]) -> str:
    measured = f"measured as the cells of {name} were"
    if not silent:
        return measured if stated else "measured by the paper's method"
    how = f"its source does not state the method of {' and of '.join(silent)}; the paper's was used"
    return f"{measured}; {how}" if stated else how
