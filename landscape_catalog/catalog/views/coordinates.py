"""The view `coordinates`: every cell's parameters as rows, whichever they are."""

from __future__ import annotations

from landscape_catalog.catalog.tables import LOAD, TEMPERATURE
from landscape_catalog.catalog.views.view import View

_KEY = "origin, experiment_id, cell_id"
PARAMETERS = {
    f"{section}.{column.name}": column.name
    for section, columns in (("load", LOAD), ("temperature", TEMPERATURE))
    for column in columns
}
"""The column of each parameter, by its dotted path."""


def _text(number: str) -> str:
    """A number as text, whole numbers without a decimal point."""
    return (
        f"CASE WHEN {number} = trunc({number}) AND abs({number}) < 1e15 "
        f"THEN {number}::BIGINT::VARCHAR ELSE {number}::DOUBLE::VARCHAR END"
    )


def _of_column(path: str, column: str) -> str:
    return f"""\
SELECT {_KEY}, '{path}' AS parameter, {_text(column)} AS value, {column}::DOUBLE AS number
FROM core.cells WHERE {column} IS NOT NULL"""


_CUSTOM = f"""\
SELECT {_KEY}, parameter, coalesce({_text("number")}, given) AS value, number
FROM (
    SELECT {_KEY}, e.key AS parameter, e.value ->> '$' AS given,
        TRY_CAST(e.value ->> '$' AS DOUBLE) AS number
    FROM core.cells, json_each(extra) AS e
)"""
_VARIANT = f"SELECT {_KEY}, 'variant', variant, NULL FROM core.cells WHERE variant IS NOT NULL"

COORDINATES = View(
    "coordinates",
    "a parameter of a cell",
    {
        "parameter": "its dotted path, or `variant`",
        "value": "as text",
        "number": "as a number; null if it is none",
    },
    "\nUNION ALL\n".join(
        [*(_of_column(path, column) for path, column in PARAMETERS.items()), _CUSTOM, _VARIANT]
    ),
    ("cells",),
)
