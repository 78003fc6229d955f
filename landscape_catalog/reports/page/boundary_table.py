"""Where each line of the grid changes sides, as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from landscape_catalog.phases.facts import Boundaries, Boundary
from landscape_catalog.phases.facts.boundary_words import band_words
from landscape_catalog.phases.facts.words import setting_words, shown, title
from landscape_catalog.reports.page.markup import hint, text
from landscape_catalog.schema.words import counted

MOST_COLUMNS, MOST_ROWS = 24, 60


def boundary_table(one: Boundaries) -> str:
    """The position on each line with a heading, the longest other axis as columns.

    Empty if no line changes, or if there are too many lines for a table.
    """
    grid = _grid(one) if one.n_changing else ""
    if not grid:
        return ""
    head = f"From {one.first_side} to {one.second_side} along {title(one.axis)}"
    return f"<h3>{text(head)}</h3>{hint(_grid_words(one))}{grid}"


def _grid_words(one: Boundaries) -> str:
    words = (
        f"The {title(one.axis)} midway between the two cells where a line changes; hover over it "
        "to see the band."
    )
    return words + (" Starred: more than one change." if one.n_returning else "")


def _grid(one: Boundaries) -> str:
    """Positions by the other axes; empty if there are too many columns or rows."""
    paths = list(one.lines[0].settings)
    across = max(paths, key=lambda path: _n_values(one, path), default=None)
    columns = _values(one.lines, lambda line: line.settings.get(across) if across else "")
    rows = _values(one.lines, lambda line: _row_name(line, across))
    if len(columns) > MOST_COLUMNS or len(rows) > MOST_ROWS:
        return ""
    found = {
        (_row_name(line, across), line.settings.get(across) if across else ""): line
        for line in one.lines
    }
    head = [f"<th>{text(title(across) if across else '')}</th>"]
    head += [f"<th>{text(shown(value))}</th>" for value in columns]
    lines = ["".join(head)]
    for name in rows:
        cells = [_position(found.get((name, value))) for value in columns]
        lines.append(f"<th>{text(name)}</th>" + "".join(cells))
    inner = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table>{inner}</table></div>'


def _n_values(one: Boundaries, path: str) -> int:
    return len(_values(one.lines, lambda line: line.settings[path]))


def _values(lines: Sequence[Boundary], key: Callable[[Boundary], Any]) -> list[Any]:
    """The distinct values, numbers in ascending order."""
    distinct = list(dict.fromkeys(key(line) for line in lines))
    numbers = all(isinstance(value, (int, float)) for value in distinct)
    return sorted(distinct) if numbers else distinct


def _row_name(line: Boundary, across: str | None) -> str:
    others = {path: value for path, value in line.settings.items() if path != across}
    return setting_words(others, line.variant)


def _position(line: Boundary | None) -> str:
    """The cell of a table: the position with its band as a tooltip, or the side of the line."""
    if line is None:
        return "<td></td>"
    if line.position is None:
        return f'<td class="hint">{text(line.side.removesuffix("ly connected"))}</td>'
    words = f"{band_words(line)}, {counted(line.n_changes, 'change')}"
    star = "*" if line.n_changes > 1 else ""
    return f'<td title="{text(words)}">{text(shown(line.position))}{star}</td>'
