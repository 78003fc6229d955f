"""What commands print."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from landscape_catalog.terminal import printable


def say(text: str, *, nl: bool = True) -> None:
    """Print text to standard output, without what could steer a terminal.

    Args:
        text: to print.
        nl: whether a line feed follows.
    """
    typer.echo(printable(text), nl=nl)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text as lines with aligned columns.

    >>> aligned([["phase", "cells"], ["I", "12"]])
    ['phase  cells', 'I      12']
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
