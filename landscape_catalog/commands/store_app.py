"""The command line of the shared store: `landscape store size` and `landscape store prune`."""

from __future__ import annotations

from typing import Annotated

import typer

from landscape_catalog.commands.project_root import find_project
from landscape_catalog.terminal import printable

app = typer.Typer(
    help="The store of finished results that all projects on this machine share.",
    no_args_is_help=True,
)


@app.command("size")
def store_size() -> None:
    """Print what the store holds, by kind, and what of it this project has."""
    from landscape_catalog.commands.store import describe_store

    typer.echo(printable(describe_store(find_project())))


@app.command("prune")
def store_prune(
    older_than: Annotated[
        str | None,
        typer.Option(help="What no stage of any project has used for so long, such as 30d."),
    ] = None,
    unused: Annotated[
        bool, typer.Option("--unused", help="Results that this project's data/ does not hold.")
    ] = False,
    max_size: Annotated[
        str | None,
        typer.Option(help="The least recently used, until the store is no larger than, say, 20GB."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it; otherwise, only say what would be removed.")
    ] = False,
) -> None:
    """Remove results from the store; by default, only print what would be removed.

    What meets all of the given conditions is removed, and in any case what processes that were
    killed have left. It is safe at any time: what is in use is kept, and projects hold copies of
    their own. Results that no project holds are computed again when they are needed.
    """
    from landscape_catalog.commands.store_prune import prune_store, selection_of

    selection = selection_of(older_than, max_size, unused=unused)
    typer.echo(printable(prune_store(find_project(), selection, is_real=yes)))
