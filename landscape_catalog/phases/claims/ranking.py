"""How well metrics rank cells: rank correlations of predictions for blocks that were left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from landscape_catalog.phases.claims.claim import UntestableError
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.resampling import Jackknifed, blocks_of, jackknife

FEWEST_CELLS = 40  # some five for each coefficient of three metrics
RIDGE = 1e-6  # relative; only so that metrics without variation have a solution


@dataclass(frozen=True)
class RankingTask:
    """Cells to be ranked by their performance, in blocks.

    Attributes:
        grid: the cells.
        metrics: each is known for all of the cells that are ranked.
    """

    grid: Grid
    metrics: tuple[str, ...]

    @cached_property
    def cells(self) -> np.ndarray:
        """Indices of the cells of which performance and all metrics are known."""
        known = np.isfinite(self.grid.performance)
        for name in self.metrics:
            known &= np.isfinite(self.grid.metric(name))
        cells = np.flatnonzero(known)
        require_cells(len(cells))
        return cells

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Of the cells, (cells, axes): of their landscapes, if load varies.

        All temperatures of a landscape are in one block. Without a block of some temperatures only,
        the rest of the grid would have a load that depends on temperature, and metrics of the one
        would seem to rank by the other.
        """
        temperatures = [i for i, axis in enumerate(self.grid.axes) if axis.is_temperature]
        if not self.grid.load_paths:
            temperatures = []
        return np.delete(self.grid.coordinates[self.cells], temperatures, axis=1)

    @cached_property
    def blocks(self) -> np.ndarray:
        """The block of each cell; the same as those that the error is computed with."""
        return blocks_of(self.coordinates)

    @cached_property
    def target(self) -> np.ndarray:
        """The rank of each cell's performance among those of its variant, from -1 to 1."""
        return self._ranks(self.grid.performance)

    def correlation(
        self, metrics: Sequence[str], kept: np.ndarray, *, held_out: bool = True
    ) -> float:
        """Spearman's correlation of performance with what the metrics predict for it.

        The prediction is by least squares: additive, and quadratic in the rank of each metric,
        because connectivity and the Hessian may be best in the middle.

        Args:
            metrics: by which cells are ranked.
            kept: which of the cells take part, (cells,).
            held_out: whether each block is predicted by a fit on the others; otherwise the fit is
                on the cells that it predicts, which is the best that the metrics can do.
        """
        features = np.hstack([self._features[name] for name in metrics])
        design = np.column_stack([np.ones(len(features)), features])[kept]
        target, blocks = self.target[kept], self.blocks[kept]
        names, of_block = np.unique(blocks, return_inverse=True)
        groups = [of_block == b for b in range(len(names))]
        grams = np.array([design[group].T @ design[group] for group in groups])
        moments = np.array([design[group].T @ target[group] for group in groups])
        left, right = grams.sum(axis=0), moments.sum(axis=0)
        ridge = RIDGE * len(target) * np.eye(design.shape[1])
        weights = np.linalg.solve(
            left - held_out * grams + ridge, (right - held_out * moments)[..., None]
        )[..., 0]
        # Without the intercepts: they only say how good the other blocks are on average.
        predicted = np.sum((design * weights[of_block])[:, 1:], axis=1)
        return rank_correlation(predicted, target)

    @cached_property
    def _features(self) -> dict[str, np.ndarray]:
        found = {}
        for name in self.metrics:
            ranks = self._ranks(self.grid.metric(name))
            found[name] = np.column_stack([ranks, 1.5 * ranks**2 - 0.5])
        return found

    def _ranks(self, values: np.ndarray) -> np.ndarray:
        """Ranks from -1 to 1 within each variant."""
        from scipy import stats  # heavy, and only needed here and below

        variants, found = self.grid.diagram.variant[self.cells], np.zeros(len(self.cells))
        for variant in np.unique(variants):
            here = variants == variant
            ranks = stats.rankdata(values[self.cells][here])
            found[here] = (2 * ranks - 1) / here.sum() - 1
        return found


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation; 0 if one of them is constant."""
    from scipy import stats

    first, second = stats.rankdata(one), stats.rankdata(other)
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt(np.sum(first**2) * np.sum(second**2)))
    return float(np.sum(first * second)) / size if size > 0 else 0.0


def ranking_by(
    grid: Grid, metrics: Sequence[str], every: Sequence[str], *, held_out: bool = True
) -> Jackknifed:
    """The rank correlation of what some metrics predict with performance.

    Args:
        grid: the cells.
        metrics: by which cells are ranked.
        every: metrics that must be known for a cell to take part; `metrics` are among them.
        held_out: see `RankingTask.correlation`.

    Raises:
        UntestableError: if there are fewer than 40 cells.
    """
    task = RankingTask(grid, tuple(every))
    return jackknife(
        lambda kept: task.correlation(metrics, kept, held_out=held_out), task.coordinates, largest=1
    )


def ranking_gain(grid: Grid, metrics: Sequence[str], over: Sequence[str]) -> Jackknifed:
    """How much higher the rank correlation by some metrics is than by others at their best.

    The former are fitted on other blocks, the latter on the cells that they rank, so that a gain
    is not one by more freedom to fit.

    Raises:
        UntestableError: if there are fewer than 40 cells.
    """
    task = RankingTask(grid, tuple(dict.fromkeys((*metrics, *over))))
    return jackknife(
        lambda kept: task.correlation(metrics, kept) - task.correlation(over, kept, held_out=False),
        task.coordinates,
        largest=2,
    )


def require_cells(n_cells: int) -> None:
    """Raises UntestableError if there are fewer than 40 cells."""
    if n_cells < FEWEST_CELLS:
        raise UntestableError(
            f"too few cells with all of these metrics: {n_cells}, and {FEWEST_CELLS} are needed"
        )
