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


@app.command("run")
def diagnose_run(
    checkpoints: Annotated[
        list[Path],
        typer.Argument(
            metavar="CHECKPOINT...",
            help="Weights of one network, each of another seed: safetensors, or torch.save.",
        ),
    ],
    network: Annotated[
        str,
        typer.Option(help="`module:function`, which builds the network, or `torchvision:NAME`."),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="module:function|FOLDER",
            help="A function that returns arrays, or a folder with train/CLASS and test/CLASS.",
        ),
    ],
    arg: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An argument of the network; may be repeated."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C", help="The network's classes in order; default: sorted folders."
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="Weights of torchvision whose preprocessing and classes are used."),
    ] = None,
    mean: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="Mean of each channel, 0 to 1.")
    ] = None,
    std: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="Standard deviation of each channel.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Resize the shorter side of images to it, and cut out the centre."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Use at most so many training samples.")
    ] = None,
    test_samples: Annotated[
        int | None, typer.Option(help="Use at most so many test samples.")
    ] = None,
    pairs: Annotated[str, typer.Option(help="Pairs with a curve: all, ring or first.")] = "all",
    budget: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Shorten curves to meet this time.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A reference's model; default: data/diagnosis/model.json."
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=NUMBER",
            help="A size such as load.width=8, for a model that takes sizes; may be repeated.",
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The page; default: diagnosis.html, in reports/ within a project."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure checkpoints, and say which phase they are in and what would help.

    Writes a page of HTML as well. Three checkpoints of different seeds give the phase with its
    probability, two the phase, one a set of phases.
    """
    from landscape_catalog.commands.diagnose_run import diagnose_files

    said = diagnose_files(
        checkpoints,
        network,
        data,
        args=arg or (),
        classes=classes,
        weights=weights,
        mean=mean,
        std=std,
        size=size,
        samples=samples,
        test_samples=test_samples,
        pairs=pairs,
        minutes=budget,
        device=device,
        model=model,
        sizes=at or (),
        page=page,
        as_json=as_json,
    )
    if as_json:
        typer.echo(printable(said), nl=False)
    else:
        say(said)


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
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the draw of --cells.")] = None,
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
