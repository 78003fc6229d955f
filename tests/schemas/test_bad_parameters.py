"""Every kind of bad parameter gets one message: path, value given, what is allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from landscape_catalog.errors import SpecError
from landscape_catalog.stages.workspace import open_workspace

GOOD = """\
dataset: {name: digits}
model: {name: resnet18}
load: {width: [2, 4]}
temperature: {batch_size: [16, 32]}
train: {}
measure: {}
classify: {}
report: {}
variants: {}
"""

# What is changed, the path in the message, what was given, what is allowed.
BAD = {
    "unknown section": ("lod: {width: 2}", "lod", "unknown key", "did you mean `load`"),
    "unknown key": ("load: {widht: 2, width: 4}", "load.widht", "unknown", "did you mean `width`"),
    "unknown nested key": (
        "measure: {hessian: {sample: 3}}", "measure.hessian.sample", "unknown", "`samples`"),
    "wrong type": ("load: {width: wide}", "load.width", "'wide'", "integer"),
    "wrong type in an axis": ("load: {width: [2, wide]}", "load.width", "'wide'", "integer"),
    "a number in quotes": ("temperature: {lr: '0.1'}", "temperature.lr", "'0.1'", "number"),
    "a fraction for a count": ("load: {width: 2.5}", "load.width", "2.5", "integer"),
    "a truth value for a count": ("load: {width: true}", "load.width", "True", "integer"),
    "out of range": ("load: {width: 2, label_noise: 1.5}", "load.label_noise", "1.5", "less than or equal to 1"),
    "negative": ("temperature: {weight_decay: -1}", "temperature.weight_decay", "-1", "greater than or equal to 0"),
    "zero": ("train: {epochs: 0}", "train.epochs", "0", "greater than 0"),
    "NaN": ("temperature: {lr: .nan}", "temperature.lr", "nan", "finite"),
    "infinite": ("temperature: {lr: .inf}", "temperature.lr", "inf", "finite"),
    "empty axis": ("load: {width: []}", "load.width", "[]", "at least one"),
    "repeated axis value": ("load: {width: [2, 4, 2]}", "load.width", "[2, 4, 2]", "repeated: 2"),
    "the same samples twice": ("load: {width: 2, samples: [all, 1437]}", "load.samples", "all", "same"),
    "samples neither number nor all": ("load: {width: 2, samples: some}", "load.samples", "'some'", "'all'"),
    "more samples than there are": ("load: {width: 2, samples: 5000}", "load.samples", "5000", "at most 1437"),
    "batch larger than a landscape": (
        "load: {width: 2, samples: [300, 20]}\nmeasure: {hessian: {samples: 9}, connectivity: {batch_size: 9}}",
        "temperature.batch_size", "32", "at most 20"),
    "Hessian batch too large": ("load: {width: 2, samples: 150}", "measure.hessian.samples", "200", "at most 150"),
    "test set too large": ("dataset: {name: digits, test_samples: 1790}", "dataset.test_samples", "1790", "between 10"),
    "unknown dataset": ("dataset: {name: cifar11}", "dataset.name", "'cifar11'", "digits"),
    "unknown model": ("model: {name: resnet19}", "model.name", "'resnet19'", "resnet18"),
    "unknown choice": (
        "measure: {connectivity: {pairs: some}}", "measure.connectivity.pairs", "'some'", "'first', 'ring' or 'all'"),
    "a list where none may be": ("train: {epochs: [1, 2]}", "train.epochs", "[1, 2]", "integer"),
    "missing section": ("model:", "model", "null", ""),
    "a seed too large": ("dataset: {name: digits, seed: 4294967296}", "dataset.seed", "4294967296", "less than"),
    "text that no file can hold": ('report: {title: "\\ud800"}', "report.title", "ud800", "UTF-8"),
    "a section that is none": ("train: 5", "train", "5", "a mapping"),
    "a device that is not here": ("execution: {device: cuda}", "execution.device", "'cuda'", "finds no GPU"),
    "a batch of one": ("temperature: {batch_size: [1, 2]}", "temperature.batch_size", "1", "greater than 1"),
    "missing key": ("load: {}", "load.width", "nothing", "required"),
    "a threshold that is none": ("classify: {train_loss: low}", "classify.train_loss", "'low'", "number"),
    "an axis to draw that is none": ("report: {x: width}", "report.x", "'width'", "load.width"),
    "workers": ("execution: {workers: many}", "execution.workers", "'many'", "'auto'"),
}  # fmt: skip


def changed(change: str) -> str:
    """The good parameters with whole sections replaced."""
    sections = {line.split(":")[0]: line for line in GOOD.splitlines()}
    sections |= {line.split(":")[0]: line for line in change.splitlines()}
    return "\n".join(sections.values()) + "\n"


def test_the_good_parameters_are_good(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(GOOD)
    assert len(open_workspace(tmp_path).grid.cells) == 4


@pytest.mark.parametrize("kind", BAD)
def test_one_clear_message(kind: str, tmp_path: Path) -> None:
    change, path, given, allowed = BAD[kind]
    (tmp_path / "params.yaml").write_text(changed(change))
    with pytest.raises(SpecError) as caught:
        open_workspace(tmp_path)
    assert caught.value.exit_code == 2
    matching = [problem for problem in caught.value.problems if problem.path == path]
    assert len(matching) == 1, str(caught.value)
    assert given in matching[0].given
    assert allowed in matching[0].allowed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "a file of that name"),
        ("load: [1, 2", "YAML"),
        ("", "a mapping of sections"),
        ("- 1\n- 2\n", "a mapping of sections"),
        ("load: {width: 1}\nload: {width: 2}\n", "duplicate key"),
        ("load: {width: 2020-13-45}", "month must be"),
        ("load: {width: !!int abc}", "invalid literal"),
        ("1: 2", "keys as text"),
    ],
)
def test_unreadable_parameters(text: str | None, words: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(SpecError, match=words):
        open_workspace(tmp_path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"load: \xff\xfe")
    with pytest.raises(SpecError, match="UTF-8"):
        open_workspace(tmp_path)


def test_the_command_says_it_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(changed("load: {widht: 2, width: [4, -1]}"))
    done = subprocess.run(
        [sys.executable, "-m", "landscape_catalog", "prepare"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "load.widht: got an unknown key" in done.stderr
    assert "load.width: got -1; allowed: greater than 0" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
