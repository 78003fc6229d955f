"""Conditions that a user writes in SQL, before they become part of a query."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from landscape_catalog.catalog.query import require_text
from landscape_catalog.errors import QueryError


def require_condition(text: str) -> None:
    """Require that a text is one SQL expression, and stays one between parentheses.

    `1) OR (1 = 1` would change the query around it: it is an expression between parentheses only.
    `1 FROM cells` is part of a query without them only. Names are not looked up here.

    Args:
        text: of a user.

    Raises:
        QueryError: if it is anything else, with what DuckDB says about it.
    """
    if not text.strip():
        raise QueryError("got an empty text; allowed: one SQL expression")
    require_text(text)
    alone, enclosed = _parsed(f"SELECT {text}\n"), _parsed(f"SELECT ({text}\n)")
    problem = alone.get("error_message") or enclosed.get("error_message")
    if problem is None:
        statements = alone["statements"]
        columns = statements[0]["node"].get("select_list", [])
        if len(statements) == len(columns) == 1:
            return
        problem = "it has several parts"
    raise QueryError(f"got {text!r}; allowed: one SQL expression ({problem})")


def _parsed(sql: str) -> dict[str, Any]:
    with duckdb.connect(":memory:") as connection:
        row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    found: dict[str, Any] = json.loads(row[0])
    return found
