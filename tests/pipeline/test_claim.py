"""A run that another process has trained meanwhile is taken from the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from landscape_catalog.pipeline.train.claim import claimed
from landscape_catalog.store.cache import run_cache
from landscape_catalog.store.partial import checkpoint_path
from landscape_catalog.store.records import RunRecord
from tests.stages import wait_until
from tests.store.test_files_and_cache import a_run

ONE, OTHER = "a" * 16, "b" * 16


def test_two_workspaces_on_one_store_train_each_run_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, partial = tmp_path / "store", tmp_path / "store" / "partial"
    trained: list[tuple[str, str]] = []

    def work(workspace: str, *run_ids: str) -> None:
        cache = run_cache(tmp_path / workspace, store)
        runs = [SimpleNamespace(run_id=run_id) for run_id in run_ids]
        with claimed(runs, cache, partial, lambda _: True) as missing:  # type: ignore[arg-type]
            for run in missing:
                wait_until(lambda: workspace == "second" or caplog.messages)
                trained.append((workspace, run.run_id))
                a_run(tmp_path / workspace, run.run_id)
                cache.share(run.run_id)

    with ThreadPoolExecutor() as threads:
        first = threads.submit(work, "first", ONE)
        wait_until(lambda: (partial / f"{ONE}.lock").exists())
        second = threads.submit(work, "second", OTHER, ONE)
        first.result(60), second.result(60)
    assert trained == [("first", ONE), ("second", OTHER)]
    assert f"run {ONE} is being trained by another process" in caplog.text
    for workspace, run_ids in (("first", {ONE}), ("second", {ONE, OTHER})):
        assert {path.name for path in (tmp_path / workspace).iterdir()} == run_ids


def test_finished_runs_are_checked_and_lose_their_checkpoints(tmp_path: Path) -> None:
    cache, partial = run_cache(tmp_path / "data", tmp_path / "store"), tmp_path / "partial"
    a_run(tmp_path / "data", ONE)
    partial.mkdir()
    for run_id in (ONE, OTHER):
        checkpoint_path(partial, run_id).write_bytes(b"")
    runs = [SimpleNamespace(run_id=run_id) for run_id in (OTHER, ONE)]
    found: list[RunRecord] = []
    with claimed(
        runs,  # type: ignore[arg-type]
        cache,
        partial,
        lambda record: record.seed == 0,
        lambda run, record: found.append(record),
    ) as missing:
        assert [run.run_id for run in missing] == [OTHER]
    assert [record.run_id for record in found] == [ONE]
    assert {path.name for path in partial.iterdir()} == {f"{OTHER}.checkpoint"}
