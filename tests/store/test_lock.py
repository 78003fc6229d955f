"""The project lock: one stage at a time in a folder."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from landscape_catalog.errors import StorageError
from landscape_catalog.store.lock import project_lock
from tests.stages import wait_until


def take(path: Path) -> None:
    with project_lock(path):
        pass


def test_a_waiting_stage_names_the_process_it_waits_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "inner" / "lock"
    with ThreadPoolExecutor() as threads:
        with project_lock(path):
            waiting = threads.submit(take, path)
            wait_until(lambda: caplog.messages)
            assert f"(process {os.getpid()})" in caplog.text
            assert not waiting.done()
        waiting.result(timeout=60)
    with caplog.at_level(logging.INFO):
        caplog.clear()
        take(path)
        assert caplog.messages == []


def test_a_lock_is_released_when_its_process_dies(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from landscape_catalog.store.lock import project_lock\n"
        "with project_lock(Path(sys.argv[1])): os._exit(3)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 3
    take(path)


def test_an_error_in_the_block_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyError), project_lock(tmp_path / "lock"):
        raise KeyError
    take(tmp_path / "lock")


def test_a_lock_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="there is a file where a folder is needed"):
        take(tmp_path / "file" / "lock")
