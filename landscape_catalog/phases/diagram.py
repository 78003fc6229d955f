"""A phase diagram as arrays: the axes of a grid, and where each cell lies on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from landscape_catalog.schema.parameters import are_numbers, parameter


@dataclass(frozen=True)
class DiagramAxis:
    """A parameter that varies over the cells.

    Attributes:
        path: its dotted path, such as `temperature.batch_size`.
        values: distinct values, ordered towards less load or towards a higher temperature. Values
            that are not numbers have no order; they are in order of appearance.
    """

    path: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, path: str, values: Sequence[Any]) -> DiagramAxis:
        """The axis with the distinct values among those given.

        >>> DiagramAxis.of("temperature.batch_size", [16, 64, 16]).values
        (64, 16)
        """
        distinct = tuple(dict.fromkeys(values))
        if are_numbers(distinct):
            distinct = tuple(sorted(distinct, reverse=parameter(path).descending))
        return cls(path, distinct)

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers."""
        return are_numbers(self.values)

    @property
    def is_temperature(self) -> bool:
        """Whether it is temperature-like; the others are load-like."""
        return self.path.startswith("temperature.")

    @property
    def name(self) -> str:
        """The parameter's own name, such as `batch_size`."""
        return self.path.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Diagram:
    """The cells of one experiment: their coordinates, and the means of their metrics.

    Every array has one entry per cell, in the order of the grid; NaN where nothing is known.

    Attributes:
        axes: parameters with several values, load-like ones first.
        variants: names of the variants.
        cell_ids: ids of the cells.
        places: (cells, axes), the index of each cell's value on each axis.
        variant: index of each cell's variant.
        n_runs: number of runs of each cell.
        n_converged: number of runs that have converged.
        means: mean over converged runs, or pairs of them, by metric.
        sds: standard deviation over them.
        counts: their number; 0 where unknown.
        standard_errors: of the mean over runs.
        measurement_errors: error of the mean due to the errors of the estimates.
        performance: the metric by which cells are ranked, such as `test_accuracy`.
        higher_is_better: whether a high value of it is good.
        phases: name of each cell's phase; empty if the cells have not been classified.
        fixed: parameters with a single value, by dotted path.
        units: of the metrics, as far as they are known.
        rates: the learning rate of each cell's runs, where it is known to be constant and that of
            SGD; None if it is not known for any.
        momenta: the momentum of the same.
    """

    axes: tuple[DiagramAxis, ...]
    variants: tuple[str, ...]
    cell_ids: tuple[str, ...]
    places: np.ndarray
    variant: np.ndarray
    n_runs: np.ndarray
    n_converged: np.ndarray
    means: Mapping[str, np.ndarray]
    sds: Mapping[str, np.ndarray] = field(default_factory=dict)
    counts: Mapping[str, np.ndarray] = field(default_factory=dict)
    standard_errors: Mapping[str, np.ndarray] = field(default_factory=dict)
    measurement_errors: Mapping[str, np.ndarray] = field(default_factory=dict)
    performance: str = "test_accuracy"
    higher_is_better: bool = True
    phases: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    rates: np.ndarray | None = None
    momenta: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.cell_ids)

    def mean(self, metric: str) -> np.ndarray:
        """The mean of a metric for each cell, (cells,); all NaN if it is not in the data."""
        return self.means.get(metric, self._unknown)

    def axis(self, path: str) -> int:
        """The position of an axis among `axes`. Raises ValueError if there is none."""
        return [axis.path for axis in self.axes].index(path)

    def parameter(self, path: str) -> np.ndarray | None:
        """A parameter's value for each cell, (cells,), whether it varies or not; None if unknown.

        Args:
            path: dotted, such as `load.width`.
        """
        for i, axis in enumerate(self.axes):
            if axis.path == path:
                return np.array(axis.values)[self.places[:, i]]
        if path in self.fixed:
            return np.full(len(self), self.fixed[path])
        return None

    def lines(self, path: str) -> list[np.ndarray]:
        """The cells along an axis: one array of indices for each setting of everything else.

        Args:
            path: of the axis.

        Returns:
            Indices of cells in the order of the axis, towards less load or a higher temperature;
            cells that the grid lacks are left out.
        """
        along = self.axis(path)
        others = [i for i in range(len(self.axes)) if i != along]
        keys = np.column_stack([self.variant, self.places[:, others]])
        order = np.lexsort((self.places[:, along], *keys.T[::-1]))
        if not len(order):
            return []
        changes = np.any(np.diff(keys[order], axis=0) != 0, axis=1)
        return np.split(order, np.flatnonzero(changes) + 1)

    @cached_property
    def landscapes(self) -> np.ndarray:
        """The number of each cell's landscape, the same at every temperature, (cells,)."""
        loads = [i for i, axis in enumerate(self.axes) if not axis.is_temperature]
        keys = np.column_stack([self.variant, self.places[:, loads]])
        found: np.ndarray = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
        return found

    @cached_property
    def temperature_axes(self) -> tuple[DiagramAxis, ...]:
        """The temperature-like axes whose values have an order."""
        return tuple(axis for axis in self.axes if axis.is_temperature and axis.is_ordered)

    @cached_property
    def load_axes(self) -> tuple[DiagramAxis, ...]:
        """The load-like axes whose values have an order."""
        return tuple(axis for axis in self.axes if not axis.is_temperature and axis.is_ordered)

    @cached_property
    def _unknown(self) -> np.ndarray:
        return np.full(len(self), np.nan)
