"""The commands of docs/diagnosis.md, on a network of torchvision and on a user's own."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from landscape_catalog.cli import app
from tests.conftest import ROOT
from tests.diagnosis.made import (
    SOURCE,
    blobs,
    folder_samples,
    image_folder,
    perceptron,
    trained,
)
from tests.test_readme_commands import commands

SIDE, SEEDS, MOST_STEPS, LOSS = 20, 3, 100, 0.02
RUN = [
    line
    for line in commands(ROOT / "docs" / "diagnosis.md")
    if line.startswith("landscape diagnose run")
]


def squeezenets(folder: Path) -> None:
    """Three that fit the images, trained from scratch; seeds that get stuck are left out."""
    from torchvision import models

    samples, made = folder_samples(folder / "photos"), 0
    for seed in range(10):
        if made == SEEDS:
            return
        torch.manual_seed(seed)
        network = models.squeezenet1_1(num_classes=3)
        optimizer = torch.optim.Adam(network.parameters(), 3e-4)
        for _ in range(MOST_STEPS):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(samples.inputs), samples.targets)
            loss.backward()
            optimizer.step()
            if float(loss.detach()) < LOSS:
                state = {f"module.{k}": v for k, v in network.state_dict().items()}
                torch.save({"state_dict": state, "epoch": 1}, folder / f"seed{made}.pt")
                made += 1
                break
    raise AssertionError(f"{made} of 10 networks have learnt their images")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documented")
    image_folder(folder / "photos", train=6, test=3, size=(SIDE, SIDE))
    squeezenets(folder)
    (folder / "mine.py").write_text(SOURCE)
    for seed, name in enumerate(("first", "second")):
        save_file(trained(perceptron, blobs().train, seed), folder / f"{name}.safetensors")
    return folder


def run(line: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(place)
    (place / "diagnosis.html").unlink(missing_ok=True)
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, (line, result.exception, result.output)
    assert (place / "diagnosis.html").read_text().startswith("<!doctype html>")
    return result.stdout


def test_the_page_shows_three_commands() -> None:
    assert len(RUN) == 3
    assert "seed0.pt seed1.pt seed2.pt --network torchvision:" in RUN[0]


@pytest.mark.slow
def test_three_checkpoints_and_an_image_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = " ".join(run(RUN[0], place, monkeypatch).split())
    assert "3 checkpoints of torchvision:squeezenet1_1" in said
    assert "18 training and 9 test samples, 3 classes" in said
    assert "Phase: " in said and "Page: diagnosis.html" in said
    for words in ("training loss", "test accuracy", "mode connectivity", "CKA similarity"):
        assert words in said


def test_one_checkpoint_as_json(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = json.loads(run(RUN[1], place, monkeypatch))
    assert found["data"]["classes"] == ["blue", "green", "red"]
    assert found["phase"]["name"] is None
    assert set(found["phase"]["possible"]) in ({"I", "II"}, {"III", "IV-A", "IV-B"})
    assert found["phase"]["probabilities"] == {} and found["advice"] == []
    metrics = {metric["metric"]: metric for metric in found["metrics"]}
    assert metrics["train_error"]["mean"] == 0.0
    assert "cka" not in metrics


def test_own_code_and_two_checkpoints(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Phase: IV-B" in run(RUN[2], place, monkeypatch)


def test_the_lines_of_python(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    text = (ROOT / "docs" / "diagnosis.md").read_text()
    code = text.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["found"].phase.possible == ("IV-B",)


def test_within_a_project_the_page_is_one_of_its_reports(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).write_text("{}")
    for name in ("first.safetensors", "mine.py"):
        (tmp_path / name).write_bytes((place / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    line = "diagnose run first.safetensors --network mine:network --data mine:data"
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0, result.exception
    assert (tmp_path / "reports" / "diagnosis.html").is_file()
    assert not (tmp_path / "diagnosis.html").exists()
