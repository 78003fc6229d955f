"""The command `landscape figure`."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from landscape_catalog.commands.output import say
from landscape_catalog.commands.project_root import project_root


class FigureFormat(enum.StrEnum):
    """File format of a figure."""

    svg = "svg"
    pdf = "pdf"
    png = "png"


class FigureLayout(enum.StrEnum):
    """How the panels are arranged."""

    single = "single"
    paper = "paper"


def figure(
    panels: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PANEL]...",
            help="`phases`, `room`, metrics, or `slice-x-METRIC`; default: those of the paper's "
            "Figure 2.",
        ),
    ] = None,
    formats: Annotated[
        list[FigureFormat] | None,
        typer.Option("--format", help="File format; several may be given; default: svg."),
    ] = None,
    layout: Annotated[
        FigureLayout,
        typer.Option(help="A file for each panel, or all panels in one, as in Figure 2."),
    ] = FigureLayout.single,
    output: Annotated[
        Path | None, typer.Option(help="Output folder; default: reports/figures.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Whose cells: a source, Git revision or DVC experiment.")
    ] = "current",
) -> None:
    """Draw static figures for papers: panels of the report as SVG, PDF or PNG.

    Text stays text and lines stay lines in SVG and PDF. docs/figures.md shows them.
    """
    root = project_root()
    from landscape_catalog.commands.figure import write_figures

    chosen = [one.value for one in formats or [FigureFormat.svg]]
    say(write_figures(root, panels or (), chosen, layout.value, output, source))
