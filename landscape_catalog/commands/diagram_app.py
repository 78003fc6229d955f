"""The commands about the phase diagram of one source: `landscape phases`, `facts` and `claims`."""

from __future__ import annotations

from typing import Annotated

import typer

from landscape_catalog.commands.output import say
from landscape_catalog.commands.project_root import project_root

SourceName = Annotated[str, typer.Option(help="Whose cells; the table `sources` lists all.")]
Json = Annotated[bool, typer.Option("--json", help="All numbers, as JSON.")]


def phases(source: SourceName = "current") -> None:
    """Print the phase of every cell with its reason, and what decides the labels.

    Lists for each criterion how many labels would change without it, or if its threshold were
    10% or 25% smaller or larger.
    """
    from landscape_catalog.commands.phases import describe_phases

    say(describe_phases(project_root(), source))


def facts(source: SourceName = "current", as_json: Json = False) -> None:
    """Print what the phase diagram shows, with intervals.

    Areas of the phases, where their boundaries lie, the best cell, double descent, and the gain of
    the variants.
    """
    from landscape_catalog.commands.facts import describe_facts

    say(describe_facts(project_root(), source, as_json=as_json))


def claims(source: SourceName = "current", as_json: Json = False) -> None:
    """Judge the empirical claims of the paper on a catalog.

    Prints for each claim the effect with its interval and the verdict: supported, not supported, or
    cannot be tested, with the reason. docs/claims.md describes the tests.
    """
    from landscape_catalog.commands.claims import describe_claims

    say(describe_claims(project_root(), source, as_json=as_json))
