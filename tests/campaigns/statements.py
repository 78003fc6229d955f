"""Odd SQL statements, which `landscape sql` answers or refuses without an effect on anything."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

from landscape_catalog.commands.sql import answer
from tests.campaigns.outcome import Outcome, WrongResultError, observe

SECONDS = 90.0
FORMATS = ("table", "csv", "json")

PLAIN = (
    "SELECT phase, count(*) AS n FROM cells GROUP BY phase ORDER BY phase",
    "SELECT 1 AS a, 2 AS a, 3 AS A, 4 AS b",
    "SELECT c.*, p.* FROM cells c JOIN phases p USING (cell_id)",
    "SELECT 'nan'::DOUBLE, 'inf'::DOUBLE, '-inf'::DOUBLE, NULL",
    "SELECT [1, 2], {'a': 1}, MAP {'k': 2}, '\\x00'::BLOB, INTERVAL 1 DAY, DATE '2026-01-01'",
    "SELECT 'é', '\u200b', chr(27) || '[31m', chr(0), '\"', ',', chr(10)",
    "-- a comment\nSELECT 1",
    "/* a */ SELECT 1; -- b",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 100) SELECT sum(n) FROM t",
    "FROM cells", "DESCRIBE cells", "SHOW TABLES", "SUMMARIZE cells", "EXPLAIN SELECT 1", "VALUES (1)",
    "SELECT 1e400", "SELECT 1 / 0", "SELECT 170141183460469231731687303715884105727",
    "PIVOT cells ON phase USING count(*)", "SELECT * FROM cells LIMIT 0", "TABLE cells",
)  # fmt: skip
REFUSED = (
    "", " ", ";", ";;", "-- nothing", "SELECT", "SELEC 1", "SELECT * FROM nothing", "SELECT nothing FROM cells",
    "SELECT 1; SELECT 2", "DROP TABLE cells", "DELETE FROM cells", "UPDATE cells SET phase = 'I'",
    "INSERT INTO cells SELECT * FROM cells", "CREATE TABLE t AS SELECT 1", "CREATE VIEW v AS SELECT 1",
    "COPY cells TO '{folder}/out.csv'", "COPY (SELECT 1) TO '{folder}/out.parquet'", "EXPORT DATABASE '{folder}/x'",
    "ATTACH '{folder}/other.duckdb'", "ATTACH ':memory:' AS m", "DETACH memory", "USE memory",
    "INSTALL httpfs", "LOAD httpfs", "SET memory_limit = '1TB'", "PRAGMA threads = 1", "SET threads = 1",
    "RESET memory_limit", "CALL enable_logging('a')", "CALL enable_profiling()", "CHECKPOINT", "VACUUM", "BEGIN",
    "COMMIT", "SET VARIABLE a = 1", "IMPORT DATABASE '/tmp'", "PREPARE p AS SELECT 1", "EXECUTE p", "DEALLOCATE p",
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "FROM read_csv('/etc/hostname')",
    "SELECT * FROM glob('/*')", "SELECT * FROM read_blob('/proc/self/environ')", "SELECT getenv('HOME')",
    "SELECT * FROM sniff_csv('/etc/passwd')", "FROM parquet_metadata('{folder}/data/catalog/../../x.parquet')",
    "SELECT '" + "a" * 100_000, "SELECT " + "(" * 5000, "SELECT " + "1+" * 5000 + "1", "\x00", "\ud800",
)  # fmt: skip


def statement(number: int, draw: random.Random, folder: Path) -> str:
    """A statement of the lists, or one of them with something torn, doubled or wrapped."""
    known = [*PLAIN, *REFUSED]
    if number < len(known):
        return known[number].replace("{folder}", str(folder))
    text = draw.choice(known).replace("{folder}", str(folder))[:2000]
    at = draw.randrange(len(text) + 1)
    way = draw.random()
    if way < 0.3:
        return text[:at]
    if way < 0.5:
        return (
            text[:at]
            + draw.choice(["'", '"', ";", "(", "--", "/*", "$$", "\x00", "?", ":a", "{", "\\"])
            + text[at:]
        )
    if way < 0.7:
        return f"SELECT * FROM ({text}) LIMIT {draw.choice(['1', '-1', '1e30', 'NULL'])}"
    if way < 0.85:
        return f"{text}; {draw.choice(known)[:200]}"
    return f"EXPLAIN ANALYZE {text}"


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file but the database, which may be rebuilt."""
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "catalog.duckdb"
    }


def case(project: Path) -> Callable[[int, random.Random], Outcome]:
    """Cases on the catalog of a finished project."""
    before, variables = contents(project), dict(os.environ)

    def run(number: int, draw: random.Random) -> Outcome:
        text, form = statement(number, draw, project), draw.choice(FORMATS)

        def ask() -> None:
            said = answer(project, text, form)
            if form == "json":
                json.loads(said, parse_constant=_refuse_constant)
            if contents(project) != before or dict(os.environ) != variables:
                raise WrongResultError("a query changed a file")

        return observe(f"statements:{number}: {form}: {text[:200]!r}", ask, SECONDS)

    return run


def _refuse_constant(name: str) -> None:
    raise WrongResultError(f"JSON with {name}")
