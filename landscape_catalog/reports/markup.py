"""Pieces of HTML that sections are made of."""

from __future__ import annotations

import html
from collections.abc import Iterable


def text(value: object) -> str:
    """Anything as text that HTML does not read as its own."""
    return html.escape(str(value))


def counted(n: int, thing: str) -> str:
    """A number of things.

    >>> counted(1, "cell"), counted(2, "cell")
    ('1 cell', '2 cells')
    """
    return f"{n} {thing}{'' if n == 1 else 's'}"


def table(rows: Iterable[tuple[str, ...]], *, head: tuple[str, ...] = ()) -> str:
    """A table of texts; the first of each row names it, unless there is a head."""
    lines = ["".join(f"<th>{text(name)}</th>" for name in head)] if head else []
    for first, *rest in rows:
        tag = "td" if head else "th"
        cells = [f"<{tag}>{text(first)}</{tag}>", *(f"<td>{text(value)}</td>" for value in rest)]
        lines.append("".join(cells))
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def section(*parts: str, kind: str = "") -> str:
    """A section of the page."""
    opening = f'<section class="{kind}">' if kind else "<section>"
    return f"{opening}{''.join(parts)}</section>"


def hint(words: str) -> str:
    """A paragraph that says how something is read."""
    return f'<p class="hint">{text(words)}</p>'


def slot(name: str, *, wide: bool = True) -> str:
    """The place of a chart; a wide one scrolls on its own."""
    chart = f'<div id="{name}" class="chart"></div>'
    return f'<div class="wide">{chart}</div>' if wide else chart


def folded(summary: str, *parts: str) -> str:
    """Something that is there when it is asked for."""
    return f"<details><summary>{text(summary)}</summary>{''.join(parts)}</details>"
