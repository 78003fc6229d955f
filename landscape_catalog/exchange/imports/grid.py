"""A published grid in the project's words: what an importer reads, before it becomes tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from landscape_catalog.exchange.imports.published import PublishedCell
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
