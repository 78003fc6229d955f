"""Conditions of a user: one expression, whatever stands around it."""

from __future__ import annotations

import pytest

from landscape_catalog.catalog.conditions import require_condition
from landscape_catalog.errors import QueryError


@pytest.mark.parametrize(
    "text",
    [
        "width > 2",
        "phase = 'II'",
        "(width > 2) OR (samples < 5)",
        "phase IN ('II', 'I)') -- not III )",
        "width = (SELECT max(width) FROM cells)",
        "NOT width > 2 AND\nsamples < 5",
        "/* wide ( */ width > 2",
    ],
)
def test_an_expression_is_a_condition(text: str) -> None:
    require_condition(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1) OR (1=1", "syntax error at or near"),
        ("(1)) OR ((2)", "syntax error at or near"),
        ("width > 2) --", "syntax error at or near"),
        ("1) UNION (SELECT 1", "syntax error at or near"),
        ("1 FROM cells", "syntax error at or near"),
        ("width > 2 ORDER BY 1", "syntax error at or near"),
        ("width > 2 LIMIT 3", "syntax error at or near"),
        ("1 UNION SELECT 2", "syntax error at or near"),
        ("SELECT 1", "syntax error at or near"),
        ("FROM cells", "allowed: one SQL expression"),
        ("1; SELECT 2", "syntax error at or near"),
        ("width, samples", "it has several parts"),
        ("width > 2 AS wide", "syntax error at or near"),
        ("width > 2 /* narrow", "unterminated"),
        ("phase = 'II", "unterminated"),
        (" ", "got an empty text"),
        ("width > '\0'", "null character"),
    ],
)
def test_anything_else_is_refused(text: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        require_condition(text)
