"""The questions of docs/cookbook.md: both answers to each are computed, and are equal."""

from __future__ import annotations

import functools
import io
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from landscape_catalog.commands.sql import answer
from tests.catalog.rich import import_published, rich_project
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "cookbook.md"
OF_ALL = "-- landscape sql --all\n"


@dataclass(frozen=True)
class Question:
    """A question of the page.

    Attributes:
        title: its heading.
        words: the text below it.
        sql: the answers in SQL.
        python: the answers in Polars.
    """

    title: str
    words: str
    sql: tuple[str, ...]
    python: tuple[str, ...]


def questions() -> list[Question]:
    _, *parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = []
    for part in parts:
        title, _, body = part.partition("\n")
        sql, python = (
            tuple(re.findall(rf"```{name}\n(.*?)```", body, re.DOTALL))
            for name in ("sql", "python")
        )
        words = re.sub(r"```.*?```", "", body, flags=re.DOTALL).strip()
        found.append(Question(title, words, sql, python))
    return found


def preamble() -> str:
    """What all answers in Python begin with."""
    head = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", head, re.DOTALL)
    return str(code)


QUESTIONS = questions()
TITLES = [question.title for question in QUESTIONS]


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which every question has an answer."""
    return rich_project(tmp_path_factory.mktemp("cookbook"), tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def trained(finished: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog of a tiny project that was trained, and an import."""
    root = tmp_path_factory.mktemp("trained")
    shutil.copytree(finished[0] / "data" / "catalog", root / "data" / "catalog")
    import_published(root, tmp_path_factory.mktemp("files"))
    return root


@functools.cache
def answers(question: Question, root: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The answer of `landscape sql`, and that of Polars in the project's folder."""
    (sql,), (python,) = question.sql, question.python
    source = "all" if sql.startswith(OF_ALL) else "current"
    content = answer(root, sql, "parquet", source=source)
    assert isinstance(content, bytes)
    namespace: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        exec(compile(preamble() + python, PAGE.name, "exec"), namespace)
    return pl.read_parquet(io.BytesIO(content)), namespace["answer"]


def test_there_are_fifteen_questions() -> None:
    assert [title.split(".")[0] for title in TITLES] == [str(n) for n in range(1, 16)]
    for question in QUESTIONS:
        assert question.title.endswith("?")
        assert question.words.endswith(".")
        assert (len(question.sql), len(question.python)) == (1, 1)
        of_all = "--all" in question.sql[0]
        assert of_all == question.sql[0].startswith(OF_ALL) == ("everything" in question.python[0])


@pytest.mark.parametrize("question", QUESTIONS, ids=TITLES)
def test_both_answers_are_equal(question: Question, made_up: Path) -> None:
    in_sql, in_polars = answers(question, made_up)
    assert in_sql.height > 0
    assert_frame_equal(in_sql, in_polars, check_dtypes=False, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("question", QUESTIONS, ids=TITLES)
def test_both_answers_are_equal_in_a_trained_project(question: Question, trained: Path) -> None:
    """Also where cells have not converged and most numbers are missing."""
    in_sql, in_polars = answers(question, trained)
    assert_frame_equal(in_sql, in_polars, check_dtypes=False, rel_tol=1e-9, abs_tol=1e-12)


def test_the_made_up_experiment_has_what_the_questions_look_for(made_up: Path) -> None:
    """What was put in: a dip at width 8, diverged runs at width 1 and batch size 16."""
    found = {title.split(".")[0]: answers(q, made_up)[0] for title, q in zip(TITLES, QUESTIONS)}
    assert found["1"]["width"].to_list() == [1, 2, 4, 8, 16, 32]
    assert set(found["3"]["width"]) == {8}
    worst = found["4"].rows()[:2]
    assert [row[:2] for row in worst] == [("load.width", 1), ("temperature.batch_size", 16)]
    assert [row[3] for row in worst] == [4, 4]
    assert set(found["6"]["phase"]) == {"I", "II", "III", "IV-A", "IV-B", "NC"}
    assert found["11"]["places"].to_list() == [3, 1]
    assert found["11"]["epochs"].to_list()[1] is None
    assert found["13"].group_by("origin").agg(pl.sum("share"))["share"].to_list() == pytest.approx(
        [1, 1]
    )
