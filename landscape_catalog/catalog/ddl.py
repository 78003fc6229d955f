"""The catalog's SQL schema: the stored tables, and the wide view `cells` over them."""

from __future__ import annotations

from landscape_catalog.catalog.tables import TABLES
from landscape_catalog.metrics.metric import PRIMARY
from landscape_catalog.metrics.registry import QUANTITIES

_SQL_TYPES = {"text": "VARCHAR", "integer": "BIGINT", "real": "DOUBLE", "boolean": "BOOLEAN"}


def _create_table(name: str) -> str:
    table = TABLES[name]
    lines = [
        f"    {column} {_SQL_TYPES[kind]}{',' if i + 1 < len(table.columns) else ''}  -- {meaning}"
        for i, (column, kind, meaning) in enumerate(table.columns)
    ]
    return f"-- One row: {table.row}.\nCREATE TABLE core.{name} (\n" + "\n".join(lines) + "\n);\n"


def _create_cells_view() -> str:
    columns = []
    for metric in QUANTITIES:
        chosen = f"FILTER (WHERE metric = '{metric}' AND probe = '{PRIMARY}')"
        columns += [
            f"        any_value(mean) {chosen} AS {metric}",
            f"        any_value(sd) {chosen} AS {metric}_sd",
            f"        any_value(n) {chosen} AS {metric}_n",
            f"        any_value(status) {chosen} AS {metric}_status",
            f"        any_value(reason) {chosen} AS {metric}_reason",
        ]
    wide = ",\n".join(columns)
    return f"""-- One row: a cell, its phase; mean, sd, count, status and reason of each metric.
CREATE VIEW cells AS
WITH wide AS (
    SELECT experiment_id, cell_id,
{wide}
    FROM core.cell_metrics GROUP BY experiment_id, cell_id
)
SELECT c.*, p.phase, p.phase_probability, p.second_phase, p.reason, p.probability_reason,
    p.ambiguous, p.doubtful,
    wide.* EXCLUDE (experiment_id, cell_id)
FROM core.cells AS c
JOIN core.experiments AS e USING (experiment_id)
LEFT JOIN wide USING (experiment_id, cell_id)
LEFT JOIN core.phases AS p
    ON p.experiment_id = c.experiment_id AND p.cell_id = c.cell_id
    AND p.classification_id = e.classification_id
ORDER BY c.position;
"""


def catalog_sql() -> str:
    """The DuckDB statements that create an empty catalog."""
    parts = [
        "-- The catalog. The schema `core` holds the tables of data/catalog/*.parquet unchanged.\n"
        "-- Query the views: `cells` has one wide row per cell, the others mirror the tables.\n"
        "CREATE SCHEMA core;\n"
    ]
    parts += [_create_table(name) for name in TABLES]
    parts += [
        f"CREATE VIEW {name} AS SELECT * FROM core.{name};\n" for name in TABLES if name != "cells"
    ]
    return "\n".join([*parts, _create_cells_view()])
