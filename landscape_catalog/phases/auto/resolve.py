"""The thresholds of the paper's rule, found from a grid where they stand as `auto`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Union

import numpy as np

from landscape_catalog.phases.auto.connectivity import connectivity_tolerance
from landscape_catalog.phases.auto.edges import LOSS, find_edges
from landscape_catalog.phases.auto.found import AUTO, FoundThreshold
from landscape_catalog.phases.auto.sharpness import hessian_threshold, loss_threshold
from landscape_catalog.phases.auto.similarity import cka_threshold
from landscape_catalog.phases.auto.stability import stability_default
from landscape_catalog.phases.diagram import Diagram

TOLERANCE, HESSIAN, CKA = "connectivity.tolerance", "hessian.threshold", "cka.threshold"
Setting = Union[float, Literal["auto"], None]


def find_thresholds(
    diagram: Diagram,
    settings: Mapping[str, Setting],
    defaults: Mapping[str, float],
    metric: str,
) -> tuple[FoundThreshold, ...]:
    """Every threshold that is `auto`: first those between sharp and flat, then mc's, then CKA's.

    Args:
        diagram: the cells.
        settings: number, `auto` or None by name: `connectivity.tolerance`, `hessian.threshold`,
            `cka.threshold`, `train_loss`.
        defaults: what a threshold falls back on, by name.
        metric: of the Hessian.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of metrics that are infinite or huge
        return _found(diagram, settings, defaults, metric)


def _found(
    diagram: Diagram,
    settings: Mapping[str, Setting],
    defaults: Mapping[str, float],
    metric: str,
) -> tuple[FoundThreshold, ...]:
    found: list[FoundThreshold] = []
    effect: dict[str, float | None] = {
        name: None if value is None or value == AUTO else float(value)
        for name, value in settings.items()
    }

    def add(threshold: FoundThreshold) -> None:
        found.append(threshold)
        effect[threshold.name] = threshold.value

    if AUTO in (settings[LOSS], settings[HESSIAN]):
        edges = find_edges(diagram, metric)
        if settings[LOSS] == AUTO:
            add(loss_threshold(diagram, edges, defaults[LOSS]))
        if settings[HESSIAN] == AUTO:
            tolerance = effect[TOLERANCE]
            found_hessian = hessian_threshold(
                diagram,
                edges,
                stability_default(diagram, metric, defaults[HESSIAN]),
                train_loss=effect[LOSS],
                tolerance=defaults[TOLERANCE] if tolerance is None else tolerance,
            )
            add(found_hessian)
    flat = diagram.mean(metric) <= _known(effect[HESSIAN])
    if effect[LOSS] is not None:
        flat = flat & (diagram.mean(LOSS) <= _known(effect[LOSS]))
    if settings[TOLERANCE] == AUTO:
        add(connectivity_tolerance(diagram, flat, defaults[TOLERANCE]))
    if settings[CKA] == AUTO:
        connected = np.abs(diagram.mean("mode_connectivity")) <= _known(effect[TOLERANCE])
        add(cka_threshold(diagram, flat & connected, defaults[CKA]))
    return tuple(found)


def _known(value: float | None) -> float:
    assert value is not None
    return value
