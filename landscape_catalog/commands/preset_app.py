"""The commands `landscape preset …`."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from landscape_catalog.commands.output import say
from landscape_catalog.commands.project_root import find_project, project_root


class Scale(enum.StrEnum):
    """The scale at which an experiment of the paper is run.

    The values of `presets.Scale`, without importing all presets whenever a command starts.
    """

    paper = "paper"
    small = "small"
    smoke = "smoke"


presets = typer.Typer(
    help="Experiments of the paper, named after their figures.", no_args_is_help=True
)


PresetName = Annotated[str, typer.Argument(help="A name listed by `landscape preset list`.")]


@presets.command("list")
def preset_list() -> None:
    """List all presets."""
    from landscape_catalog.commands.presets import list_presets

    say(list_presets())


@presets.command("show")
def preset_show(name: PresetName) -> None:
    """Show what a preset reproduces, the expected outcome, and its size."""
    from landscape_catalog.commands.presets import show_preset

    say(show_preset(name, find_project() or Path.cwd()))


@presets.command("use")
def preset_use(
    name: PresetName,
    scale: Annotated[
        Scale, typer.Option(help="paper: as published; small: overnight; smoke: two minutes.")
    ] = Scale.paper,
) -> None:
    """Write a preset to params.yaml, after backing up your own."""
    from landscape_catalog.commands.presets import use_preset

    say(use_preset(name, scale.value, project_root()))


@presets.command("table")
def preset_table() -> None:
    """Print docs/presets.md: all presets with their sizes."""
    from landscape_catalog.commands.presets import presets_table

    say(presets_table(find_project() or Path.cwd()), nl=False)
