"""The command line: one command per stage, and the commands of the package `commands`."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from landscape_catalog.commands import STAGES, diagnose_app, export_app, import_app, store_app
from landscape_catalog.commands.diagram_app import claims, facts, phases
from landscape_catalog.commands.figure_app import figure
from landscape_catalog.commands.output import say
from landscape_catalog.commands.preset_app import Scale, presets
from landscape_catalog.commands.project_root import project_root
from landscape_catalog.commands.query_app import QueryCommand, catalog, sql
from landscape_catalog.errors import Interrupted, LandscapeError, QueryError
from landscape_catalog.store.files import storage_reason
from landscape_catalog.terminal import PrintableFormatter, printable, set_up_output

INTERRUPTED = 130  # the exit code
SECONDS_TO_STOP = 5.0

app = typer.Typer(
    help="Map neural-network training onto the phases of its loss landscape.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def prepare() -> None:
    """Prepare the data of all landscapes (data/prepared)."""
    from landscape_catalog.pipeline.prepare.stage import run_prepare

    run_prepare(project_root())


@app.command()
def train() -> None:
    """Train all missing runs of the grid (data/runs)."""
    from landscape_catalog.pipeline.train.stage import run_train

    run_train(project_root())


@app.command()
def measure() -> None:
    """Make all missing measurements (data/measurements)."""
    from landscape_catalog.pipeline.measure.stage import run_measure

    run_measure(project_root())


@app.command()
def aggregate() -> None:
    """Classify every cell and write the catalog (data/catalog)."""
    from landscape_catalog.pipeline.aggregate.stage import run_aggregate

    run_aggregate(project_root())


@app.command()
def report(
    source: Annotated[
        str | None,
        typer.Option(help="Report a source, Git revision or DVC experiment instead."),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Compare two of these; `current` is this experiment."),
    ] = None,
    index: Annotated[
        bool, typer.Option("--index", help="List all experiments of the catalog instead.")
    ] = False,
) -> None:
    """Write the phase report (reports/phases.html).

    With --source or --compare, which are no stage, write reports/other/NAME.html; with
    --index write reports/index.html.
    """
    if (source is not None) + (compare is not None) + index > 1:
        raise QueryError("give one of --source, --compare and --index")
    if index:
        from landscape_catalog.commands.report_index import write_index

        say(write_index(project_root()))
        return
    if source is not None or compare is not None:
        from landscape_catalog.commands.other_report import report_comparing, report_of

        found = report_of(project_root(), source) if source else None
        say(found or report_comparing(project_root(), *(compare or ("", ""))))
        return
    from landscape_catalog.pipeline.report.stage import run_report

    run_report(project_root())


@app.command()
def plan() -> None:
    """Print the grid, what is done, and what is left.

    Lists axes, cells, runs and measurements, with an estimate of the remaining time.
    """
    from landscape_catalog.commands.plan import describe_plan

    say(describe_plan(project_root()))


@app.command()
def status() -> None:
    """Print what the running stage is at, from another terminal.

    Lists what each worker computes, done, failed and waiting jobs, and the remaining time. If no
    stage is running, it says what is finished.
    """
    from landscape_catalog.commands.status import describe_status

    say(describe_status(project_root()))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    preset: Annotated[
        str | None,
        typer.Option(help="Start from this experiment of the paper instead of the default one."),
    ] = None,
    scale: Annotated[
        Scale | None, typer.Option(help="Scale of the preset; default: `paper`.")
    ] = None,
) -> None:
    """Create a study: an experiment in a new Git and DVC repository."""
    from landscape_catalog.commands.init import init_study

    say(init_study(folder, preset, scale.value if scale else None))


@app.command()
def upgrade() -> None:
    """Upgrade a study to the installed version of the package.

    Afterwards, `dvc repro` recomputes only what the new version computes differently.
    """
    from landscape_catalog.commands.upgrade import upgrade_study

    say(upgrade_study(project_root()))


app.add_typer(presets, name="preset")
app.add_typer(import_app.app, name="import")
app.add_typer(store_app.app, name="store")
app.add_typer(export_app.app, name="export")
app.add_typer(diagnose_app.app, name="diagnose")
for about_diagram in (phases, facts, claims):
    app.command()(about_diagram)
app.command()(figure)
app.command(cls=QueryCommand)(sql)
app.add_typer(catalog, name="catalog")


@app.command()
def collect(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Other repositories, projects or catalogs."),
    ] = None,
    revs: Annotated[
        str | None,
        typer.Option(
            metavar="all|GLOB",
            help="Every commit, or branches and tags by name, or one commit; default: branches, "
            "tags and HEAD.",
        ),
    ] = None,
    experiments: Annotated[
        bool, typer.Option("--experiments", help="Also DVC experiments.")
    ] = False,
    remote: Annotated[
        str | None, typer.Option(metavar="GIT-REMOTE", help="Also a Git remote: name or URL.")
    ] = None,
) -> None:
    """Collect the catalogs of other revisions and repositories (data/collected)."""
    from landscape_catalog.commands.collect import collect_catalogs

    found = collect_catalogs(
        project_root(), paths or (), revs=revs, experiments=experiments, remote=remote
    )
    say(found)


@app.command()
def schemas(
    folder: Annotated[
        Path | None, typer.Argument(help="Output folder; default: the project's `schemas`.")
    ] = None,
) -> None:
    """Write the JSON Schemas and the SQL schema of the catalog."""
    from landscape_catalog.commands.schemas import write_schemas

    write_schemas(folder or project_root() / "schemas")


def main() -> None:
    """Run the command line; expected errors end it with one message and an exit code."""
    set_up_output()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PrintableFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    _on_signal(_interrupt)
    try:
        code = _guarded(lambda: app(standalone_mode=True))
    finally:
        _on_signal(signal.SIG_IGN)  # what is left to do takes no time
    sys.exit(code)


def _on_signal(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _interrupt(_: int, __: FrameType | None) -> None:
    """Stop in order: workers end, and what is finished is reported."""
    _on_signal(partial(_end_at_once, time.monotonic()))
    raise Interrupted


def _end_at_once(first: float, _: int, __: FrameType | None) -> None:
    """A further signal: if the orderly stop has had its time, end without it.

    Nothing is lost by that, since files are only ever written whole.

    Args:
        first: when the first signal came.
    """
    if time.monotonic() - first < SECONDS_TO_STOP:
        return
    try:
        for worker in multiprocessing.active_children():
            worker.kill()
        os.write(sys.stderr.fileno(), f"landscape: {_interruption()}\n".encode())
    finally:
        os._exit(INTERRUPTED)


def _guarded(command: Callable[[], object]) -> int:
    try:
        command()
    except LandscapeError as error:
        _say_error(f"{error}")
        return error.exit_code
    except Interrupted:
        _say_error(_interruption())
        return INTERRUPTED
    except OSError as error:
        _say_error(_storage_words(error))
        return 1
    return 0


def _interruption() -> str:
    """What a command says that was interrupted: only stages leave results that are continued."""
    if STAGES.isdisjoint(sys.argv[1:2]):
        return "stopped."
    return "interrupted. Finished results are kept; `dvc repro` continues."


def _storage_words(error: OSError) -> str:
    """What an error of the system says; where it names no file, what it can only concern."""
    reason = storage_reason(error)
    if reason is None or error.filename is not None:
        return f"{error}"
    return (
        f"cannot write: {reason}. It is standard output, or the folder of temporary files "
        f"({tempfile.gettempdir()})"
    )


def _say_error(text: str) -> None:
    typer.echo(printable(f"landscape: {text}"), err=True)


if __name__ == "__main__":
    main()
