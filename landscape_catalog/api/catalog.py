"""The catalog of a project: its tables, SQL queries on them, and its trained runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from landscape_catalog.api.stored_run import StoredRun
from landscape_catalog.catalog import Limits, query
from landscape_catalog.catalog.ddl import STORED
from landscape_catalog.catalog.description import described_columns
from landscape_catalog.catalog.origins import load, scan
from landscape_catalog.catalog.sources import CURRENT, MOST_NAMES, Source, chosen_sources
from landscape_catalog.errors import QueryError
from landscape_catalog.paths import Project
from landscape_catalog.runner.worker_cache import WorkerCache

if TYPE_CHECKING:
    from landscape_catalog.phases.facts import Facts

_EXPERIMENTS = """
    SELECT e.*, p.phases, s.found
    FROM experiments AS e
    LEFT JOIN (
        SELECT origin, classification_id, list(phase || ' ' || n ORDER BY phase) AS phases
        FROM (SELECT origin, classification_id, phase, count(*) AS n FROM phases GROUP BY ALL)
        GROUP BY ALL
    ) AS p USING (origin, classification_id)
    LEFT JOIN (
        SELECT origin, list(DISTINCT coalesce(refs, revision, file, name)) AS found
        FROM sources GROUP BY ALL
    ) AS s USING (origin)
    ORDER BY e.origin
"""


class Catalog:
    """The tables of one or several sources of results, read-only.

    The current experiment's are those that `landscape aggregate` builds; others are imported and
    collected. Every file is verified against its checksum when it is read. `landscape sql` uses the
    same object. Returned by `open_catalog` and by `ExperimentCell.measure`.
    """

    def __init__(self, project: Project, sources: Sequence[Source]) -> None:
        self._project = project
        self._sources = tuple(sources)
        self._cache = WorkerCache()  # prepared data, shared by the networks of several runs

    def __repr__(self) -> str:
        names = ", ".join(source.name for source in self._sources[:5])
        more = ", ..." if len(self._sources) > 5 else ""
        return f"<Catalog of {names}{more}>"

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables; `describe` has their columns."""
        return tuple(STORED)

    def describe(self, table: str | None = None) -> pl.DataFrame:
        """Every column of a table or view with its type, unit and meaning; None: of all of them.

        Raises:
            QueryError: if there is no such table or view.
        """
        return described_columns(table)

    def scan(self, name: str) -> pl.LazyFrame:
        """One of the tables as a lazy frame, of which a query reads no more than it needs.

        The last column, `origin`, is the source of each row. Files are verified at once; tables of
        imports and of an earlier schema are also read at once.

        Raises:
            QueryError: if there is no such table.
            MissingArtifactError: if there is no catalog yet.
            DamagedFileError: if a file does not match its checksum.
        """
        _require_table(name)
        return self.table(name).lazy() if name == "sources" else scan(self._sources, name)

    def table(self, name: str) -> pl.DataFrame:
        """One of the tables, with the source of each row in the last column, `origin`.

        Raises the errors of `scan`.
        """
        _require_table(name)
        loaded = load(self._sources, [name])
        if name == "sources":
            return loaded.sources
        return loaded.frame(name)

    @property
    def cells(self) -> pl.DataFrame:
        """One row per cell: its parameters, its phase with its probability (null if unknown), the
        second phase, and the mean, standard deviation, count and status of every metric. Raises the
        errors of `scan`."""
        return self.sql("SELECT * FROM cells")

    @property
    def runs(self) -> pl.DataFrame:
        """One row per run: cell, seed, status, loss and error. Raises the errors of `scan`."""
        return self.table("runs")

    def experiments(self) -> pl.DataFrame:
        """One row per experiment: what it is, its phases, and where it was found.

        Raises the errors of `scan`.
        """
        return self.sql(_EXPERIMENTS)

    def claims(self) -> pl.DataFrame:
        """The empirical claims of the paper, judged on the cells: one row per claim.

        `verdict` is supported, not supported or cannot be tested; `effect`, `low`, `high` and
        `margin` are of the part that decides, `parts` has all of them, `why` says it in words
        (docs/claims.md).

        Raises:
            QueryError: if the catalog has several sources, which are judged one by one.
            MissingArtifactError: if there is no catalog yet.
            DamagedFileError: if a file does not match its checksum.
        """
        from landscape_catalog.catalog.claims import claims_frame, judged_claims
        from landscape_catalog.catalog.diagram import READ

        return claims_frame(judged_claims(self._only_source("claims").tables(READ)))

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
        return query(sql, sources=self._sources, plain=plain, limits=limits)

    def facts(self) -> Facts:
        """What the phase diagram of one experiment shows: areas of the phases, where their
        boundaries lie, the best cell, double descent, and the gain of variants.

        Raises:
            QueryError: if the catalog is of several sources.
            MissingArtifactError: if there is no catalog yet.
            DamagedFileError: if a file does not match its checksum.
        """
        from landscape_catalog.catalog.facts import READ, facts_of_tables  # SciPy takes a second

        return facts_of_tables(self._only_source("facts").tables(READ))

    def _only_source(self, what: str) -> Source:
        """The source, where an answer is about a single experiment."""
        if len(self._sources) != 1:
            names = ", ".join(source.name for source in self._sources[:MOST_NAMES])
            raise QueryError(
                f"{what} are those of one experiment: got {len(self._sources)} sources ({names}); "
                "allowed: the name of one of them as source"
            )
        return self._sources[0]

    def run(self, run_id: str) -> StoredRun:
        """A trained run.

        Raises:
            MissingArtifactError: if there is no such run.
            DamagedFileError: if a file does not match its checksum.
        """
        return StoredRun(self._project, run_id, self._cache)


def _require_table(name: str) -> None:
    if name not in STORED:
        raise QueryError(f"there is no table `{name}`; there are {', '.join(STORED)}")


def open_catalog(root: str | Path = ".", *, source: str = CURRENT) -> Catalog:
    """Open the catalog of the project (or study) in the folder `root`.

    Args:
        root: of the project.
        source: `current` for its own experiment, `all` for everything that was computed here,
            imported or collected, or the name of one source.

    Raises:
        MissingArtifactError: if it has no catalog yet.
        DamagedFileError: if its manifest does not match its checksum.
        QueryError: if there is no such source.
    """
    project = Project(Path(root))
    return Catalog(project, chosen_sources(project, source))
