"""Ctrl-C at any moment and any number of times, and workers that die while they start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from landscape_catalog.runner.worker_pool import blocked_signals
from tests.conftest import ROOT
from tests.stages import wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of a process group")


def start(folder: Path, count: int, job: str, how: str = "usual") -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.runner.stopped", str(folder), str(count), job, how]
    return subprocess.Popen(
        words, cwd=ROOT, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def left_of(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.Error):
            continue
    return found


@pytest.mark.parametrize(
    ("job", "how", "moment", "presses"),
    [
        ("sleep", "usual", "job-*", 1),  # in the middle of the jobs
        ("deaf", "usual", "job-*", 3),
        ("sleep", "start_slowly", "start-*", 3),  # workers have started and are not ready
        ("sleep", "usual", "children", 3),  # an interpreter has begun to start
    ],
)
def test_ctrl_c(job: str, how: str, moment: str, presses: int, tmp_path: Path) -> None:
    process = start(tmp_path, 2, job, how)
    own = psutil.Process(process.pid)
    if moment == "children":
        wait_until(own.children)
    else:
        wait_until(lambda: len(list(tmp_path.glob(moment))) == 2)
    for _ in range(presses):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.02)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, said) == (
        "",
        "landscape: interrupted. Finished results are kept; `dvc repro` continues.\n",
    )
    wait_until(lambda: not left_of(process.pid))


@pytest.mark.parametrize("with_another_thread", [False, True])
def test_a_signal_waits_until_a_worker_has_started(with_another_thread: bool) -> None:
    """Also one that another thread receives: Python runs its handler in the main thread."""
    came: list[int] = []
    former = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    if with_another_thread:
        thread.start()
    try:
        with blocked_signals():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            during = list(came)
        assert (during, came) == ([], [signal.SIGINT])
    finally:
        end.set()
        signal.signal(signal.SIGINT, former)


@pytest.mark.parametrize("count", [1, 3])
def test_workers_that_die_while_they_start_are_replaced(count: int, tmp_path: Path) -> None:
    out, said = start(tmp_path, count, "end", "first_two_die").communicate(timeout=120)
    assert (out, said) == (f"{2 * count} done\n", "")
    assert len(list(tmp_path.glob("died-*"))) == 2


def test_workers_that_all_die_end_the_stage(tmp_path: Path) -> None:
    out, said = start(tmp_path, 2, "end", "all_die").communicate(timeout=120)
    assert out == ""
    assert said.startswith("landscape: worker processes cannot start, or end before they take a jo")
    assert len(list(tmp_path.glob("died-*"))) <= 20
