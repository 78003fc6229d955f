"""Atomic writes, sealed records, and a store that is verified on every read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from landscape_catalog.errors import DamagedFileError, StorageError
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.store.artifacts import (
    pack_run,
    read_history,
    read_run,
    read_sealed,
    read_weights,
    sealed,
    write_run,
)
from landscape_catalog.store.cache import ArtifactCache, run_cache
from landscape_catalog.store.files import file_sha256, prune, write_file, write_folder
from landscape_catalog.store.records import Provenance, Record, RunRecord

PROVENANCE = Provenance(torch="2", device="cpu", cpu="x")


def a_run(folder: Path, run_id: str = "a" * 16) -> Path:
    weights = pack_run(
        {"best_train_loss": {"w": np.arange(6.0)}}, {"train_loss": np.array([2.0, np.nan])}
    )
    record = RunRecord(
        run_id=run_id, cell_id="c", seed=0, spec={"lr": 0.1}, data_content_hash="d", n_parameters=6,
        n_epochs=2, stop_reason="diverged", best_epoch=1, provenance=PROVENANCE,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
    )  # fmt: skip
    write_run(folder / run_id, record, weights)
    return folder / run_id


def test_a_run_reads_back_as_written(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    assert read_run(folder).seed == 0
    assert read_weights(folder)["w"].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.array_equal(read_history(folder)["train_loss"], [2.0, np.nan], equal_nan=True)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("name", ["record.json", "weights.safetensors"])
@pytest.mark.parametrize("how", ["flipped", "cut", "gone"])
def test_damage_is_detected(tmp_path: Path, name: str, how: str) -> None:
    folder = a_run(tmp_path)
    path = folder / name
    if how == "flipped":
        flip(path, len(path.read_bytes()) // 2)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-7])
    else:
        path.unlink()
    with pytest.raises(DamagedFileError, match=r"is damaged"):
        read_run(folder)


def test_every_flipped_bit_of_a_record_is_detected(tmp_path: Path) -> None:
    path = a_run(tmp_path) / "record.json"
    good, whole = read_sealed(path, RunRecord), path.read_bytes()
    for at in range(len(whole)):
        flip(path, at)
        with contextlib.suppress(DamagedFileError):
            assert read_sealed(path, RunRecord) == good  # only white space may go unnoticed
        path.write_bytes(whole)


def test_a_damaged_run_is_reported_and_restored_from_the_store(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "data")
    good = file_sha256(folder / "weights.safetensors")
    assert cache.fetch(folder.name) is not None  # puts a copy into the store
    flip(folder / "weights.safetensors", 40)
    with caplog.at_level(logging.WARNING):
        assert cache.fetch(folder.name) is not None
    assert "weights.safetensors is damaged" in caplog.text
    assert file_sha256(folder / "weights.safetensors") == good


def test_a_damaged_copy_in_the_store_is_not_used(tmp_path: Path) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "store" / "runs")
    flip(folder / "weights.safetensors", 40)
    assert cache.fetch(folder.name) is None
    assert not folder.exists()


def test_a_copy_is_independent_of_the_store(tmp_path: Path) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "data")
    cache.share(folder.name)
    shared = tmp_path / "store" / "runs" / folder.name / "record.json"
    assert shared.stat().st_ino != (folder / "record.json").stat().st_ino


def test_a_store_that_cannot_be_written_is_only_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "data")
    cache.share(folder.name)
    assert "could not be added to the shared store" in caplog.text


def test_pruning_leaves_exactly_the_grid(tmp_path: Path) -> None:
    for name in ("a", "b", ".tmp-broken"):
        write_folder(tmp_path / name, {"x": b"1"})
    assert prune(tmp_path, {"a"}) == 1
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


def test_a_finished_folder_is_not_replaced(tmp_path: Path) -> None:
    write_folder(tmp_path / "run", {"x": b"first"})
    write_folder(tmp_path / "run", {"x": b"second"})
    assert (tmp_path / "run" / "x").read_bytes() == b"first"
    assert [item.name for item in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
    ],
)
def test_a_failed_write_is_explained_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(StorageError, match=words) as caught:
        write_file(tmp_path / "record.json", b"x")
    assert "record.json" in str(caught.value)
    assert list(tmp_path.iterdir()) == []  # nothing half-written is left


class Numbers(Record):
    values: list[float]


@given(st.lists(st.floats()))
def test_any_float_survives_a_record(values: list[float]) -> None:
    record = Numbers(values=values)
    back = Numbers.model_validate_json(record.model_dump_json())
    assert np.array_equal(record.values, back.values, equal_nan=True)
    assert sealed(record) == sealed(back)


def test_losses_may_be_infinite() -> None:
    adapter = TypeAdapter(Evaluation)
    values = Evaluation(loss=float("inf"), loss_sd=float("nan"), n_wrong=1, n=2)
    assert adapter.validate_json(adapter.dump_json(values)).loss == float("inf")


def test_an_empty_cache(tmp_path: Path) -> None:
    cache: ArtifactCache = run_cache(tmp_path / "data", tmp_path / "store")
    assert cache.fetch("nothing") is None
    assert not cache.has("nothing")


def test_pruning_loses_nothing_that_the_store_lacks(tmp_path: Path) -> None:
    """If the store was deleted, artifacts are copied there before the project drops them."""
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "data")
    assert cache.prune(set()) == 1
    assert not folder.exists()
    assert cache.fetch(folder.name) is not None


def test_pruning_stops_if_the_store_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "data")
    with pytest.raises(StorageError, match="cannot write"):
        cache.prune(set())
    assert folder.exists()


def test_pruning_does_not_trust_a_damaged_copy_in_the_store(tmp_path: Path) -> None:
    cache = run_cache(tmp_path / "data", tmp_path / "store")
    folder = a_run(tmp_path / "data")
    cache.share(folder.name)
    flip(tmp_path / "store" / "runs" / folder.name / "weights.safetensors", 40)
    cache.prune(set())
    assert cache.fetch(folder.name) is not None


@pytest.mark.parametrize("count", [1, 10**6])
def test_a_finder_finds_what_exists(tmp_path: Path, count: int) -> None:
    """In the project and the store, looked for one by one or listed; dangling links do not."""
    cache = ArtifactCache(tmp_path / "own", tmp_path / "shared", ".json", Path.read_text)
    assert cache.is_empty()
    assert cache.finder(count)(["a"]) == set()
    cache.local.mkdir()
    cache.path("gone").symlink_to(tmp_path / "nowhere")
    assert cache.is_empty()
    cache.shared.mkdir()
    cache.path("a").touch()
    cache.shared_path("b").touch()
    cache.path("linked").symlink_to(cache.path("a"))
    asked = ["a", "b", "c", "gone", "linked", "a.json"]
    assert not cache.is_empty()
    assert cache.finder(count)(asked) == {"a", "b", "linked"}
    assert {key for key in asked if cache.has(key)} == {"a", "b", "linked"}
