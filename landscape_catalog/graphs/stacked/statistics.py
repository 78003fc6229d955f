"""Batch-norm statistics of all layers of stacked networks, each kind in one vector."""

from __future__ import annotations

from torch import Tensor

from landscape_catalog.graphs.folding import Statistics
from landscape_catalog.graphs.operations import TracedGraph
from landscape_catalog.graphs.stacked.layer import Weights


class StackedStatistics:
    """Statistics of the present batch, and running ones, which begin at mean 0 and variance 1.

    Attributes:
        running: views of the running means and variances, (T, channels) by the layer's name.
    """

    def __init__(self, graph: TracedGraph, weights: Weights) -> None:
        scales = {op.layer: weights[op.weight] for op in graph.operations if op.kind == "norm"}
        like = next(iter(weights.values()))
        self._layers = {layer: scale.shape for layer, scale in scales.items()}
        length = sum(shape.numel() for shape in self._layers.values())
        self._mean, self._squares, self._running_mean = (like.new_zeros(length) for _ in range(3))
        self._running_variance, self._freedom = like.new_ones(length), like.new_ones(length)
        self.running = Statistics(
            self._views(self._running_mean), self._views(self._running_variance)
        )

    def _views(self, vector: Tensor) -> dict[str, Tensor]:
        parts = vector.split([shape.numel() for shape in self._layers.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self._layers.items(), parts)}

    def batch(self, layer: str, count: int) -> tuple[Tensor, Tensor]:
        """Where a layer writes its batch's mean and sum of squared deviations, (T, channels) each.

        Args:
            layer: name of the batch norm.
            count: number of values of each channel in a batch.
        """
        self._views(self._freedom)[layer].fill_(count - 1)
        return self._views(self._mean)[layer], self._views(self._squares)[layer]

    def update(self, momentum: float) -> None:
        """Move running means and running (unbiased) variances towards the batch's."""
        self._running_mean.lerp_(self._mean, momentum)
        self._running_variance.lerp_(self._squares / self._freedom, momentum)

    def load(self, statistics: Statistics) -> None:
        """Set the running statistics."""
        for kind in ("means", "variances"):
            for layer, view in getattr(self.running, kind).items():
                view.copy_(getattr(statistics, kind)[layer])
