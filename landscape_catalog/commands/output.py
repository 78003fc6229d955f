"""What commands print."""

from __future__ import annotations

import typer

from landscape_catalog.terminal import printable


def say(text: str, *, nl: bool = True) -> None:
    """Print text to standard output, without what could steer a terminal.

    Args:
        text: to print.
        nl: whether a line feed follows.
    """
    typer.echo(printable(text), nl=nl)
