"""`landscape import`: published results, one command per format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from landscape_catalog.commands.project_root import project_root
from landscape_catalog.terminal import printable

app = typer.Typer(
    help="Import published results into data/imports, where they are asked like one's own.",
    no_args_is_help=True,
)

Name = Annotated[
    str | None,
    typer.Option(help="Name of the import, so that two of one format stand side by side."),
]


@app.command()
def yang2021(
    archive: Annotated[Path, typer.Argument(help="results.tar.gz of the authors' repository.")],
    name: Name = None,
) -> None:
    """Import the archive of Yang et al. 2021: runs, pairs and curves of the paper's Figure 3."""
    _import("yang2021", archive, name)


@app.command()
def zhou2024(
    csv: Annotated[Path, typer.Argument(help="A file dataframe_*_public.csv.")],
    name: Name = None,
    label_noise: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of wrong training labels; the file does not say."),
    ] = None,
) -> None:
    """Import a grid of Zhou et al. 2024: cells of widths, batch sizes and amounts of data."""
    _import("zhou2024", csv, name, label_noise=label_noise)


@app.command()
def table(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    columns: Annotated[
        Path, typer.Option("--map", help="YAML: which column is which parameter or metric.")
    ],
    name: Name = None,
) -> None:
    """Import anyone's grid from a table; docs/imports.md has an example of a map."""
    _import("table", file, name, columns=columns)


@app.command()
def zoo(
    directory: Annotated[Path, typer.Argument(help="Folder with a folder for each model.")],
    name: Name = None,
) -> None:
    """Import a zoo in the layout of the Phase Transition Model Zoo (untried on the original)."""
    _import("zoo", directory, name)


def _import(form: str, path: Path, name: str | None, **options: Any) -> None:
    from landscape_catalog.commands.imports import import_results

    typer.echo(printable(import_results(project_root(), form, path, name, **options)))
