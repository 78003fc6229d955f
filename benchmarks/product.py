"""Runs the product for a benchmark: temporary projects, stages, and workers in the background.

Everything goes through the package's own stages, with a store of its own, in processes that import
the package from a given checkout. So another version can be timed with the same code.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import psutil
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parent.parent
DRIVER = Path(__file__).with_name("stage_driver.py")
SECONDS_BETWEEN_SAMPLES = 0.25
Params = Mapping[str, Any]


@contextmanager
def checkout_of(place: str) -> Iterator[Path]:
    """The checkout of another version: a folder, or a Git revision that is unpacked for a while."""
    if (Path(place) / "landscape_catalog").is_dir():
        yield Path(place).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="checkout-") as folder:
        words = ["git", "archive", "--format=tar", place, "landscape_catalog"]
        archive = subprocess.run(words, cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def environment(checkout: Path, store: Path) -> dict[str, str]:
    """Variables under which commands use this checkout and this store."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    identity = {
        f"GIT_{who}_{what}": "benchmark@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    return {
        **os.environ, **identity, "PATH": path, "PYTHONPATH": str(checkout),
        "LANDSCAPE_STORE": str(store), "DVC_NO_ANALYTICS": "1",
    }  # fmt: skip


def write_params(folder: Path, params: Params) -> None:
    """Write `params.yaml`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(dict(params), stream)


def prepared_arrays(project: Path) -> dict[str, np.ndarray]:
    """The arrays of a project's only data id, which a plain loop is given too."""
    from landscape_catalog.store.artifacts import read_prepared

    (folder,) = (item for item in (project / "data" / "prepared").iterdir() if item.is_dir())
    return dict(read_prepared(folder)[1].arrays)


@dataclass(frozen=True)
class Trained:
    """One run of the stage `train`.

    Attributes:
        seconds: wall-clock time of the stage, on workers that had started already.
        runs: number of runs trained.
        memory: resident set of the largest worker in MB, by the number of runs finished by then.
    """

    seconds: float
    runs: int
    memory: list[tuple[int, float]] = field(default_factory=list)

    def memory_at(self, runs: int) -> float:
        """Resident set in MB when that many runs had finished, or at the end if they had not."""
        return next((size for done, size in self.memory if done >= runs), self.memory[-1][1])


class Product:
    """The product from one checkout, with a process that keeps workers.

    Args:
        checkout: a folder with the package `landscape_catalog`.
        folder: an empty folder for its projects, its store and its log.
    """

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout, self.folder = checkout, folder
        self.store = folder / "store"
        self.workers: list[int] = []
        self.seconds_to_start = float("nan")

    def __enter__(self) -> Product:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log = (self.folder / "log").open("w+", encoding="utf-8")
        self._driver = subprocess.Popen(
            [sys.executable, str(DRIVER)], env=environment(self.checkout, self.store),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        self._driver.stdin.close()
        try:
            self._driver.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._driver.kill()
            self._driver.wait()
        self._driver.stdout.close()
        self._log.close()

    @property
    def processes(self) -> list[int]:
        """Ids of the workers and of the process that owns them."""
        return [self._driver.pid, *self.workers]

    def project(self, name: str, params: Params) -> Path:
        """A project with these parameters and prepared data; there is no Git or DVC in it."""
        folder = self.folder / name
        write_params(folder, params)
        self._ask("prepare", folder)
        return folder

    def start(self, project: Path) -> None:
        """Start workers as the project's parameters ask for, and note how long it takes."""
        answer = self._ask("start", project)
        self.workers, self.seconds_to_start = answer["workers"], answer["seconds"]

    def train(self, project: Path, *, memory: bool = False) -> Trained:
        """Train all runs of a project anew; runs of an earlier call are removed first."""
        runs = project / "data" / "runs"
        for known in (runs, self.store):
            shutil.rmtree(known, ignore_errors=True)
        if not self.workers:
            self.start(project)
        if not memory:
            answer = self._ask("train", project)
            return Trained(answer["seconds"], answer["runs"])
        with _Memory(self.workers, runs) as samples:
            answer = self._ask("train", project)
        return Trained(answer["seconds"], answer["runs"], samples.found)

    def command(self, project: Path, *words: str) -> float:
        """Run a command in a project; returns its seconds.

        Raises:
            RuntimeError: if it fails, with the end of its output.
        """
        started = time.perf_counter()
        done = subprocess.run(
            words, cwd=project, env=environment(self.checkout, self.store),
            capture_output=True, text=True,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{words} failed: {(done.stdout + done.stderr)[-2000:]}")
        return seconds

    def _ask(self, command: str, project: Path) -> dict[str, Any]:
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        print(
            json.dumps({"do": command, "project": str(project)}),
            file=self._driver.stdin,
            flush=True,
        )
        line = self._driver.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"`{command}` failed in {project}: {self._log.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


class _Memory:
    """Samples the resident set of the largest of some processes while runs are being finished."""

    def __init__(self, processes: list[int], runs: Path) -> None:
        self.processes = [psutil.Process(process) for process in processes]
        self.runs, self.found = runs, list[tuple[int, float]]()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> _Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._take()

    def _sample(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_SAMPLES):
            self._take()

    def _take(self) -> None:
        done = sum(1 for _ in self.runs.iterdir()) if self.runs.exists() else 0
        size = max(process.memory_info().rss for process in self.processes) / 2**20
        self.found.append((done, size))
