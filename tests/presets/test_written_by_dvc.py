"""Setting a parameter with `dvc exp run -S` changes the lines of that parameter and no others."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import modify_yaml

from landscape_catalog.commands.presets import preset_text
from landscape_catalog.commands.study_files import template
from landscape_catalog.experiment.reading import parse_experiment
from landscape_catalog.presets import PRESETS, SCALES
from landscape_catalog.presets.render import render
from tests.conftest import ROOT

DEFAULT = (ROOT / "params.yaml").read_text()


def changed_lines(text: str, folder: Path, *overrides: str) -> list[str]:
    """The lines removed (-) and added (+) by DVC's own writer, without comments."""
    path = folder / "params.yaml"
    path.write_text(text)
    apply_overrides(str(path), list(overrides))
    new = path.read_text()
    assert sorted(comments(new)) == sorted(comments(text)), "a comment is lost"
    found = difflib.unified_diff(text.splitlines(), new.splitlines(), n=0, lineterm="")
    return [line.partition("#")[0].rstrip() for line in found if line[:3] not in ("---", "+++", "")
            and line[0] in "+-" and line.strip() not in ("+", "-")]  # fmt: skip


@pytest.mark.parametrize("text", [(ROOT / "dvc.yaml").read_text(), template("stages.yaml")])
def test_the_stages(text: str, tmp_path: Path) -> None:
    """`dvc stage add` writes the whole of dvc.yaml anew, too."""
    path = tmp_path / "dvc.yaml"
    path.write_text(text)
    with modify_yaml(path) as content:
        content["stages"]["report"]["deps"].append("mine")
    head, mark, tail = text.rpartition("    params: [report]")
    assert path.read_text() == f"{head}    - mine\n{mark}{tail}"


def test_a_long_title(tmp_path: Path) -> None:
    experiment = PRESETS["fig02-standard"].experiment("smoke")
    for title in ("a long title " * 20, "x" * 200, "ends in a colon:", "# no comment", "ü" * 90):
        report = experiment.report.model_copy(update={"title": title})
        text = render(experiment.model_copy(update={"report": report}), "A test.")
        assert parse_experiment(text).report.title == title
        assert changed_lines(text, tmp_path, "train.seeds=7") == ["-  seeds: 2", "+  seeds: 7"]


def comments(text: str) -> list[str]:
    return [part for line in text.splitlines() if (part := line.partition("#")[2])]


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        ("load.label_noise=0.2", ["-  label_noise: 0.0", "+  label_noise: 0.2"]),
        ("load.width=3", ["-  width:", "-  - 1", "-  - 2", "-  - 4", "-  - 8", "+  width: 3"]),
        ("load.width=[1,2,4,8]", []),
        ("load.width=[1,2,4,8,16]", ["+  - 16"]),
        ("load.samples=[100,200]", ["-  samples: all", "+  samples:", "+  - 100", "+  - 200"]),
        ("dataset.path=mine/x.npz", ["-  path:", "+  path: mine/x.npz"]),
        ("dataset.resize=16", ["-  resize:", "+  resize: 16"]),
        ("classify.train_loss=null", ["-  train_loss: 0.05", "+  train_loss:"]),
        ("train.milestones=[0.5,0.75]", ["+  - 0.5"]),
        ("measure.hessian.layers=true", ["-    layers: false", "+    layers: true"]),
        ("report.title=Other", ["-  title: Phases of ResNet18 on digits", "+  title: Other"]),
        ("report.panels=[cka]", ["+  - cka"]),
        ("+load.extra.a=1", ["-  extra: {}", "+  extra:", "+    a: 1"]),
        ("execution.workers=3", ["-  workers: auto", "+  workers: 3"]),
    ],
)
def test_the_default_experiment(override: str, changes: list[str], tmp_path: Path) -> None:
    assert changed_lines(DEFAULT, tmp_path, override) == changes
    parse_experiment((tmp_path / "params.yaml").read_text())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset(name: str, tmp_path: Path) -> None:
    for scale in SCALES:
        text = preset_text(PRESETS[name], scale)
        assert changed_lines(text, tmp_path, "train.first_seed=7") == [
            "-  first_seed: 0",
            "+  first_seed: 7",
        ]
