"""The command of the GPU benchmark: parts end with their children, and what it says of them."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from benchmarks import gpu
from benchmarks.on_gpu import running
from benchmarks.on_gpu.running import Ended, Running
from tests.conftest import ROOT

# A process with two children: one in its group, and one with a session of its own.
FAMILY = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
print(*[child.pid for child in children], flush=True)
{end}
"""


def started(folder: Path, code: str, seconds: float) -> Running:
    command = [sys.executable, "-c", code]
    return Running(
        command, seconds, log=folder / "log", folder=folder, environment=dict(os.environ)
    )


def pids(folder: Path, count: int) -> list[int]:
    """Those that a process has printed."""
    for _ in range(600):
        words = (folder / "log").read_text().split()
        if len(words) >= count:
            return [int(word) for word in words[:count]]
        time.sleep(0.05)
    raise AssertionError("it has printed nothing")


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(pid: int) -> bool:
    """Whether it ends within a few seconds; orphans that were killed take a moment."""
    for _ in range(100):
        if not is_alive(pid):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("end", ["time.sleep(600)", "import signal; signal.pause()"])
def test_a_part_is_stopped_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(running, "GRACE", 0.0)
    process = started(tmp_path, FAMILY.format(end=end), 5.0)
    family = pids(tmp_path, 2)
    assert all(map(is_alive, family))
    found = process.wait()
    assert (found.how, found.code) == ("stopped", -9)
    assert found.seconds >= found.limit == 5.0
    assert all(map(ends, family))


@pytest.mark.parametrize(("end", "how", "code"), [
    ("", "ended", 0), ("sys.exit(3)", "crashed", 3), ("import os; os.abort()", "crashed", -6),
])  # fmt: skip
def test_how_a_part_ended(tmp_path: Path, end: str, how: str, code: int) -> None:
    """The child in its group does not outlive it."""
    found = started(tmp_path, FAMILY.format(end=end), 60.0)
    ended = found.wait()
    inner, outer = pids(tmp_path, 2)
    psutil.Process(outer).kill()  # has a session of its own, and lost its parent
    assert (ended.how, ended.code) == (how, code)
    assert ends(inner)


def summary(how: str = "ended", **row: Any) -> dict[str, Any]:
    return {
        "parts": {"one": {"how": "ended", "findings": []}, "two": {"how": how, "findings": [row]}}
    }


def test_exit_code() -> None:
    for good in (summary(), summary(ok=True), summary(ok=None), summary(skipped="after 9 s")):
        assert gpu.exit_code(good) == 0
    for bad in (summary("crashed"), summary("stopped"), summary(ok=False)):
        assert gpu.exit_code(bad) == 1


def command(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = Path(gpu.__file__)
    return subprocess.run(
        [sys.executable, str(script), "--device", "cpu", "--toy", "--out", str(out), *words],
        capture_output=True, text=True,
    )  # fmt: skip


def test_a_part_that_crashes(tmp_path: Path) -> None:
    """The device does not exist."""
    found = command(tmp_path, "--parts", "steps", "--device", "none")
    assert found.returncode == 1, found.stdout
    part = json.loads((tmp_path / "gpu.json").read_text())["parts"]["steps"]
    assert (part["how"], part["code"]) == ("crashed", 1)
    assert "crashed with code 1" in (tmp_path / "gpu.md").read_text()
    assert "RuntimeError" in (tmp_path / "gpu.log").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {
        "findings.jsonl", "gpu.json", "gpu.log", "gpu.md",
    }  # fmt: skip


def test_a_part_whose_time_is_over(tmp_path: Path) -> None:
    """It ends by itself and skips its checks, which is no failure."""
    options = argparse.Namespace(
        part="measuring", device="cpu", toy=True, seconds=0.0, golden=None, cifar=None, out=tmp_path
    )
    assert gpu._run_part(options) == 0
    found = gpu._summary(tmp_path, {"measuring": Ended("ended", 0, 0.1, 0.0)})
    assert gpu.exit_code(found) == 0
    assert found["card"] is None and found["versions"]["torch"]
    rows = found["parts"]["measuring"]["findings"]
    assert len(rows) > 10
    assert all("skipped" in row for row in rows if row["name"] != "seconds")


def test_a_command_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither its part nor the processes that the part has started."""
    words = ["--device", "cpu", "--toy", "--parts", "two_processes", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, gpu.__file__, *words], stdout=subprocess.DEVNULL, start_new_session=True
    )
    family = []
    for _ in range(1200):
        family = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        if len(family) == 3:
            break
        time.sleep(0.05)
    assert len(family) == 3
    process.terminate()
    assert process.wait(30) == 1
    assert all(map(ends, family))


def test_a_part_that_does_not_exist(tmp_path: Path) -> None:
    found = command(tmp_path, "--parts", "steps,nothing")
    assert found.returncode == 2 and "two_processes" in found.stdout


def test_what_runs_on_cuda_alone_exists() -> None:
    """A name that torch does not have would show only on a card."""
    text = "".join(path.read_text() for path in (ROOT / "benchmarks" / "on_gpu").glob("*.py"))
    names = set(re.findall(r"torch\.cuda\.(\w+)", text))
    assert {"synchronize", "memory_allocated", "max_memory_reserved", "mem_get_info"} <= names
    assert not [name for name in names if not hasattr(torch.cuda, name)]


def test_parts_beside_each_other_have_their_own_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first takes longer than the second may."""
    monkeypatch.setattr(running, "GRACE", 0.0)
    parts = (gpu.Part("first", 6.0, timed=False), gpu.Part("second", 0.5, timed=False))
    monkeypatch.setattr(
        gpu, "_command",
        lambda part, *_: [sys.executable, "-c", f"import time; time.sleep({4 if part is parts[0] else 60})"],
    )  # fmt: skip
    ended = gpu._run_all(parts, argparse.Namespace(scale=1.0), tmp_path, str(tmp_path))
    assert (ended["first"].how, ended["second"].how) == ("ended", "stopped")
    assert ended["second"].seconds < 4 <= ended["first"].seconds


def test_findings_of_one_part(tmp_path: Path) -> None:
    """The last line was cut off."""
    path = tmp_path / "findings.jsonl"
    rows = [{"part": "a", "name": "x"}, {"part": "b", "name": "y", "ms": 1.0}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"part": "b", "na')
    assert gpu.findings(path, "b") == [{"name": "y", "ms": 1.0}]
    assert gpu.findings(tmp_path / "none", "b") == []


def test_how_it_is_said() -> None:
    words = gpu._in_words(Ended("stopped", -9, 118.2, 110.0))
    assert words == "stopped after 118 s of 110"
