"""Classify a cell from its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from pydantic import BaseModel, ValidationError

from landscape_catalog.errors import Problem, SpecError
from landscape_catalog.experiment.reading import explain
from landscape_catalog.phases import CellNumbers, Classify, Verdict

ROUNDING = 1e-6  # by which CKA may exceed 1


class _Settings(BaseModel):
    """The `classify` section of an experiment alone."""

    classify: Classify


def classify(*, thresholds: Mapping[str, Any] | None = None, **numbers: float) -> Verdict:
    """Classify a cell of the grid into a phase, from the means of its metrics.

    By default, this is the rule of Yang et al. 2021. A cell is connected if its mode connectivity
    is at least minus the tolerance. It is flat (at the bottom of a minimum) if the Hessian's top
    eigenvalue, the training loss and mode connectivity do not exceed their thresholds. Phase I is
    neither, II is connected only, III is flat only, and IV is both: IV-B if CKA reaches its
    threshold, otherwise IV-A.

    Args:
        thresholds: the `classify` section of params.yaml as a mapping, which may also choose
            another rule; None: the defaults.
        numbers: the metrics that the rule needs: `train_loss` in nats, `top_eigenvalue` (or
            `trace`), `mode_connectivity` in percentage points of training error, and `cka`.

    Returns:
        The `phase`, the `reason` in words, and whether connectivity is `ambiguous`. The phase is
        `unclassified` if a number that the rule needs is missing or NaN.

    Raises:
        SpecError: if `thresholds` are invalid, or one is `auto`.
        TypeError: if the rule does not use one of the numbers, or an argument is of another type.
        ValueError: if CKA exceeds 1.

    Source: Yang et al. 2021, sections 3.1 and 5.

    >>> found = classify(train_loss=0.002, top_eigenvalue=11.0, mode_connectivity=-0.2, cka=0.8)
    >>> found.phase
    'IV-B'
    >>> classify(train_loss=0.002, top_eigenvalue=11.0, mode_connectivity=-7.0).reason
    'poorly connected: mc -7 < -1; flat: top eigenvalue 11 <= 76, training loss 0.002 <= 0.05'
    """
    if thresholds is not None and not isinstance(thresholds, Mapping):
        raise TypeError(f"thresholds: got {thresholds!r}; allowed: None or a mapping")
    try:
        rule = _Settings.model_validate({"classify": dict(thresholds or {})}).classify
    except ValidationError as error:
        raise SpecError(explain(error), "thresholds") from None
    if rule.is_automatic:
        given = "a threshold `auto`, which is found from a whole grid"
        raise SpecError([Problem("thresholds", given, "numbers, for a single cell")])
    unknown = set(numbers) - set(rule.metrics)
    if unknown:
        used = ", ".join(rule.metrics)
        raise TypeError(f"the rule does not use {', '.join(sorted(unknown))}; it uses {used}")
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{name}: got {value!r}; allowed: a number, NaN if it is missing")
    if numbers.get("cka", 0.0) > 1 + ROUNDING:
        raise ValueError(f"cka: got {numbers['cka']!r}; allowed: at most 1")
    return rule.classify(CellNumbers(1, 1, numbers))
