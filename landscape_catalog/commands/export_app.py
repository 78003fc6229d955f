"""The command line of what leaves the catalog: `landscape export csv | parquet | bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landscape_catalog.commands.project_root import project_root
from landscape_catalog.terminal import printable

app = typer.Typer(help="Write results for other programs and other people.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="A new or empty folder.")]
Source = Annotated[
    str,
    typer.Option(help="Whose results: the current experiment, an import or what was collected."),
]


@app.command("csv")
def export_csv(folder: Folder, source: Source = "current") -> None:
    """Write every table, and the wide view of cells, as CSV files."""
    from landscape_catalog.commands.export import export_files

    typer.echo(printable(export_files(project_root(), folder, "csv", source)))


@app.command("parquet")
def export_parquet(folder: Folder, source: Source = "current") -> None:
    """Write every table, and the wide view of cells, as Parquet files."""
    from landscape_catalog.commands.export import export_files

    typer.echo(printable(export_files(project_root(), folder, "parquet", source)))


@app.command("bundle")
def export_bundle(
    path: Annotated[
        Path, typer.Argument(help="A new or empty folder, or a new file that ends in .zip.")
    ],
    source: Source = "current",
    weights: Annotated[
        bool, typer.Option("--weights", help="Add the weights of every run: a small model zoo.")
    ] = False,
    author: Annotated[
        list[str] | None,
        typer.Option(help="An author, as often as needed; default: the user whom Git knows."),
    ] = None,
    license: Annotated[
        str | None, typer.Option(help="Licence: an SPDX identifier such as CC-BY-4.0, or a URL.")
    ] = None,
    date: Annotated[str | None, typer.Option(help="Date of publication, as 2026-01-31.")] = None,
) -> None:
    """Write a bundle that can be cited, and that others can read or import.

    It holds parameters, tables, schema, report, a README with a BibTeX entry, RO-Crate metadata
    and checksums. `landscape collect FOLDER` imports it.
    """
    from landscape_catalog.commands.export import export_citable

    said = export_citable(
        project_root(), path, source, author or [], license, date, weights=weights
    )
    typer.echo(printable(said))
