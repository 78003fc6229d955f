"""What a diagnosis model was fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action, Neighbour
from landscape_catalog.diagnosis.model.features import transformed
from landscape_catalog.diagnosis.model.parts import Finite, Part


class ReferenceAxis(Part):
    """An axis of the reference's grid."""

    path: str
    """Its dotted path."""
    values: tuple[Any, ...]
    """Its values, towards less load or a higher temperature."""


class Reference(Part):
    """The results that a model was fitted on."""

    name: str
    """Of the source, such as `current` or the name of an import."""
    experiment_id: str
    """The experiment."""
    classification_id: str
    """The experiment under its phase rule."""
    dataset: str
    """Name of the dataset."""
    model: str
    """Name of the network."""
    axes: tuple[ReferenceAxis, ...]
    """Of the whole grid."""
    n_cells: int
    """Number of cells that the model was fitted on."""
    n_grid: int
    """Number of cells of the whole grid, from which gains were computed."""
    citation: str | None = None
    """Where results of others were published."""
    measure: dict[str, Any] | None = None
    """How its cells were measured: the section `measure` of its experiment; null if unknown."""


class Feature(Part):
    """A metric or size that the model takes."""

    metric: str
    """Name of the metric, or dotted path of the size."""
    logarithmic: bool
    """Whether the model takes its natural logarithm."""
    low: Finite
    """Smallest value among the fitted cells, before the logarithm."""
    high: Finite
    """Largest value among the fitted cells."""
    unit: str = ""
    """Of its values."""
    method: str = ""
    """How it was measured, in words; empty if the source does not say."""


class ReferenceCells(Part):
    """The fitted cells, one entry of every list per cell."""

    ids: tuple[str, ...]
    """Ids of the cells."""
    coordinates: dict[str, tuple[Any, ...]]
    """Their parameters, by dotted path."""
    features: dict[str, tuple[Finite, ...]]
    """Values of the features, before the logarithm."""
    test_accuracy: tuple[Finite | None, ...]
    """The performance metric, such as test accuracy in percent; null where unknown."""
    phase: tuple[str, ...]
    """Name of the phase; empty if the cells were not classified."""
    gains: dict[Action, tuple[Finite, ...]]
    """Gain of each action over the whole grid, in percentage points of test accuracy."""

    @property
    def phase_prior(self) -> dict[str, float]:
        """The share of each phase among the fitted cells."""
        names, counts = np.unique([name for name in self.phase if name], return_counts=True)
        return {str(name): float(n / counts.sum()) for name, n in zip(names, counts)}

    def nearest(self, own: dict[str, float], n: int) -> tuple[Neighbour, ...]:
        """The cells with the most similar features, the nearest first.

        Args:
            own: known features by name, before the logarithm.
            n: number of cells.
        """
        if not own:
            return ()
        squares = []
        for name, value in own.items():
            theirs = transformed(name, np.array(self.features[name]))
            scale = float(np.std(theirs)) or 1.0
            squares.append(((theirs - transformed(name, np.array([value]))) / scale) ** 2)
        distances = np.sqrt(np.mean(squares, axis=0))
        return tuple(
            Neighbour(
                coordinates={path: values[i] for path, values in self.coordinates.items()},
                distance=float(distances[i]),
                phase=self.phase[i],
                test_accuracy=float("nan") if (found := self.test_accuracy[i]) is None else found,
            )
            for i in np.argsort(distances, kind="stable")[:n].tolist()
        )
