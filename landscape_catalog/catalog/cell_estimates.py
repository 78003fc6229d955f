"""The numbers of one cell, by metric and probe, as the rows about it need them."""

from __future__ import annotations

import math
from array import array

from landscape_catalog.catalog.estimates import ESTIMATE, estimate_rows
from landscape_catalog.catalog.results import CellResult, ExperimentResult
from landscape_catalog.catalog.shared_errors import MeanError, error_of_cell_mean
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.schema.tables import Row


class CellEstimates:
    """The rows of the table `estimates` about one cell.

    Args:
        cell: the cell.
        result: of the experiment.

    Attributes:
        cell: the cell.
        rows: all of them; those of runs that have not converged are in none of the others.
        counted: by metric and probe, those of converged runs and of their pairs.
    """

    def __init__(self, cell: CellResult, result: ExperimentResult) -> None:
        self.cell, self.rows = cell, estimate_rows(cell, result)
        self.counted: dict[tuple[str, str], list[Row]] = {}
        converged = {run.run.run_id for run in cell.converged}
        for row in self.rows:
            if row["run_id"] in converged:
                self.counted.setdefault((row["metric"], row["probe"]), []).append(row)
        self._values: dict[str, array[float]] = {}
        self._errors: dict[tuple[str, str], MeanError] = {}

    def known(self, metric: str, probe: str = PRIMARY) -> list[Row]:
        """Those of a metric that have a value, of which the cell's number is the mean."""
        return [row for row in self.counted.get((metric, probe), ()) if not _is_missing(row)]

    def values(self, metric: str) -> array[float]:
        """The values of a metric by its primary probe, which its mean is over."""
        if metric not in self._values:
            self._values[metric] = array("d", (row["value"] for row in self.known(metric)))
        return self._values[metric]

    def error(self, metric: str, probe: str = PRIMARY) -> MeanError:
        """The error of this mean by the errors of the values; there must be one."""
        key = (metric, probe)
        if key not in self._errors:
            known = self.known(metric, probe)
            self._errors[key] = error_of_cell_mean([row[ESTIMATE] for row in known])
        return self._errors[key]

    def primary(self, metric: str) -> list[Row]:
        """All rows of a metric's primary probe, also of runs that have not converged."""
        return [row for row in self.rows if (row["metric"], row["probe"]) == (metric, PRIMARY)]

    def stored(self) -> list[Row]:
        """The rows as the table has them, without the influences of each sample."""
        for row in self.rows:
            row.pop(ESTIMATE, None)
        return self.rows


def _is_missing(row: Row) -> bool:
    return math.isnan(row["value"])
