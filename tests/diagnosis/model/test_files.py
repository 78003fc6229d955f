from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape_catalog.diagnosis.model import DiagnosisModel, read_model, write_model
from landscape_catalog.diagnosis.model.features import feature_values
from landscape_catalog.errors import DamagedFileError, MissingArtifactError, StorageError
from tests.diagnosis.model.grids import fitted, planted

REMEDY = "`landscape diagnose fit NAME` makes a new one"


@pytest.fixture(scope="module")
def model() -> DiagnosisModel:
    return fitted(chosen=np.arange(0, 140, 2))


def test_a_model_that_is_read_back_is_the_same(model: DiagnosisModel, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "model.json"
    write_model(path, model)
    again = read_model(path)
    assert again == model
    values = feature_values(planted(seed=3))
    for name, expected in model.predictors[0].predict(values).probabilities.items():
        assert again.predictors[0].predict(values).probabilities[name].tolist() == expected.tolist()


def test_the_same_cells_give_the_same_bytes(model: DiagnosisModel, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_model(tmp_path / name, fitted(chosen=np.arange(0, 140, 2)[::-1]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    write_model(tmp_path / "c", model)
    content = (tmp_path / "c").read_bytes()
    assert content == (tmp_path / "a").read_bytes()
    keys = list(json.loads(content))
    assert keys == sorted(keys)


def changed(content: Any, path: list[Any], value: Any) -> Any:
    """A copy with another value at a path."""
    copy = json.loads(json.dumps(content))
    place = copy
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return copy


WRONG: list[tuple[list[Any], Any, str]] = [
    (["version"], 1, "version: got 1; allowed: 2"),
    (["version"], None, "version: got None; allowed: 2"),
    (["version"], True, "version: got True; allowed: 2"),
    (["extra"], 1, "extra: Extra inputs are not permitted"),
    (["features", 0, "low"], "a", "features.0.low: "),
    (["features", 0, "metric"], "cka", "the model: features: "),
    (["cells", "phase"], [], "the model: cells: "),
    (["predictors", 0, "gains", "actions"], ["hotter"], "predictors.0: gains: "),
    (["predictors", 0, "questions", "temperature", "slope"], None, "predictors.0.questions.temp"),
    (
        ["predictors", 0, "questions", "temperature", "regimes", "train_loss"],
        99,
        "predictors.0: questions: ",
    ),
    (["predictors", 0, "questions"], {}, "predictors.0: questions: temperature is missing"),
    (["features", 0, "low"], 1e9, "the model: features: low must not exceed high"),
    (["predictors", 0, "gains", "bins", "hotter"], [], "predictors.0: gains.bins: "),
    (["predictors", 0, "gains", "bins", "hotter", -1, "upto"], 1.0, "predictors.0: gains.bins: "),
    (
        ["predictors", 0, "questions", "sense of life"],
        {},
        "predictors.0.questions.sense of life.[key]",
    ),
    (["predictors", 0, "gains", "forest", "trees"], [], "predictors.0: gains: "),
    (["predictors", 0, "features", 0], "cka", "predictors.0: features: "),
    (["predictors", 0, "tested", "questions", "temperature", "advantages"], {}, "predictors.0: te"),
    (["predictors", 0, "tested", "n_cells"], None, "predictors.0.tested.n_cells: "),
    (["predictors"], [], "the model: predictors: "),
]


@pytest.mark.parametrize(("path", "value", "words"), WRONG)
def test_a_wrong_model_is_refused_in_one_line(
    path: list[Any], value: Any, words: str, model: DiagnosisModel, tmp_path: Path
) -> None:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(changed(model.model_dump(mode="json"), path, value)))
    with pytest.raises(DamagedFileError) as error:
        read_model(file)
    assert str(error.value).startswith(f"{file}: {words}")
    assert "\n" not in str(error.value) and str(error.value).endswith(REMEDY)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "1e999", '"NaN"'])
def test_numbers_must_be_finite(word: str, model: DiagnosisModel, tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    content = changed(model.model_dump(mode="json"), ["features", 0, "high"], "HERE")
    file.write_text(json.dumps(content).replace('"HERE"', word))
    with pytest.raises(DamagedFileError, match=r"is no number|finite number") as error:
        read_model(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b"\x80\x04."])
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match="is no diagnosis model") as error:
        read_model(file)
    assert "\n" not in str(error.value) and str(error.value).endswith(REMEDY)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError, match="does not exist; `landscape diagnose fit NAME`"):
        read_model(tmp_path / "model.json")
    with pytest.raises(DamagedFileError):
        read_model(tmp_path)


def test_a_place_that_cannot_be_written(model: DiagnosisModel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        write_model(tmp_path / "file" / "model.json", model)
