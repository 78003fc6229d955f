"""`landscape sql` from the command line: where a query comes from, and what a terminal can show."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import psutil
import pytest

from landscape_catalog import cli
from landscape_catalog.commands.sql import read_query
from landscape_catalog.errors import QueryError
from landscape_catalog.terminal import printable
from tests.catalog.test_query import ENDLESS, write_tables
from tests.stages import wait_until


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write_tables(folder / "data" / "catalog")
    for name in ("params.yaml", "dvc.yaml"):
        (folder / name).touch()
    return folder


def asked(
    project: Path, *words: str | bytes, given: bytes = b"", encoding: str = "utf-8"
) -> tuple[int, bytes, bytes]:
    """Exit code, output and messages of the command, with the given standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "landscape_catalog", "sql", *words],
        cwd=project,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        input=given,
        capture_output=True,
        timeout=120,
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arg", "is_comment"),
    [
        ("-- a comment\nSELECT 1", True),
        ("--a comment\nSELECT 1", True),
        ("--\nSELECT 1", True),
        ("--format\nSELECT 1", True),
        ("--1=1 is true\nSELECT 1", False),  # an option that does not exist, and is said not to
        ("--", False),
        ("--format", False),
        ("--format=csv", False),
        ("--formt=csv", False),
        ("-", False),
        ("SELECT 1 -- end", False),
    ],
)
def test_comments_and_options(arg: str, is_comment: bool) -> None:
    assert cli._is_comment(arg) == is_comment


def test_a_query_may_begin_with_a_comment_and_come_from_anywhere(project: Path) -> None:
    sql = "-- é = a comment\nSELECT 'é' AS a"
    file = project / "a query.sql"
    file.write_bytes(b"\xef\xbb\xbf" + sql.encode())
    words = (["--format", "csv", sql], ["--format=csv", "-"], ["-f", file.name, "--format", "csv"])
    for asking in words:
        assert asked(project, *asking, given=sql.encode()) == (0, "a\né\n".encode(), b"")


def test_a_latin_1_terminal(project: Path) -> None:
    sql = "SELECT 'é≤😀' AS a"

    def said(form: str) -> bytes:
        code, out, err = asked(project, "--format", form, sql, encoding="latin-1")
        assert (code, err) == (0, b"")
        return out

    assert said("csv") == b"a\n\xe9\\u2264\\U0001f600\n"
    assert said("json") == b'[{"a":"\\u00e9\\u2264\\ud83d\\ude00"}]\n'
    assert b"\xe9\\u2264" in said("table")
    assert said("table").startswith(b"+--")


def test_bytes_that_are_no_text(project: Path) -> None:
    code, _, err = asked(project, b"SELECT '\xff'")
    assert (code, err.count(b"\n")) == (2, 1)
    assert b"is not UTF-8 text" in err
    code, _, err = asked(project, "-", given=b"SELECT '\xff'")
    assert (code, err) == (2, b"landscape: standard input is not UTF-8 text (byte 9)\n")


@pytest.mark.parametrize(
    ("words", "file", "message"),
    [
        (None, None, "give one query"),
        ("SELECT 1", "a.sql", "give one query"),
        (None, "absent.sql", "cannot be read: No such file"),
        (None, ".", "cannot be read: Is a directory"),
        (None, "/dev/zero", "it has more than 1048576 bytes"),
    ],
)
def test_queries_that_cannot_be_read(words: str | None, file: str | None, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        read_query(words, None if file is None else Path(file))


def test_a_full_disk_behind_standard_output(project: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "landscape_catalog", "sql", "SELECT 1"],
            cwd=project, stdout=full, stderr=subprocess.PIPE, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(b"landscape: cannot write: the disk is full. It is standard outp")
    assert b"Traceback" not in done.stderr


def test_control_characters_do_not_reach_the_terminal(project: Path) -> None:
    sql = "SELECT chr(27) || '[31m' AS \"\x1b[32m\", 'two' || chr(10) || 'lines' AS b"
    code, out, _ = asked(project, sql)
    assert code == 0
    assert b"\x1b" not in out
    assert rb"\x1b[31m" in out
    assert rb"two\nlines" in out
    code, _, err = asked(project, "SELECT \x1b[31m")
    assert code == 2
    assert b"\x1b" not in err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb\nc é", "a\tb\nc é"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\rb", r"a\x0db"),
        ("\x7f\x9b31m", r"\x7f\x9b31m"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("\udcff", r"\udcff"),
    ],
)
def test_printable_text(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_three_quick_interrupts_within_a_long_query(project: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "landscape_catalog", "sql", "--timeout", "100", ENDLESS],
        cwd=project, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    # Starting takes about a second of the processor; a busy machine may be long about it.
    wait_until(lambda: psutil.Process(process.pid).cpu_times().user > 4)
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said == "landscape: stopped.\n"


def test_without_a_query_it_says_how_to_open_the_file(project: Path) -> None:
    code, out, _ = asked(project)
    assert code == 0
    for program in (b"duckdb -readonly data/catalog.duckdb", b"-ui", b"harlequin"):
        assert program in out


def test_formats_for_other_programs(project: Path) -> None:
    sql = "SELECT 'a|b' AS x, 1.5 AS \"y|z\""
    code, out, _ = asked(project, sql, "--format", "markdown")
    assert code == 0
    assert out.decode().splitlines() == [
        "| x    | y\\|z |",
        "|------|------|",
        "| a\\|b | 1.5  |",
    ]
    code, out, _ = asked(project, "SELECT 1 AS n, 'é' AS word", "--format", "parquet")
    assert code == 0
    assert pl.read_parquet(io.BytesIO(out)).to_dicts() == [{"n": 1, "word": "é"}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--all", "--source", "current"), b"give --all or --source, not both"),
        (("--source", "nobody"), b"there is no source 'nobody'; there are current"),
        (("--source", ""), b"there is no source ''"),
    ],
)
def test_sources_that_are_refused(project: Path, words: tuple[str, ...], said: bytes) -> None:
    code, out, err = asked(project, "SELECT 1", *words)
    assert (code, out) == (2, b"")
    assert said in err


def test_all_sources_of_a_project_with_one(project: Path) -> None:
    code, out, _ = asked(project, "--all", "SELECT name FROM sources", "--format", "csv")
    assert (code, out) == (0, b"name\ncurrent\n")
