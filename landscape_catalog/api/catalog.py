"""The catalog of a project: its tables, queries to them, and its trained runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landscape_catalog.api.stored_run import StoredRun
from landscape_catalog.catalog import TABLES, query, read_tables
from landscape_catalog.catalog.parquet import read_fingerprint
from landscape_catalog.errors import QueryError
from landscape_catalog.paths import Project
from landscape_catalog.runner.worker_cache import WorkerCache

if TYPE_CHECKING:
    import polars as pl


class Catalog:
    """What `landscape aggregate` has made of a project's results, read-only.

    Every file is verified against its checksum when it is read. `landscape sql` asks the same
    object. Made by `open_catalog`, and by measuring a cell of an `Experiment`.
    """

    def __init__(self, project: Project, folder: Path | None = None) -> None:
        self._project = project
        self._tables = project.catalog if folder is None else folder / "catalog"
        self._database = project.database if folder is None else folder / "catalog.duckdb"
        self._cache = WorkerCache()  # of prepared data, for the networks of several runs

    def __repr__(self) -> str:
        return f"<Catalog in {self._tables}>"

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables; schemas/catalog.sql says what each column is."""
        return tuple(TABLES)

    def table(self, name: str) -> pl.DataFrame:
        """One of the tables as it is stored.

        Raises:
            QueryError: if there is no such table.
            MissingArtifactError: if there is no catalog yet.
            DamagedFileError: if a file does not hold what was written.
        """
        if name not in TABLES:
            raise QueryError(f"there is no table `{name}`; there are {', '.join(TABLES)}")
        return read_tables(self._tables)[name]

    @property
    def cells(self) -> pl.DataFrame:
        """A row a cell: its parameters, its phase, and the mean, spread, count and status of
        every metric. Raises as `table`."""
        return self.sql("SELECT * FROM cells")

    @property
    def runs(self) -> pl.DataFrame:
        """A row a run: cell, seed, status, loss and error. Raises as `table`."""
        return self.table("runs")

    def sql(self, sql: str, *, plain: bool = False) -> pl.DataFrame:
        """The rows of one SQL query, as DuckDB understands it.

        Args:
            sql: one statement that returns rows.
            plain: give columns of other types than numbers, truth values and text as text.

        Raises:
            QueryError: if the SQL is wrong, is not one statement, or would write.
            MissingArtifactError: if there is no catalog yet.
        """
        return query(sql, tables=self._tables, database=self._database, plain=plain)

    def run(self, run_id: str) -> StoredRun:
        """A trained run.

        Raises:
            MissingArtifactError: if there is no such run.
            DamagedFileError: if a file does not hold what was written.
        """
        return StoredRun(self._project, run_id, self._cache)


def open_catalog(root: str | Path = ".") -> Catalog:
    """The catalog of the project (or study) whose params.yaml lies in the folder `root`.

    Raises:
        MissingArtifactError: if it has no catalog yet.
        DamagedFileError: if its manifest does not hold what was written.
    """
    project = Project(Path(root))
    read_fingerprint(project.catalog)
    return Catalog(project)
