"""Published results in the project's words: what an importer reads, before it becomes tables.

What a source lacks is None (in text and whole numbers) or NaN (in measured numbers). Both become
NULL in the tables; neither ever becomes zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from landscape_catalog.metrics.estimate import ErrorKind
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.schema.tables import Row

LOGARITHM = "natural logarithm"  # the unit of what is published as a logarithm


@dataclass(frozen=True)
class Source:
    """Where the results come from.

    Attributes:
        format: name of the importer.
        sha256: of the file; of a folder, over the names and contents of what was read of it.
        file: name of the file or folder, without its path.
        citation: short, as in the column `source` of `cell_metrics`.
        url: where it was published.
        note: what a reader should know about it.
        stated: what decides the tables besides the file, such as a mapping of columns. It is part
            of all ids.
    """

    format: str
    sha256: str
    file: str
    citation: str
    url: str | None = None
    note: str | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedMetric:
    """A metric of the source.

    Attributes:
        name: in the catalog. A name of the project stands for the project's definition; what was
            measured otherwise has a method that says so, or a name of its own.
        method: how it was measured, in words.
        unit: None if it is dimensionless or unknown.
        probe: name of the probe.
        n_unit: what `Observation.n` counts.
        of_pairs: whether its observations are of pairs of runs.
    """

    name: str
    method: str
    unit: str | None = None
    probe: str = PRIMARY
    n_unit: str | None = None
    of_pairs: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Name and probe."""
        return self.name, self.probe


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


@dataclass(frozen=True)
class PublishedProbe:
    """A row of the table `probes`: how a metric with settings was measured."""

    metric: str
    name: str
    title: str
    method: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class PublishedGrid:
    """All results of a source.

    Attributes:
        source: where they come from.
        dataset: name of the dataset, the project's own if it has it.
        model: name of the network, likewise.
        kind: of the data.
        axes: dotted paths of the coordinates, in the order of the grid.
        fixed: parameters that all cells have in common, by dotted path.
        sections: sections `train` and `measure` of the specification, as far as they are known.
        metrics: every metric, in order.
        cells: every cell.
        probes: how metrics with settings were measured.
        performance_metric: by which cells are ranked.
        landscape: columns of the table `landscapes` that all cells have in common.
        settings: sections `classify` and `report` with which an import starts.
        lacks: what the source does not say, in words for the one who imports it.
        notes: what else they should know.
    """

    source: Source
    dataset: str | None
    model: str | None
    kind: str | None
    axes: tuple[str, ...]
    metrics: tuple[PublishedMetric, ...]
    cells: tuple[PublishedCell, ...]
    settings: Mapping[str, Any]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    sections: Mapping[str, Any] = field(default_factory=dict)
    probes: tuple[PublishedProbe, ...] = ()
    performance_metric: str = "test_accuracy"
    landscape: Row = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def values(self, path: str) -> list[Any]:
        """The distinct values of a coordinate: numbers in ascending order, text as it comes."""
        found = list(dict.fromkeys(cell.coordinates[path] for cell in self.cells))
        numeric = all(isinstance(value, (int, float)) for value in found)
        return sorted(found) if numeric else found

    @property
    def ordered_cells(self) -> list[PublishedCell]:
        """The cells in the order of the grid, the first axis outermost."""
        places = {
            path: {value: i for i, value in enumerate(self.values(path))} for path in self.axes
        }
        return sorted(
            self.cells,
            key=lambda cell: [places[path][cell.coordinates[path]] for path in self.axes],
        )


def repeated_coordinates(cells: Iterable[PublishedCell]) -> Iterator[Mapping[str, Any]]:
    """The coordinates of every cell that there has been before."""
    seen = set()
    for cell in cells:
        key = tuple(sorted(cell.coordinates.items()))
        if key in seen:
            yield cell.coordinates
        seen.add(key)


def in_words(coordinates: Mapping[str, Any]) -> str:
    """A cell's coordinates for messages.

    >>> in_words({"load.width": 2, "temperature.batch_size": 16})
    'width 2, batch size 16'
    """
    return ", ".join(
        f"{path.rsplit('.', 1)[-1].replace('_', ' ')} {value}"
        for path, value in coordinates.items()
    )
