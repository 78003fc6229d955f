"""HTML fragments that sections are built from."""

from __future__ import annotations

import html
from collections.abc import Iterable


def text(value: object) -> str:
    """A value as text, escaped for HTML."""
    return html.escape(str(value))


def table(rows: Iterable[tuple[str, ...]], *, head: tuple[str, ...] = ()) -> str:
    """A table, which scrolls sideways by itself on a narrow screen.

    Args:
        rows: of text; without a `head`, the first of each row is its heading.
        head: headings of the columns.
    """
    names = [f"<th>{text(name)}</th>" if name else "<td></td>" for name in head]
    lines = ["".join(names)] if head else []
    for first, *rest in rows:
        tag = "td" if head else "th"
        cells = [f"<{tag}>{text(first)}</{tag}>", *(f"<td>{text(value)}</td>" for value in rest)]
        lines.append("".join(cells))
    inner = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table>{inner}</table></div>'


def section(*parts: str, kind: str = "") -> str:
    """A section of the page."""
    opening = f'<section class="{kind}">' if kind else "<section>"
    return f"{opening}{''.join(parts)}</section>"


def hint(words: str) -> str:
    """A paragraph that explains how to read a chart."""
    return f'<p class="hint">{text(words)}</p>'


def slot(name: str, label: str, *, keys: bool = False) -> str:
    """The element that a chart is drawn into; it scrolls sideways by itself if it must.

    Args:
        name: id of the element, and of the chart.
        label: what the chart shows, for screen readers.
        keys: whether the arrow keys move the selection while it has the focus.
    """
    role = (
        'role="application" tabindex="0" class="keys chart"' if keys else 'role="img" class="chart"'
    )
    return (
        f'<div class="wide"><div id="{text(name)}" aria-label="{text(label)}" {role}></div></div>'
    )


def collapsible(summary: str, *parts: str) -> str:
    """A block that is collapsed until its summary is clicked."""
    return f"<details><summary>{text(summary)}</summary>{''.join(parts)}</details>"
