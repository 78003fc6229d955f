"""The numbers of a metric's result, each with its error."""

from __future__ import annotations

from typing import Any

from landscape_catalog.metrics.connectivity.spec import ConnectivityMetric
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.registry import METRICS


def estimates(*results: Any) -> dict[str, Estimate]:
    """The numbers of a metric's result, each with its error, by their names in the catalog.

    Args:
        results: a result of `hessian`, `mode_connectivity`, `line_barrier`, `cka` or `l2_distance`,
            or the field `measured` of a stored record. Several results of `mode_connectivity`, from
            fits with different seeds, are combined into their mean with its standard error; of the
            other metrics, pass one result at a time.

    Returns:
        `Estimate`s: the `value`; its `error` and the `kind` of error (`exact`, `standard error`,
        `bound` or `unknown`); the number `n` of `n_unit` that it was computed from; its `unit`; its
        `status`; and the `reason` if it is missing or has not converged.

    Raises:
        TypeError: if there are no results, or they belong to different metrics.
        ValueError: if there are several results of a metric other than mode connectivity, or their
            units or quantities differ.

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
    if len(results) > 1 and name != ConnectivityMetric.name:
        raise ValueError(
            f"got {len(results)} results of {type(results[0]).__name__}; allowed: one at a time, "
            "since only several fits of mode connectivity have a common mean"
        )
    kinds = {
        f"{getattr(result, 'quantity', '')} in {getattr(result, 'unit', '') or 'no unit'}"
        for result in results
    }
    if len(kinds) > 1:
        raise ValueError(
            f"got results of different quantities or units ({'; '.join(sorted(kinds))}); allowed: "
            "fits with the same loss"
        )
    return dict(METRICS[name].estimates(results))
