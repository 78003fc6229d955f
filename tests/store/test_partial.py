"""Checkpoints and locks of runs in training."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.store import partial
from landscape_catalog.store.partial import (
    Checkpoint,
    CheckpointKey,
    checkpoint_path,
    checkpoint_stamp,
    read_checkpoint,
    remove_checkpoint,
    remove_leftovers,
    run_locks,
    save_checkpoint,
)
from landscape_catalog.store.records import Provenance
from tests.stages import wait_until

KEY = CheckpointKey(
    run_id="a" * 16,
    data_content_hash="d",
    snapshots=["best_train_loss", "last"],
    provenance=Provenance(torch="2", device="cpu", cpu="x86_64 AVX2"),
)
CONTENT = Checkpoint({"epoch": 3, "losses": [0.1, float("inf")], "word": "é\n"}, b"\n\x00tensors\n")


def test_a_checkpoint_reads_back_as_written(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "partial", KEY) is None
    assert save_checkpoint(tmp_path / "partial", KEY, CONTENT)
    assert read_checkpoint(tmp_path / "partial", KEY) == CONTENT
    later = Checkpoint({"epoch": 4}, b"")
    assert save_checkpoint(tmp_path / "partial", KEY, later)
    assert read_checkpoint(tmp_path / "partial", KEY) == later
    remove_checkpoint(tmp_path / "partial", KEY.run_id)
    assert list((tmp_path / "partial").iterdir()) == []
    remove_checkpoint(tmp_path / "partial", KEY.run_id)


def test_every_flipped_bit_is_detected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_checkpoint(tmp_path, KEY, CONTENT)
    path = checkpoint_path(tmp_path, KEY.run_id)
    whole = path.read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        path.write_bytes(damaged)
        found = read_checkpoint(tmp_path, KEY)
        if at == 64:  # the line break after the checksum
            assert found == CONTENT
        else:
            assert found is None, at
            assert not path.exists()
            assert "does not match its checksum" in caplog.messages[-1]


@pytest.mark.parametrize("length", [0, 1, 64, 65, 100])
def test_a_truncated_checkpoint_is_discarded(tmp_path: Path, length: int) -> None:
    save_checkpoint(tmp_path, KEY, CONTENT)
    path = checkpoint_path(tmp_path, KEY.run_id)
    path.write_bytes(path.read_bytes()[:length])
    assert read_checkpoint(tmp_path, KEY) is None
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_content_hash", "other"),
        ("snapshots", ["best_train_loss"]),
        ("provenance", Provenance(torch="2", device="cpu", cpu="x86_64 AVX512")),
        ("provenance", Provenance(torch="2.1", device="cpu", cpu="x86_64 AVX2")),
        ("layout", 0),
    ],
)
def test_a_checkpoint_made_differently_is_discarded(
    tmp_path: Path, name: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    save_checkpoint(tmp_path, KEY.model_copy(update={name: value}), CONTENT)
    assert read_checkpoint(tmp_path, KEY) is None
    assert f"was made with a different {name}. The run starts from the beginning" in caplog.text
    assert not checkpoint_path(tmp_path, KEY.run_id).exists()


def test_a_checkpoint_of_another_run_is_discarded(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, KEY, CONTENT)
    other = KEY.model_copy(update={"run_id": "b" * 16})
    checkpoint_path(tmp_path, KEY.run_id).rename(checkpoint_path(tmp_path, other.run_id))
    assert read_checkpoint(tmp_path, other) is None


def test_the_stamp_changes_with_each_checkpoint(tmp_path: Path) -> None:
    stamps = [checkpoint_stamp(tmp_path, KEY.run_id)]
    for _ in range(3):
        save_checkpoint(tmp_path, KEY, CONTENT)
        stamps.append(checkpoint_stamp(tmp_path, KEY.run_id))
    assert stamps[0] is None
    assert len(set(stamps)) == 4


def test_a_full_disk_costs_one_warning_and_keeps_the_previous_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save_checkpoint(tmp_path, KEY, CONTENT)

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuse)
        for _ in range(2):
            assert not save_checkpoint(tmp_path, KEY, Checkpoint({}, b""))
    (message,) = caplog.messages
    assert "the disk is full" in message
    assert "Training continues" in message
    assert read_checkpoint(tmp_path, KEY) == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == [f"{KEY.run_id}.checkpoint"]


def test_a_store_that_cannot_be_written_gives_no_locks_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    folder = partial.partial_folder(tmp_path / "store")
    with run_locks(folder, ["a", "b"]):
        assert not save_checkpoint(folder, KEY, CONTENT)
        assert read_checkpoint(folder, KEY) is None
    with run_locks(folder, ["c"]):
        pass
    (message,) = [text for text in caplog.messages if "Training continues" in text]
    assert "there is a file where a folder is needed" in message


def test_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    for run_id in ("a" * 16, "b" * 16):
        save_checkpoint(tmp_path, KEY.model_copy(update={"run_id": run_id}), CONTENT)
    for lock in ("a" * 16, "b" * 16):
        (tmp_path / f"{lock}.lock").touch()
        (tmp_path / f"{lock}.lock.holder").write_text("1")
    for name, age in ((".tmp-old", 7200), (".tmp-new", 0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    remove_leftovers(tmp_path, dict.fromkeys(["a" * 16, "c" * 16], KEY.snapshots))
    left = {f"{'b' * 16}{ending}" for ending in (".checkpoint", ".lock", ".lock.holder")}
    assert {path.name for path in tmp_path.iterdir()} == {".tmp-new", *left}
    remove_leftovers(tmp_path / "missing", {})


@pytest.mark.parametrize(
    ("snapshots", "is_left"),
    [
        (["best_train_loss", "last"], False),
        (["last", "best_train_loss", "best_test"], False),
        (["best_train_loss", "best_test"], True),
        ([], True),
    ],
    ids=str,
)
def test_a_checkpoint_of_further_snapshots_is_no_leftover(
    snapshots: list[str], is_left: bool, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path, KEY, CONTENT)
    remove_leftovers(tmp_path, {KEY.run_id: snapshots})
    assert (read_checkpoint(tmp_path, KEY) is not None) == is_left


@pytest.mark.parametrize("content", [b"", b"damaged", b"0" * 64 + b"\n{}\n"], ids=str)
def test_a_damaged_checkpoint_of_a_finished_run_is_removed(content: bytes, tmp_path: Path) -> None:
    checkpoint_path(tmp_path, KEY.run_id).write_bytes(content)
    remove_leftovers(tmp_path, {KEY.run_id: []})
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_held_is_no_leftover(tmp_path: Path) -> None:
    with run_locks(tmp_path, ["a"]):
        with ThreadPoolExecutor() as threads:
            threads.submit(remove_leftovers, tmp_path, {"a": []}).result()
        assert (tmp_path / "a.lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_one_message_names_the_process_that_trains_a_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entered = threading.Event()

    def train() -> None:
        with run_locks(tmp_path, ["b", "c"]):
            entered.set()

    with ThreadPoolExecutor() as threads:
        with run_locks(tmp_path, ["a", "b", "c"]):
            waiting = threads.submit(train)
            wait_until(lambda: caplog.messages)
            assert not entered.is_set()
        waiting.result(timeout=60)
    assert entered.is_set()
    assert caplog.messages[0] == (
        f"run b is being trained by another process (id {os.getpid()}); waiting for it"
    )
    assert list(tmp_path.iterdir()) == []


def test_only_one_process_at_a_time_trains_a_run(tmp_path: Path) -> None:
    """Lock files are removed, and recreated, while others wait for them."""
    code = (
        "import sys; from pathlib import Path\n"
        "from landscape_catalog.store.partial import run_locks\n"
        "folder, order = Path(sys.argv[1]), sys.argv[2:]\n"
        "for _ in range(25):\n"
        "    with run_locks(folder / 'locks', order):\n"
        "        path = folder / 'count'; n = int(path.read_text()); path.write_text(str(n + 1))\n"
    )
    (tmp_path / "count").write_text("0")
    orders = (["a", "b"], ["b", "a"], ["a"])
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), *order], stderr=subprocess.PIPE
        )
        for order in orders
    ]
    for process in started:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert (tmp_path / "count").read_text() == "75"
    assert list((tmp_path / "locks").iterdir()) == []


def test_the_locks_of_a_dead_process_are_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from landscape_catalog.store.partial import run_locks\n"
        "with run_locks(Path(sys.argv[1]), ['a', 'b']): os._exit(3)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 3
    assert len(list(tmp_path.iterdir())) == 4
    with caplog.at_level(logging.INFO), run_locks(tmp_path, ["b", "a"]):
        pass
    assert caplog.messages == []
    assert list(tmp_path.iterdir()) == []
