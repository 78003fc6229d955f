"""The catalog of a project: its tables, SQL queries on them, and its trained runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landscape_catalog.api.stored_run import StoredRun
from landscape_catalog.catalog import TABLES, Limits, query, read_tables
from landscape_catalog.catalog.parquet import read_fingerprint
from landscape_catalog.errors import QueryError
from landscape_catalog.paths import Project
from landscape_catalog.runner.worker_cache import WorkerCache

if TYPE_CHECKING:
    import polars as pl


class Catalog:
    """The tables that `landscape aggregate` builds from a project's results, read-only.

    Every file is verified against its checksum when it is read. `landscape sql` uses the same
    object. Returned by `open_catalog` and by `ExperimentCell.measure`.
    """

    def __init__(self, project: Project, folder: Path | None = None) -> None:
        self._project = project
        self._tables = project.catalog if folder is None else folder / "catalog"
        self._cache = WorkerCache()  # prepared data, shared by the networks of several runs

    def __repr__(self) -> str:
        return f"<Catalog in {self._tables}>"

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables; schemas/catalog.sql describes their columns."""
        return tuple(TABLES)

    def table(self, name: str) -> pl.DataFrame:
        """One of the tables, as stored.

        Raises:
            QueryError: if there is no such table.
            MissingArtifactError: if there is no catalog yet.
            DamagedFileError: if a file does not match its checksum.
        """
        if name not in TABLES:
            raise QueryError(f"there is no table `{name}`; there are {', '.join(TABLES)}")
        return read_tables(self._tables)[name]

    @property
    def cells(self) -> pl.DataFrame:
        """One row per cell: its parameters, its phase with its probability (null if unknown), the
        second phase, and the mean, standard deviation, count and status of every metric. Raises the
        errors of `table`."""
        return self.sql("SELECT * FROM cells")

    @property
    def runs(self) -> pl.DataFrame:
        """One row per run: cell, seed, status, loss and error. Raises the errors of `table`."""
        return self.table("runs")

    def sql(
        self,
        sql: str,
        *,
        plain: bool = False,
        timeout: float | None = None,
        memory: int | None = None,
    ) -> pl.DataFrame:
        """The result of one SQL query in DuckDB's dialect.

        The query sees the tables of the catalog and nothing else. If a column's name occurs again,
        it gets a number: `SELECT a.mean, b.mean` has the columns `mean` and `mean_1`.

        Args:
            sql: a single statement that returns rows.
            plain: whether to convert columns to text unless they hold numbers, booleans or text.
            timeout: the most seconds that it may take; None: no limit.
            memory: the most bytes that it may use; None: no limit.

        Raises:
            QueryError: if the SQL is invalid, is not a single query, or exceeds a limit.
            MissingArtifactError: if there is no catalog yet.
            DamagedFileError: if a file does not match its checksum.
        """
        limits = Limits(timeout, memory)
        return query(sql, tables=self._tables, plain=plain, limits=limits)

    def run(self, run_id: str) -> StoredRun:
        """A trained run.

        Raises:
            MissingArtifactError: if there is no such run.
            DamagedFileError: if a file does not match its checksum.
        """
        return StoredRun(self._project, run_id, self._cache)


def open_catalog(root: str | Path = ".") -> Catalog:
    """Open the catalog of the project (or study) in the folder `root`.

    Raises:
        MissingArtifactError: if it has no catalog yet.
        DamagedFileError: if its manifest does not match its checksum.
    """
    project = Project(Path(root))
    read_fingerprint(project.catalog)
    return Catalog(project)
