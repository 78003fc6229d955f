"""The commands that README and docs/ show: those that are quick run, and all of them exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from landscape_catalog import cli
from tests.conftest import ROOT, environment
from tests.exchange.imports.sources import write_yang

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TRAINS = "it trains; the fixture `finished` and tests/test_pipeline.py run it"
STUDY = "tests/test_study.py makes studies"
OWN = "tests/diagnosis/test_documented.py diagnoses checkpoints"
# The commands of the README that are run here.
RUN = {
    "landscape preset list",
    "landscape preset show fig18-translation",
    "landscape preset use fig18-translation --scale smoke",
    "landscape plan",
    "landscape status",
    "dvc exp show",
    "dvc metrics diff",
    "dvc plots show",
    "landscape phases",
    "landscape facts",
    "landscape claims",
    "landscape sql 'SELECT width, batch_size, phase, test_accuracy, mode_connectivity FROM cells'",
    "landscape sql --format csv 'SELECT phase, avg(test_accuracy) FROM cells GROUP BY phase'",
    "landscape sql -f question.sql",
    "landscape import yang2021 results.tar.gz",
    "landscape collect --experiments",
    "landscape sql --all 'SELECT origin, phase, count(*) FROM cells GROUP BY ALL ORDER BY ALL'",
    "landscape report --source yang2021",
    "landscape report --index",
    "landscape figure --layout paper --format pdf",
    "landscape export bundle my-grid",
}
# Those that are not, and why.
NOT_RUN = {
    "landscape init my-study": STUDY,
    "landscape diagnose run a.pt b.pt c.pt --network torchvision:resnet18 --data photos "
    "--mean 0.5 --std 0.25": OWN,
    "dvc repro": TRAINS,
    "dvc exp run -S load.label_noise=0.2": TRAINS,
    "dvc exp run -S 'load.label_noise=[0,0.2]'": TRAINS,
    "dvc exp run -S train.seeds=6": TRAINS,
    "dvc exp run -S classify.cka.threshold=0.6": TRAINS,
}


def commands(document: Path) -> list[str]:
    """The lines of a document's shell blocks that start `landscape` or `dvc`, without comments."""
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S))
    lines = [line for line in blocks.splitlines() if line.startswith(("landscape ", "dvc "))]
    return [shlex.join(shlex.split(line, comments=True)) for line in lines]


RUN_WHOLLY = ("catalog.md", "store-and-export.md")  # after those of the README
README = commands(DOCUMENTS[0])
SHOWN = [(path.name, line) for path in DOCUMENTS for line in commands(path)]


def parse_landscape(words: list[str]) -> None:
    """Read a command as the command line does, without starting it."""
    command: Any = typer.main.get_command(cli.app)
    context = None
    while hasattr(command, "resolve_command"):  # a group, whichever Click Typer comes with
        context = command.make_context("landscape", list(words), parent=context)
        _, command, words = command.resolve_command(context, list(words))
    command.make_context("landscape", list(words), parent=context)


def parse_dvc(words: list[str]) -> None:
    from dvc.cli.parser import get_main_parser

    get_main_parser().parse_args(words)


def test_every_command_of_the_readme_is_accounted_for() -> None:
    text = DOCUMENTS[0].read_text(encoding="utf-8")
    assert set(re.findall(r"^ *```(\w+)", text, re.M)) == {"sh", "python"}
    assert set(README) == {*RUN, *NOT_RUN}
    assert RUN.isdisjoint(NOT_RUN)


@pytest.mark.parametrize(("document", "line"), SHOWN)
def test_a_command_exists_with_its_options(document: str, line: str) -> None:
    program, *words = shlex.split(line)
    (parse_landscape if program == "landscape" else parse_dvc)(words)


WRONG = {
    "landscape collect --nothing": "NoSuchOption",
    "landscape export csv": "MissingParameter",
    "landscape export bundle a b": "UsageError",
    "landscape import table a.csv": "MissingParameter",
    "landscape nothing": "UsageError",
    "landscape store nothing": "UsageError",
    "landscape sql --format xml": "BadParameter",
    "landscape figure --format gif": "BadParameter",
    "landscape figure --layout wide": "BadParameter",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises(Exception) as error:
        parse_landscape(shlex.split(line)[1:])
    assert type(error.value).__name__ == WRONG[line]


def run_all(lines: list[str], folder: Path, store: Path) -> Iterator[tuple[str, int, str]]:
    """Run commands one after the other, those of the project in this process."""
    parameters = (folder / "params.yaml").read_bytes()
    for line in lines:
        program, *words = shlex.split(line)
        if program == "dvc":
            done = subprocess.run(
                [program, *words],
                cwd=folder,
                env=environment(store),
                capture_output=True,
                text=True,
            )
            yield line, done.returncode, done.stdout + done.stderr
        else:
            yield line, cli._guarded(lambda w=words: cli.app(w, standalone_mode=False)), ""
        if "preset use" in line:  # what follows is about the experiment that has a catalog
            assert (folder / "params.yaml").read_bytes() != parameters
            (folder / "params.yaml").write_bytes(parameters)


def test_the_commands_run(
    fresh_copy: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, store = fresh_copy
    write_yang(folder / "results.tar.gz")
    (folder / "question.sql").write_text("SELECT count(*) FROM runs")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LANDSCAPE_STORE", str(store))
    lines = [line for line in dict.fromkeys(README) if line in RUN]
    lines += [line for name, line in SHOWN if name in RUN_WHOLLY]
    failed = [(line, code, said) for line, code, said in run_all(lines, folder, store) if code]
    assert not failed, f"{failed}\n{capsys.readouterr().err}"
    for made in ("reports/index.html", "reports/figures/paper.pdf"):
        assert (folder / made).exists()
    for made in ("reports/other/yang2021.html", "my-grid/README.md", "theirs/settings.yaml"):
        assert (folder / made).exists()
