"""The commands `landscape diagnose …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landscape_catalog.commands.output import say
from landscape_catalog.commands.project_root import project_root
from landscape_catalog.terminal import printable

app = typer.Typer(
    help="Diagnose your own checkpoints: their phase, and what to change.", no_args_is_help=True
)


@app.command("fit")
def diagnose_fit(
    name: Annotated[
        str,
        typer.Argument(help="An import, `current`, or what was collected: its cells are fitted."),
    ],
    where: Annotated[
        str | None,
        typer.Option(
            metavar="SQL", help="Fit only cells that meet a condition on the view `cells`."
        ),
    ] = None,
    cells: Annotated[
        int | None, typer.Option(min=1, help="Fit only so many of them, drawn at random.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Also take width, samples and batch size as features.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Default: data/diagnosis/model.json.")
    ] = None,
) -> None:
    """Learn from a grid what a change of temperature, width or data gains.

    Writes a model as JSON, by which `landscape diagnose run` gives advice.
    """
    from landscape_catalog.commands.diagnose_model import fit_source

    root = project_root()
    say(fit_source(root, name, where=where, cells=cells, seed=seed, sizes=sizes, output=output))


@app.command("score")
def diagnose_score(
    name: Annotated[str, typer.Argument(help="The source whose cells are the test.")],
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Default: data/diagnosis/model.json.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say how often a model is right, and what following its advice gains.

    On the grid that it was fitted on, by cross-validation over held-out values of each load.
    """
    from landscape_catalog.commands.diagnose_model import score_source

    said = score_source(project_root(), name, model=model, as_json=as_json)
    if as_json:
        typer.echo(printable(said))
    else:
        say(said)
