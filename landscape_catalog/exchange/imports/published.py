"""Cells of a published grid: the numbers of runs, pairs and whole cells.

What a source lacks is None (in text and whole numbers) or NaN (in measured numbers). Both become
NULL in the tables; neither ever becomes zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from landscape_catalog.metrics.estimate import ErrorKind
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.schema.tables import Row


@dataclass(frozen=True)
class Observation:
    """A number that was measured on one run or on one pair of runs.

    Attributes:
        metric: its name.
        seeds: of the run, or of the two runs of the pair.
        value: NaN if it is missing.
        probe: name of the probe.
        error: standard error of the value; NaN if unknown.
        n: how many draws it is a mean of; None if unknown.
        reason: why it is missing.
    """

    metric: str
    seeds: tuple[int, ...]
    value: float
    probe: str = PRIMARY
    error: float = math.nan
    n: int | None = None
    reason: str | None = None

    @property
    def error_kind(self) -> ErrorKind:
        """A standard error, or unknown."""
        return "unknown" if math.isnan(self.error) else "standard error"


@dataclass(frozen=True)
class PublishedMean:
    """A number that was published for a whole cell.

    Attributes:
        metric: its name.
        value: NaN if it is missing.
        probe: name of the probe.
        n: of how many runs or pairs it is the mean; None if unknown.
        sd: standard deviation over them; None if unknown.
        standard_error: of the mean over runs; None if unknown.
        reason: why it is missing.
    """

    metric: str
    value: float
    probe: str = PRIMARY
    n: int | None = None
    sd: float | None = None
    standard_error: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class PublishedRun:
    """A run of a cell.

    Attributes:
        seed: its seed.
        columns: its columns of the table `runs`, as far as they are known.
        nc_reason: why it has not converged by the project's rule; None if it has.
        judged: whether that is known, i.e. whether its training loss is.
        hessian: its columns of the table `hessians`; empty if it has none.
        epochs: its rows of the table `epochs`.
    """

    seed: int
    columns: Row = field(default_factory=dict)
    nc_reason: str | None = None
    judged: bool = True
    hessian: Row = field(default_factory=dict)
    epochs: tuple[Row, ...] = ()


@dataclass(frozen=True)
class PairRow:
    """A row about a pair of runs in one of the tables that have a row for each pair.

    Attributes:
        table: its name: `pairs`, `similarities`, `curves` or `curve_points`.
        seeds: of the two runs.
        columns: the row without its key.
    """

    table: str
    seeds: tuple[int, int]
    columns: Row


@dataclass(frozen=True)
class PublishedCell:
    """A cell of the grid.

    Attributes:
        coordinates: its parameters by dotted path, such as `load.width`: they identify it.
        n_runs: as published.
        means: numbers of the whole cell.
        runs: its runs.
        observations: numbers of its runs and pairs.
        pair_rows: further rows about its pairs.
        n_parameters: of the network.
        facts: what else is said of it, by name: text or numbers that are no metric.
        missing: why a metric is missing, by name.
    """

    coordinates: Mapping[str, Any]
    n_runs: int | None
    means: tuple[PublishedMean, ...] = ()
    runs: tuple[PublishedRun, ...] = ()
    observations: tuple[Observation, ...] = ()
    pair_rows: tuple[PairRow, ...] = ()
    n_parameters: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def converged(self) -> set[int]:
        """Seeds of the runs that are not known not to have converged."""
        return {run.seed for run in self.runs if run.nc_reason is None}


def in_words(coordinates: Mapping[str, Any]) -> str:
    """A cell's coordinates for messages.

    >>> in_words({"load.width": 2, "temperature.batch_size": 16})
    'width 2, batch size 16'
    """
    return ", ".join(
        f"{path.rsplit('.', 1)[-1].replace('_', ' ')} {value}"
        for path, value in coordinates.items()
    )
