"""The command line: one command for each stage, and those of the room `commands`."""

from __future__ import annotations

import enum
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from landscape_catalog.errors import Interrupted, LandscapeError

INTERRUPTED = 130

app = typer.Typer(
    help="Map neural-network training onto the phases of its loss landscape.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Format(enum.StrEnum):
    """How an answer is printed."""

    table = "table"
    csv = "csv"
    json = "json"


@app.command()
def prepare() -> None:
    """Prepare the data of every landscape (data/prepared)."""
    from landscape_catalog.pipeline.prepare.stage import run_prepare

    run_prepare(Path.cwd())


@app.command()
def train() -> None:
    """Train every run of the grid that is not there yet (data/runs)."""
    from landscape_catalog.pipeline.train.stage import run_train

    run_train(Path.cwd())


@app.command()
def measure() -> None:
    """Measure every run and pair that is not measured yet (data/measurements)."""
    from landscape_catalog.pipeline.measure.stage import run_measure

    run_measure(Path.cwd())


@app.command()
def aggregate() -> None:
    """Classify every cell and write the catalog (data/catalog)."""
    from landscape_catalog.pipeline.aggregate.stage import run_aggregate

    run_aggregate(Path.cwd())


@app.command()
def report() -> None:
    """Write the phase report (reports/phases.html)."""
    from landscape_catalog.pipeline.report.stage import run_report

    run_report(Path.cwd())


@app.command()
def plan() -> None:
    """Print the grid: axes, cells, runs, what is done, what is left, how long it will take."""
    from landscape_catalog.commands.plan import describe_plan

    typer.echo(describe_plan(Path.cwd()))


class Scale(enum.StrEnum):
    """The size at which an experiment of the paper is run."""

    paper = "paper"
    small = "small"
    smoke = "smoke"


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A new folder, or an empty one.")],
    preset: Annotated[
        str | None, typer.Option(help="An experiment of the paper instead of the default one.")
    ] = None,
    scale: Annotated[
        Scale | None, typer.Option(help="Of the preset; `paper` if not given.")
    ] = None,
) -> None:
    """Make a study: a Git and DVC repository with an experiment of its own."""
    from landscape_catalog.commands.init import init_study

    typer.echo(init_study(folder, preset, scale.value if scale else None))


@app.command()
def upgrade() -> None:
    """Move a study to the installed version, so that `dvc repro` computes what differs."""
    from landscape_catalog.commands.upgrade import upgrade_study

    typer.echo(upgrade_study(Path.cwd()))


presets = typer.Typer(
    help="Experiments of the paper, by the name of their figure.", no_args_is_help=True
)
app.add_typer(presets, name="preset")


PresetName = Annotated[str, typer.Argument(help="As `landscape preset list` shows it.")]


@presets.command("list")
def preset_list() -> None:
    """List every preset."""
    from landscape_catalog.commands.presets import list_presets

    typer.echo(list_presets())


@presets.command("show")
def preset_show(name: PresetName) -> None:
    """Say what a preset reproduces, what one should see, and how large it is."""
    from landscape_catalog.commands.presets import show_preset

    typer.echo(show_preset(name, Path.cwd()))


@presets.command("use")
def preset_use(
    name: PresetName,
    scale: Annotated[
        Scale, typer.Option(help="paper: as published; small: overnight; smoke: two minutes.")
    ] = Scale.paper,
) -> None:
    """Write a preset to params.yaml."""
    from landscape_catalog.commands.presets import use_preset

    typer.echo(use_preset(name, scale.value, Path.cwd()))


@presets.command("table")
def preset_table() -> None:
    """Print docs/presets.md: every preset with its size."""
    from landscape_catalog.commands.presets import presets_table

    typer.echo(presets_table(Path.cwd()), nl=False)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One question in DuckDB's SQL.")],
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
) -> None:
    """Ask the catalog, read-only, e.g. "SELECT width, batch_size, phase FROM cells"."""
    from landscape_catalog.commands.sql import answer

    typer.echo(answer(Path.cwd(), query, form.value), nl=False)


@app.command()
def schemas(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("schemas"),
) -> None:
    """Write the JSON Schemas and the catalog's SQL, generated from the code."""
    from landscape_catalog.commands.schemas import write_schemas

    write_schemas(folder)


def main() -> None:
    """Run the command line; an error of ours is one message and its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(_guarded(lambda: app(standalone_mode=True)))


def _interrupt(_: int, __: FrameType | None) -> None:
    raise Interrupted


def _guarded(command: Callable[[], object]) -> int:
    try:
        command()
    except LandscapeError as error:
        typer.echo(f"landscape: {error}", err=True)
        return error.exit_code
    except Interrupted:
        typer.echo("landscape: stopped. What is finished is kept; `dvc repro` goes on.", err=True)
        return INTERRUPTED
    except OSError as error:
        typer.echo(f"landscape: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    main()
