"""The command line: each kind of error gives one message, an exit code and no traceback."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from landscape_catalog import cli
from landscape_catalog.errors import (
    DamagedFileError,
    Interrupted,
    JobsFailedError,
    MissingArtifactError,
    Problem,
    SpecError,
    StorageError,
)
from landscape_catalog.pipeline.train import stage


@pytest.fixture
def _signals() -> Iterator[None]:
    """Restore the signal handlers that `main` replaces."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (SpecError([Problem("load.width", "-1", "1 or more")]), 2, "load.width: got -1; allowed"),
        (MissingArtifactError("run `landscape prepare` first"), 2, "run `landscape prepare` first"),
        (JobsFailedError("train: 4 jobs failed"), 1, "train: 4 jobs failed"),
        (DamagedFileError("x is damaged"), 1, "x is damaged"),
        (StorageError("the disk is full"), 1, "the disk is full"),
        (OSError("no such device"), 1, "no such device"),
        (Interrupted(), 130, "`dvc repro` continues"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_one_message_and_an_exit_code(
    error: BaseException,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(root: Path) -> None:
        raise error

    monkeypatch.setattr(stage, "run_train", fails)
    monkeypatch.setattr(sys, "argv", ["landscape", "train"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == code
    assert said.err.startswith("landscape: ")
    assert words in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
