"""A short version of each campaign; `make fuzz` runs them in full."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from landscape_catalog.errors import SpecError
from tests.campaigns import artifacts, data_files, parameters, statements
from tests.campaigns.outcome import WrongResultError, observe
from tests.thorough import either

SEED = 1  # `make fuzz` has 0
CASES = {"parameters": 40, "artifacts": 12, "data_files": 16, "statements": 30}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_case_ends_well(name: str, finished: tuple[Path, Path], tmp_path: Path) -> None:
    case = {
        "parameters": lambda: parameters.case(tmp_path),
        "artifacts": lambda: artifacts.case(finished, tmp_path),
        "data_files": lambda: data_files.case(tmp_path),
        "statements": lambda: statements.case(finished[0]),
    }[name]()
    numbers = range(0, CASES[name], either(3, 1))
    ended = [case(number, random.Random(f"{SEED} {number}")) for number in numbers]
    assert [outcome for outcome in ended if not outcome.is_good] == []
    assert {"right", "refused"} & {outcome.kind for outcome in ended}


def spin() -> None:
    while True:
        pass


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("right", lambda: None),
        ("refused", lambda: fail(SpecError([]))),
        ("refused", lambda: fail(SpecError([], source="\x1b[31m"))),  # shown as an escape
        ("wrong", lambda: fail(SpecError([], source="a" * 10_000))),
        ("wrong", lambda: fail(WrongResultError("other bytes"))),
        ("traceback", lambda: fail(KeyError("a"))),
        ("traceback", lambda: fail(SystemExit(3))),
        ("hang", spin),
    ],
)
def test_how_a_case_ends(kind: str, action: object) -> None:
    assert observe("a case", action, seconds=0.2).kind == kind  # type: ignore[arg-type]
