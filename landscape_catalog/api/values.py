"""Every number of a result with its error."""

from __future__ import annotations

from typing import Any

from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.registry import METRICS


def estimates(*results: Any) -> dict[str, Estimate]:
    """The numbers of a metric's result, by their names in the catalog, each with its error.

    Args:
        results: what one metric gave: `hessian`, `mode_connectivity`, `line_barrier`, `cka`,
            `l2_distance`, or the `measured` of a stored record. Of several results of
            `mode_connectivity`, from fits with different seeds, the mean and its standard error.

    Returns:
        `Estimate`s: `value`, `error`, its `kind` (`exact`, `standard error`, `bound`, `unknown`),
        `n` of `n_unit` it was computed from, `unit`, `status` and the `reason` why a number is
        missing or has not converged.

    Raises:
        TypeError: if there is no result, or one is of another metric than the first.

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
