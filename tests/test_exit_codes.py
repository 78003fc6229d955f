"""The command line: each kind of error gives one message, an exit code and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
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
from tests.conftest import ROOT


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


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["plan"], False),
        (["phases"], False),
        (["claims"], False),
        (["status"], False),
        (["sql", "SELECT 1"], False),
        (["schemas"], False),
        (["preset", "show", "train"], False),
        (["preset", "use", "fig02-standard"], False),
        (["init", "train"], False),
        (["upgrade"], False),
        (["prepare"], True),
        (["train"], True),
        (["measure"], True),
        (["aggregate"], True),
        (["report"], True),
    ],
    ids=str,
)
def test_only_stages_say_that_results_are_kept(
    words: list[str],
    kept: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(**_: object) -> None:
        raise Interrupted

    monkeypatch.setattr(cli, "app", interrupted)
    monkeypatch.setattr(sys, "argv", ["landscape", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == (
        "landscape: interrupted. Finished results are kept; `dvc repro` continues.\n"
        if kept
        else "landscape: stopped.\n"
    )


PROGRAMS = {
    "module": ["-m", "landscape_catalog"],
    "script": ["-c", "from landscape_catalog.__main__ import main; main()"],
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("typer", ""),
        ("landscape_catalog.errors", ""),
        ("landscape_catalog.cli", ""),
        ("landscape_catalog.commands.plan", "landscape: stopped.\n"),
        ("pydantic", "landscape: stopped.\n"),
    ],
)
def test_ctrl_c_while_python_imports(module: str, said: str, program: str, tmp_path: Path) -> None:
    """A signal that arrives when this module is looked for."""
    (tmp_path / "sitecustomize.py").write_text(f"""\
import os, signal, sys

class Press:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Press())
""")
    paths = [str(tmp_path), str(ROOT)]
    done = subprocess.run(
        [sys.executable, *PROGRAMS[program], "plan"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", said)
