"""The natural scale of an axis: logarithmic or linear, and how much of it belongs to each value."""

from __future__ import annotations

import math

import numpy as np

from landscape_catalog.phases.diagram import DiagramAxis
from landscape_catalog.schema.parameters import parameter


def is_logarithmic(axis: DiagramAxis) -> bool:
    """Whether the parameter's scale is logarithmic and all values are positive."""
    usual = parameter(axis.path).scale
    return axis.is_ordered and usual == "log" and all(value > 0 for value in axis.values)


def positions(axis: DiagramAxis) -> np.ndarray:
    """Where the values lie on the natural scale, (values,); 0, 1, 2, ... if they have no order.

    A logarithmic scale is in units of log2, so that a distance of 1 is a factor of 2.

    >>> positions(DiagramAxis.of("load.width", [2, 8, 16])).tolist()
    [1.0, 3.0, 4.0]
    """
    if not axis.is_ordered:
        return np.arange(len(axis.values), dtype=float)
    values = np.array(axis.values, dtype=float)
    return np.log2(values) if is_logarithmic(axis) else values


def lengths(axis: DiagramAxis) -> np.ndarray:
    """How much of the axis belongs to each value, (values,), as fractions of the whole.

    Edges are midway between neighbours; the outermost cells are symmetric about their values, as in
    the drawn diagram. Values without an order, and a single value, have equal parts.

    >>> lengths(DiagramAxis.of("load.width", [1, 4, 8])).round(3).tolist()
    [0.444, 0.333, 0.222]
    """
    n = len(axis.values)
    if n < 2 or not axis.is_ordered:
        return np.full(n, 1 / max(n, 1))
    steps = np.abs(np.diff(positions(axis)))
    found = (np.append(steps[0], steps) + np.append(steps, steps[-1])) / 2
    return np.asarray(found / found.sum())


def between(axis: DiagramAxis, low: int, high: int) -> float:
    """The value midway between two values on the natural scale: geometric mean if logarithmic.

    Args:
        axis: with ordered values.
        low: index of one value.
        high: index of the other.

    >>> between(DiagramAxis.of("temperature.batch_size", [32, 128]), 0, 1)
    64.0
    """
    one, other = float(axis.values[low]), float(axis.values[high])
    return math.sqrt(one * other) if is_logarithmic(axis) else (one + other) / 2
