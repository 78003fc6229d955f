"""The commands that ask the catalog: `landscape sql` and `landscape catalog …`."""

from __future__ import annotations

import enum
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from landscape_catalog.commands.output import say
from landscape_catalog.commands.project_root import project_root
from landscape_catalog.errors import QueryError


class Format(enum.StrEnum):
    """Output format of a query."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"
    markdown = "markdown"


class QueryCommand(TyperCommand):
    """A command whose argument may begin with `--`, which opens a comment in SQL."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, of which a comment is none."""
        return super().parse_args(ctx, [f" {arg}" if is_comment(arg) else arg for arg in args])


def is_comment(arg: str) -> bool:
    """Whether an argument that looks like an option is none: options are one word."""
    return arg.startswith("--") and re.fullmatch(r"--([\w-]+(=.*)?)?", arg, re.DOTALL) is None


def sql(
    query: Annotated[
        str | None,
        typer.Argument(help="A single SQL query, in DuckDB's dialect; - reads standard input."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read the query from a file.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.table,
    every: Annotated[
        bool,
        typer.Option("--all", help="Ask the current experiment, imports and what was collected."),
    ] = False,
    source: Annotated[
        str | None, typer.Option(help="Ask this source alone; the table `sources` lists them.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Time limit in seconds.")] = 60,
    memory: Annotated[
        str | None,
        typer.Option(help="Memory limit, such as 2GB; default: half of the machine's memory."),
    ] = None,
) -> None:
    """Run a read-only SQL query on the catalog; without one, say how to open it elsewhere.

    Example: landscape sql "SELECT width, batch_size, phase FROM cells"
    """
    from landscape_catalog.commands.sql import (
        answer,
        how_to_open,
        memory_limit,
        read_query,
        source_name,
    )

    root, most, name = project_root(), memory_limit(memory), source_name(source, every)
    if query is None and file is None:
        say(how_to_open(root))
        return
    text = read_query(query, file)
    found = answer(root, text, form.value, source=name, timeout=timeout, memory=most)
    if isinstance(found, bytes) and sys.stdout.isatty():
        raise QueryError("--format parquet writes a binary file: add `> FILE.parquet`")
    typer.echo(found, nl=False)


catalog = typer.Typer(help="What the catalog holds.", no_args_is_help=True)


@catalog.command()
def describe(
    table: Annotated[
        str | None, typer.Argument(help="A table, view or macro; default: all of them.")
    ] = None,
) -> None:
    """Print the tables, views and macros, or the columns of one with types, units and meanings."""
    from landscape_catalog.commands.sql import describe_catalog

    say(describe_catalog(table), nl=False)
