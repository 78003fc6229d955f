"""Diagrams with planted phases, errors and noise."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis

WIDTH, SAMPLES, NOISE = "load.width", "load.samples", "load.label_noise"
BATCH, RATE = "temperature.batch_size", "temperature.lr"
WIDTHS, BATCHES = (1, 2, 4, 8, 16, 32), (1024, 512, 256, 128, 64, 32, 16)

Point = dict[str, Any]


def diagram(
    axes: Mapping[str, Sequence[Any]],
    phase: Callable[[Point], str] | None = None,
    variants: tuple[str, ...] = ("base",),
    **more: Any,
) -> Diagram:
    """A full grid; a point has the values of its parameters and its `variant`.

    Args:
        axes: values by dotted path.
        phase: the phase of each point.
        variants: their names.
        more: fields of the diagram; functions in `means` and the like are called with the points.
    """
    of_path = tuple(DiagramAxis.of(path, values) for path, values in axes.items())
    points = [
        {**dict(zip(axes, values)), "variant": variant}
        for variant in variants
        for values in itertools.product(*(axis.values for axis in of_path))
    ]
    n = len(points)
    places = [[axis.values.index(point[axis.path]) for axis in of_path] for point in points]
    for name in ("means", "standard_errors", "counts"):
        given = more.get(name, {})
        more[name] = {
            metric: np.array([value(point) for point in points], dtype=float)
            if callable(value)
            else value
            for metric, value in given.items()
        }
    return Diagram(
        axes=of_path,
        variants=variants,
        cell_ids=tuple(f"cell {i}" for i in range(n)),
        places=np.array(places, dtype=int).reshape(n, len(of_path)),
        variant=np.array([variants.index(point["variant"]) for point in points], dtype=int),
        n_runs=np.full(n, 5),
        n_converged=np.full(n, 5),
        phases=tuple(phase(point) for point in points) if phase else (),
        **more,
    )  # fmt: skip


def line_of(phases: Sequence[str], path: str, values: Sequence[Any]) -> Diagram:
    """A diagram with a single axis, whose values are given in the order of the phases."""
    of_value = dict(zip(values, phases))
    return diagram({path: values}, lambda point: of_value[point[path]])
