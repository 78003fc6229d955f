"""A diagram as the claims look at it: cells in canonical order, only converged numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cached_property

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.rule import NC

ACCURACY, ERROR = "test_accuracy", "test_error"
LABEL_NOISE = "load.label_noise"
HESSIANS = ("trace", "top_eigenvalue")


class Grid:
    """The cells of a diagram, sorted by their coordinates, so that their order has no influence.

    Numbers of cells that have not converged, and infinite numbers, are NaN.

    Args:
        diagram: the cells.
    """

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = sorted_diagram(diagram)
        self.axes: tuple[DiagramAxis, ...] = self.diagram.axes
        self.phases = np.array(self.diagram.phases or [""] * len(self.diagram), dtype=object)

    def __len__(self) -> int:
        return len(self.diagram)

    @cached_property
    def coordinates(self) -> np.ndarray:
        """(cells, axes + 1): the place on every axis, and the variant."""
        return np.column_stack([self.diagram.places, self.diagram.variant])

    @cached_property
    def converged(self) -> np.ndarray:
        """Whether a cell has converged: at least half of its runs, (cells,)."""
        if self.diagram.phases:
            return self.phases != NC.name
        n_runs = self.diagram.n_runs
        return 2 * (n_runs - self.diagram.n_converged) <= n_runs

    def metric(self, name: str) -> np.ndarray:
        """The mean of a metric for each converged cell, else NaN, (cells,)."""
        values = self.diagram.mean(name)
        return np.where(self.converged & np.isfinite(values), values, np.nan)

    def has(self, name: str) -> bool:
        """Whether any converged cell has a metric; `performance` is what cells are ranked by."""
        name = self.diagram.performance if name == "performance" else name
        return bool(np.isfinite(self.metric(name)).any())

    def among(self, *phases: str) -> np.ndarray:
        """Which cells are in one of the phases, (cells,)."""
        return np.isin(self.phases.astype(str), phases)

    @cached_property
    def in_percent(self) -> bool:
        """Whether accuracy is known in percent, and with it mode connectivity."""
        return self.has(ACCURACY) or self.has(ERROR)

    @cached_property
    def accuracy(self) -> np.ndarray:
        """Test accuracy in percent, or minus the test error, (cells,)."""
        return self.metric(ACCURACY) if self.has(ACCURACY) else -self.metric(ERROR)

    @cached_property
    def performance(self) -> np.ndarray:
        """What cells are ranked by; more is better, (cells,)."""
        values = self.metric(self.diagram.performance)
        return values if self.diagram.higher_is_better else -values

    @cached_property
    def barrier(self) -> np.ndarray:
        """How poorly connected a cell is, max(0, -mc), in points of training error, (cells,)."""
        return np.maximum(0.0, -self.metric("mode_connectivity"))

    @cached_property
    def ln_hessian(self) -> np.ndarray:
        """The logarithm of the Hessian's trace, or of its top eigenvalue, (cells,)."""
        name = next((one for one in HESSIANS if self.has(one)), HESSIANS[0])
        values = self.metric(name)
        return np.log(np.where(values > 0, values, np.nan))

    @cached_property
    def temperature_paths(self) -> tuple[str, ...]:
        """The temperature-like axes that have an order and several values."""
        return tuple(one.path for one in self.diagram.temperature_axes if len(one.values) > 1)

    @cached_property
    def load_paths(self) -> tuple[str, ...]:
        """The load-like axes that have an order and several values."""
        return tuple(one.path for one in self.diagram.load_axes if len(one.values) > 1)

    @cached_property
    def noisy(self) -> np.ndarray:
        """Which cells are trained on noisy labels, (cells,)."""
        values = self.diagram.parameter(LABEL_NOISE)
        if values is None:
            return np.zeros(len(self), dtype=bool)
        found: np.ndarray = values.astype(float) > 0
        return found

    @property
    def has_label_noise(self) -> bool:
        """Whether any cell is trained on noisy labels."""
        return bool(self.noisy.any())

    @cached_property
    def decay(self) -> tuple[int, int] | None:
        """Indices of the variants without and with learning-rate decay; None if there are none."""
        names = self.diagram.variants
        decayed = [i for i, name in enumerate(names) if "decay" in name.lower()]
        constant = [i for i in range(len(names)) if i not in decayed]
        return (constant[0], decayed[0]) if decayed and constant else None

    def lines(self, path: str) -> list[np.ndarray]:
        """Indices of the cells along an axis; see `Diagram.lines`."""
        return self.diagram.lines(path)

    def elsewhere(self, cells: np.ndarray, path: str) -> np.ndarray:
        """The coordinates of cells on all other axes than one, (cells, axes)."""
        return np.delete(self.coordinates[cells], self.diagram.axis(path), axis=1)


def sorted_diagram(diagram: Diagram) -> Diagram:
    """The same cells, sorted by variant and place."""
    order = np.lexsort((*diagram.places.T[::-1], diagram.variant))
    changed: dict[str, object] = {}
    for one in fields(diagram):
        value = getattr(diagram, one.name)
        if one.name in ("cell_ids", "phases"):
            changed[one.name] = tuple(value[i] for i in order) if value else ()
        elif isinstance(value, np.ndarray):
            changed[one.name] = value[order]
        elif isinstance(value, Mapping) and one.name not in ("fixed", "units"):  # per metric
            changed[one.name] = {name: array[order] for name, array in value.items()}
    return replace(diagram, **changed)  # type: ignore[arg-type]
