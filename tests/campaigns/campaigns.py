"""The campaigns by name."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.campaigns import artifacts, data_files, parameters, statements
from tests.campaigns.outcome import Outcome
from tests.conftest import TINY_PARAMS
from tests.stages import run_stages, write_project

Case = Callable[[int, random.Random], Outcome]


@dataclass(frozen=True)
class Campaign:
    """Many cases of one kind.

    Attributes:
        n_cases: how many there are in the whole campaign.
        prepared: what runs a case by its number, in this empty folder.
    """

    n_cases: int
    prepared: Callable[[Path], Case]


def finished_project(folder: Path) -> tuple[Path, Path]:
    """A tiny project whose stages have all run, and its store."""
    project, store = write_project(folder / "finished", TINY_PARAMS), folder / "store"
    run_stages(project, store)
    return project, store


CAMPAIGNS = {
    "parameters": Campaign(5000, parameters.case),
    "artifacts": Campaign(500, lambda folder: artifacts.case(finished_project(folder), folder)),
    "data_files": Campaign(200, data_files.case),
    "statements": Campaign(150, lambda folder: statements.case(finished_project(folder)[0])),
}
