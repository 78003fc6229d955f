"""The numbers of a metric's result, each with its error."""

from __future__ import annotations

from typing import Any

from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.registry import METRICS


def estimates(*results: Any) -> dict[str, Estimate]:
    """The numbers of a metric's result, each with its error, by their names in the catalog.

    Args:
        results: a result of `hessian`, `mode_connectivity`, `line_barrier`, `cka` or `l2_distance`,
            or the field `measured` of a stored record. Several results of `mode_connectivity`, from
            fits with different seeds, are combined into their mean with its standard error.

    Returns:
        `Estimate`s: the `value`; its `error` and the `kind` of error (`exact`, `standard error`,
        `bound` or `unknown`); the number `n` of `n_unit` that it was computed from; its `unit`; its
        `status`; and the `reason` if it is missing or has not converged.

    Raises:
        TypeError: if there are no results, or they belong to different metrics.

    >>> from landscape_catalog.metrics.distance.spec import WeightDistance
    >>> found = estimates(WeightDistance(5.0, 0.0, 5.0, n=2))["l2_distance"]
    >>> found.value, found.error, found.kind
    (5.0, 0.0, 'exact')
    """
    names = {getattr(result, "metric", None) for result in results}
    name = names.pop() if len(names) == 1 else None
    if name not in METRICS:
        given = ", ".join(type(result).__name__ for result in results) or "nothing"
        raise TypeError(f"estimates takes the results of one metric, got {given}")
    return dict(METRICS[name].estimates(results))
