"""The examples of docs/python.md and the README's Python code, run in a finished project."""

from __future__ import annotations

import doctest
import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.paths import STORE_VARIABLE
from tests.conftest import ROOT

TOLERANCE = 0.05  # relative; over a short training, rounding differs this much between CPUs
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")
# What may differ between CPUs after training: any number, and whatever follows from it.
VARIES = re.compile(
    r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|null|'[^']*connected: [^']*'|not converged|\bok\b"
    r"|\b(?:I|II|III|IV-A|IV-B|NC|unclassified)\b"
)
OWN_NETWORKS = "## Metrics on your own networks"


def blocks(path: Path, after: str = "") -> list[str]:
    """The text of each ```python block of a page, after a heading if one is given."""
    page = path.read_text(encoding="utf-8").partition(after)[2] if after else path.read_text()
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def agrees(shown: str, found: str) -> bool:
    """Whether two outputs are equal except for spacing and the last digits of numbers."""
    plain = [re.sub(r"\s+", " ", re.sub("[─═]+", "-", text)).strip() for text in (shown, found)]
    if NUMBER.split(plain[0]) != NUMBER.split(plain[1]):
        return False
    numbers = zip(NUMBER.findall(plain[0]), NUMBER.findall(plain[1]))
    return all(
        math.isclose(float(one), float(other), rel_tol=TOLERANCE, abs_tol=1e-6)
        for one, other in numbers
    )


def same_form(shown: str, found: str) -> bool:
    """Whether two outputs are equal except for spacing, numbers and phases."""
    forms = [VARIES.sub("*", re.sub(r"[\s─═]+", " ", text)).strip() for text in (shown, found)]
    return forms[0] == forms[1]


@pytest.fixture
def in_project(fresh_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, store = fresh_copy
    monkeypatch.chdir(folder)
    monkeypatch.setenv(STORE_VARIABLE, str(store))


@pytest.mark.usefixtures("in_project")
def test_the_page_shows_the_actual_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "displayhook", sys.__displayhook__)
    namespace: dict[str, Any] = {}
    page = ROOT / "docs" / "python.md"
    own = blocks(page, after=OWN_NETWORKS)
    of_project = blocks(page)[: -len(own)]
    assert len(of_project) > 5 < len(own)
    for block in of_project + own:
        # The project's training amplifies rounding errors; that of the small networks does not.
        compare = same_form if block in of_project else agrees
        for example in doctest.DocTestParser().get_examples(block):
            capsys.readouterr()
            exec(compile(example.source, "docs/python.md", "single"), namespace)
            found = capsys.readouterr().out
            assert compare(example.want, found), f"{example.source}\n{example.want}\n{found}"


def test_every_block_of_the_page_starts_with_a_prompt() -> None:
    for block in blocks(ROOT / "docs" / "python.md"):
        assert block.startswith(">>> ")


@pytest.mark.usefixtures("in_project")
def test_the_code_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block, *_) = blocks(ROOT / "README.md", after="## From Python")
    exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "top_eigenvalue=" in printed
    assert "phase" in printed


@pytest.mark.parametrize(
    ("shown", "found", "same"),
    [
        ("x 1.00 y", "x  1.01  y", True),
        ("1.00", "1.2", False),
        ("4", "5", False),
        ("'I'", "'II'", False),
        ("┌───┐", "┌─┐", True),
        ("1.0 2.0", "1.0", False),
    ],
)
def test_outputs_agree_up_to_rounding(shown: str, found: str, same: bool) -> None:
    assert agrees(shown, found) is same


@pytest.mark.parametrize(
    ("shown", "found", "same"),
    [
        ("│ I  ┆ 1.5 │", "│ unclassified ┆ null │", True),
        ("('I', 'poorly connected: mc -3 < -1')", "('II', 'connected: mc 3 >= -1')", True),
        ("shape: (4, 5) width phase", "shape: (4, 5) width", False),
        ("trace=5.0", "trace=7", True),
        ("trace=5.0", "top=5.0", False),
    ],
)
def test_outputs_have_the_same_form(shown: str, found: str, same: bool) -> None:
    assert same_form(shown, found) is same
