"""`landscape store`: what it prints and refuses, and that a pruned store loses nothing of a project."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from landscape_catalog import cli
from landscape_catalog.paths import STORE_VARIABLE
from landscape_catalog.store.files import write_file
from tests.stages import counts, run_stages

DAY = 86400


Say = Callable[..., str]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """What `landscape store` prints, or its error message if it is to fail with an exit code."""

    def run(*words: str, fails: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["landscape", "store", *words])
        capsys.readouterr()
        code = cli._guarded(lambda: cli.app(["store", *words], standalone_mode=False))
        found = capsys.readouterr()
        assert code == fails, found.err
        if not fails:
            return found.out
        assert (found.out, found.err.count("\n")) == ("", 1)
        return found.err

    return run


def make_older(store: Path, seconds: float) -> None:
    for path in [store, *store.rglob("*")]:
        times = path.stat().st_atime, path.stat().st_mtime - seconds
        os.utime(path, times)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def row(table: str, kind: str) -> list[str]:
    (line,) = [line for line in table.splitlines() if line.startswith(f"{kind} ")]
    return re.split(r"\s{2,}", line)


@pytest.fixture
def aged(fresh_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A finished project and a store of its own results, of which nothing was used for ten days.

    Other tests of the session may have added measurements to the store that was copied.
    """
    folder, store = fresh_copy
    held = {path.name for path in (folder / "data" / "measurements").iterdir()}
    for path in (store / "measurements").iterdir():
        if path.name not in held:
            path.unlink()
    make_older(store, 10 * DAY)
    monkeypatch.chdir(folder)
    monkeypatch.setenv(STORE_VARIABLE, str(store))
    return folder, store


def test_the_size_of_a_store(
    aged: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    folder, store = aged
    for path in sorted((folder / "data" / "measurements").glob("*.json"))[:3]:
        path.unlink()
    write_file(store / "runs" / "notes.txt", b"mine")
    before = files(store)
    table = say("size")
    assert files(store) == before
    runs = sum(len(content) for name, content in before.items() if name.startswith("runs/")) - 4
    n = len(list((store / "measurements").iterdir()))
    own = len(list((folder / "data" / "measurements").iterdir()))
    size = f"{runs / 1000:.1f} kB"
    assert row(table, "runs") == ["runs", "8", size, "10 days ago", "10 days ago", f"8 ({size})"]
    assert row(table, "measurements")[1] == str(n)
    assert row(table, "measurements")[-1].startswith(f"{own} (")
    assert row(table, "all")[1] == str(8 + n + 1)
    assert "1 unknown, 4 bytes; these are never removed:\n  runs/notes.txt: not written" in table


def test_pruning_everything_costs_a_project_nothing(
    aged: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    folder, store = aged
    stored, tables = files(store), files(folder / "data")
    dry = say("prune", "--older-than", "9d")
    assert files(store) == stored
    n = len(list((store / "measurements").iterdir()))
    own = len(list((folder / "data" / "measurements").iterdir()))
    assert "would remove  8 runs, " in dry
    assert f"{n} measurements, " in dry
    assert f"this project's data/ holds {8 + own} of them" in dry
    assert "the same command with --yes removes it" in dry
    done = say("prune", "--older-than", "9d", "--yes")
    assert "removed       8 runs, " in done
    assert "--yes" not in done
    assert [name.partition("/")[0] for name in files(store)] == ["data"]
    output = run_stages(folder, store)
    assert counts(output) == {"trained": 0, "made": 0}
    assert files(folder / "data" / "catalog") == {
        name.removeprefix("catalog/"): content
        for name, content in tables.items()
        if name.startswith("catalog/")
    }
    assert files(store) == stored, "the project adds what it holds to the store again"


def test_pruning_what_a_project_does_not_hold(
    aged: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    folder, store = aged
    first, *others = sorted((folder / "data" / "measurements").glob("*.json"))
    first.unlink()
    say("prune", "--unused", "--yes")
    assert not (store / "measurements" / first.name).exists()
    assert all((store / "measurements" / path.name).exists() for path in others)
    monkeypatch.chdir(store.parent)
    assert "--unused: there is no project here" in say("prune", "--unused", fails=2)
    assert "in this project" not in say("size")


def test_a_store_may_be_kept_below_a_size(
    aged: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    _, store = aged
    newest = next((store / "runs").iterdir())
    os.utime(newest)
    most = sum(map(len, files(store).values())) // 2
    say("prune", "--max-size", f"{most}B", "--yes")
    left = sum(map(len, files(store).values()))
    assert most - 60_000 < left <= most
    assert newest.exists()
    everything = say("prune", "--max-size", "0B", "--yes")
    assert "kept          1 result used less than 1 h 00 min ago" in everything
    assert "stay, more than --max-size" in everything
    assert list((store / "runs").iterdir()) == [newest]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--older-than", "30"], "--older-than: got '30'; allowed: a duration such as 12h"),
        (["--older-than", "-1d"], "--older-than: got '-1d'; allowed: a duration"),
        (["--older-than", "a month"], "--older-than: got 'a month'; allowed: a duration"),
        (["--max-size", "20"], "--max-size: got '20'; allowed: a size such as 500MB or 20GB"),
        (["--max-size", "all"], "--max-size: got 'all'; allowed: a size"),
    ],
    ids=str,
)
def test_what_is_no_duration_and_no_size(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    say: Say,
) -> None:
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path))
    assert message in say("prune", *words, fails=2)


@pytest.mark.parametrize("command", [["size"], ["prune"], ["prune", "--max-size", "1MB", "--yes"]])
def test_a_missing_store(
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    say: Say,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(STORE_VARIABLE, "nowhere")
    assert say(*command).startswith("There is no shared store yet (")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "nowhere").touch()
    assert "nowhere cannot be read: Not a directory" in say(*command, fails=1)


def test_a_store_that_cannot_be_written(
    aged: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    _, store = aged
    rename = Path.rename
    kept = {path.name for path in sorted((store / "runs").iterdir())[:3]}

    def refuse(path: Path, target: Path) -> Path:
        if path.name in kept:
            raise PermissionError(13, "Permission denied", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert "would remove  8 runs" in say("prune", "--older-than", "1d")
    assert row(say("size"), "runs")[1] == "8"
    error = say("prune", "--older-than", "1d", "--yes", fails=1)
    assert error.startswith("landscape: 3 of ")
    assert "no permission to write to the folder" in error
    assert {path.name for path in (store / "runs").iterdir()} == kept
    assert list((store / "measurements").iterdir()) == []
