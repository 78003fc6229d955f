"""Killed at random times, the next call completes with the same bytes and repeats little.

`LANDSCAPE_KILLS=50 pytest tests/test_kills.py` kills fifty times.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from landscape_catalog.store.artifacts import read_run
from tests.conftest import environment
from tests.stages import run_stages, wait_until, write_project
from tests.thorough import either

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("LANDSCAPE_KILLS", either("3", "5")))
SECONDS = 2.0  # between checkpoints
# Stages and whom the signal reaches: most kills hit the longest stage.
STAGES = ["train", "train", "measure", "train", "train", "aggregate", "train", "prepare", "report"]
WITHOUT_WORKERS = ("prepare", "aggregate", "report")
EARLIER = {
    "prepare": [],
    "train": [],
    "measure": ["train"],
    "aggregate": ["train", "measure"],
    "report": ["train", "measure", "aggregate"],
}
WAYS = ["worker", "parent", "both", "terminate", "interrupt"]
STEPS = "LANDSCAPE_TEST_STEPS"

# Two runs that are trained in groups, and two of a custom network, which are trained alone.
PARAMS = f"""\
dataset: {{name: digits, test_samples: 100}}
model: {{name: resnet18}}
load: {{width: 2, samples: 256}}
temperature: {{batch_size: 32, lr: 0.05}}
train: {{epochs: 60, seeds: 2, stopping: epochs}}
measure:
  hessian: {{samples: 64, max_iterations: 2}}
  connectivity: {{epochs: 1, batch_size: 64}}
  similarity: {{samples: 64}}
classify: {{}}
report: {{}}
execution: {{device: cpu, workers: 2, checkpoint_seconds: {SECONDS}}}
variants: {{own: {{model.name: "own:network"}}}}
"""
OWN = """\
from landscape_catalog.models.resnet import resnet18

def network(width, input_shape, n_outputs):
    return resnet18(width=width, in_channels=input_shape[0], num_classes=n_outputs)
"""
N_STEPS = 60 * (256 // 32)  # of each run

# The command line, with workers that note the time of each step of each run.
COMMAND = f"""\
import os, struct, time

def note(checkpoints):
    name = f"{{checkpoints._key.run_id}} {{os.getpid()}}"
    with open(os.path.join(os.environ["{STEPS}"], name), "ab") as stream:
        stream.write(struct.pack("d", time.monotonic()))

def train_job(payload, cache):
    from unittest import mock
    from landscape_catalog.pipeline.train.checkpoints import RunCheckpoints
    from landscape_catalog.pipeline.train.worker import train_and_keep
    from landscape_catalog.training.group import _Group

    is_due, checkpoint = RunCheckpoints.due, _Group._checkpoint

    def due(checkpoints):  # asked after every step: a group asks only its first member
        note(checkpoints)
        return is_due(checkpoints)

    def after_step(group):
        for run in group.runs[1:]:
            note(run.member.checkpoints)
        checkpoint(group)

    with (
        mock.patch.object(RunCheckpoints, "due", due),
        mock.patch.object(_Group, "_checkpoint", after_step),
    ):
        train_and_keep(payload, cache)

if __name__ == "__main__":
    from landscape_catalog.__main__ import end_quietly

    end_quietly()
    from landscape_catalog.cli import main
    from landscape_catalog.pipeline.train import stage

    stage.train_job = train_job
    main()
"""


@dataclass(frozen=True)
class Place:
    """A project with its store, and the folder in which its training steps are noted."""

    project: Path
    store: Path
    steps: Path
    command: Path

    def start(self, stage: str) -> subprocess.Popen[str]:
        """Start a stage as the leader of its own process group."""
        return subprocess.Popen(
            [sys.executable, str(self.command), stage],
            cwd=self.project,
            env={**environment(self.store), STEPS: str(self.steps)},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def outputs(self) -> dict[str, bytes]:
        """The bytes of weights, records and tables."""
        return {
            path.relative_to(self.project).as_posix(): path.read_bytes()
            for name in ("data/runs", "data/measurements", "data/catalog", "reports")
            for path in sorted((self.project / name).rglob("*"))
            if path.is_file() and path.name != ".gitignore"
        }

    def times(self) -> dict[str, dict[int, list[float]]]:
        """The time of each step by run and process id."""
        found: dict[str, dict[int, list[float]]] = {}
        for path in self.steps.iterdir():
            run_id, pid = path.name.split()
            times = [at for (at,) in struct.iter_unpack("d", path.read_bytes())]
            found.setdefault(run_id, {})[int(pid)] = times
        return found

    def finish(self, stage: str) -> None:
        """Run a stage to its end."""
        process = self.start(stage)
        _, said = process.communicate(timeout=600)
        assert process.returncode == 0, said


def make_place(folder: Path) -> Place:
    project = write_project(folder / "project", PARAMS)
    (project / "custom").mkdir()
    (project / "custom" / "own.py").write_text(OWN)
    place = Place(project, folder / "store", folder / "steps", folder / "command.py")
    place.store.mkdir(), place.steps.mkdir()
    place.command.write_text(COMMAND)
    return place


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, dict[str, float]]:
    """The experiment without a kill, and how long each stage to kill took, and `train` from its first step."""
    place, seconds = make_place(tmp_path_factory.mktemp("undisturbed")), {}
    for stage in ("prepare", "train", "measure", "aggregate", "report"):
        if stage not in STAGES[:KILLS]:  # nobody asks how long it takes
            run_stages(place.project, place.store, stage)
            continue
        started = time.monotonic()
        place.finish(stage)
        seconds[stage] = time.monotonic() - started
        if stage == "train":
            first = min(
                at for of_run in place.times().values() for at in next(iter(of_run.values()))
            )
            seconds["steps"] = seconds[stage] - (first - started)
    for of_run in place.times().values():
        assert sum(map(len, of_run.values())) == N_STEPS
    records = [read_run(folder) for folder in (place.project / "data" / "runs").glob("[!.]*")]
    assert sorted(record.computed for record in records) == ["alone"] * 2 + ["grouped"] * 2
    return place, seconds


def prepared_place(folder: Path, finished: Place, stage: str) -> Place:
    """A project in which everything is done that comes before a stage."""
    place = make_place(folder)
    if stage != "prepare":
        shutil.copytree(finished.project / "data" / "prepared", place.project / "data" / "prepared")
    shutil.copytree(finished.project / ".landscape", place.project / ".landscape")
    # The rest comes from the store: runs and measurements are ready, but for those of the stage.
    made = {"train": "runs", "measure": "measurements"}.get(stage)
    for name in {"runs", "measurements"} - {made}:
        shutil.copytree(finished.store / name, place.store / name)
    if EARLIER[stage]:
        run_stages(place.project, place.store, *EARLIER[stage])
    return place


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Worker processes are forked from one that the stage has started, or else spawned by it."""
    children = psutil.Process(process.pid).children(recursive=True)
    lines = {child.pid: " ".join(child.cmdline()) for child in children}
    return [
        child
        for child in children
        if "spawn_main" in lines[child.pid] or "forkserver" in lines.get(child.ppid(), "")
    ]


def kill(process: subprocess.Popen[str], way: str, draw: random.Random) -> set[int] | None:
    """Kill a worker, the parent, or both with SIGKILL; or end the stage as a user does.

    Returns the ids of the processes that end; None if there was no worker to kill.
    """
    workers = workers_of(process)
    if way == "worker":
        if not workers:
            return None
        worker = draw.choice(workers)
        worker.kill()
        return {worker.pid}
    if way == "parent":
        process.kill()
    elif way == "both":
        os.killpg(process.pid, signal.SIGKILL)
    elif way == "terminate":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGINT)
    return {worker.pid for worker in workers}


def lost_at_most(times: list[float]) -> int:
    """The steps that a killed process did of a run within one interval before it ended.

    The interval is prolonged by the longest time between two steps, which a checkpoint that is due
    may have to wait or take.
    """
    longest = max((after - before for before, after in pairwise(times)), default=0.0)
    return sum(times[-1] - at <= SECONDS + 2 * longest for at in times)


def tracebacks(said: str) -> list[str]:
    """The tracebacks in what a stage printed, without those of workers that had not begun.

    The semaphores of a killed parent are removed. A worker that is only starting then prints that they
    are missing.
    """
    blocks = re.findall(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)*.*", said)
    starting = r"SemLock\._rebuild[\s\S]*FileNotFoundError: \[Errno 2\] No such file or directory$"
    return [block for block in blocks if not re.search(starting, block)]


def test_only_a_starting_worker_may_print_a_traceback() -> None:
    starting = (
        "Traceback (most recent call last):\n"
        '  File "<string>", line 1, in <module>\n'
        '  File "synchronize.py", line 115, in __setstate__\n'
        "    self._semlock = _multiprocessing.SemLock._rebuild(*state)\n"
        "                    ^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "FileNotFoundError: [Errno 2] No such file or directory\n"
    )
    own = 'Traceback (most recent call last):\n  File "train.py", line 3, in f\nKeyError: 1\n'
    assert tracebacks("train: 4 runs\n" + starting + "train: 4 runs trained\n") == []
    assert tracebacks(starting + own + starting) == [own.rstrip("\n")]


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_costs_at_most_one_interval_and_no_bit(
    number: int, undisturbed: tuple[Place, dict[str, float]], tmp_path: Path
) -> None:
    finished, seconds = undisturbed
    draw = random.Random(number)
    stage, way = STAGES[number % len(STAGES)], WAYS[number % len(WAYS)]
    if stage in WITHOUT_WORKERS and way == "worker":
        way = "parent"
    # Most kills of `train` come when it has begun to train: starting takes long on a busy machine.
    within = "steps" if stage == "train" and number % len(STAGES) else stage
    killed: set[int] | None = None
    while killed is None:  # the stage ended before the kill, or had not started a worker yet
        shutil.rmtree(tmp_path)
        place = prepared_place(tmp_path, finished, stage)
        process = place.start(stage)
        everyone = [psutil.Process(process.pid)]
        if within == "steps":
            wait_until(place.times)
        started = time.monotonic()
        try:
            process.wait(draw.uniform(0, seconds[within]))
            seconds[within] = min(seconds[within], time.monotonic() - started)
        except subprocess.TimeoutExpired:
            with suppress(psutil.NoSuchProcess):  # it ends at this moment
                everyone += everyone[0].children(recursive=True)
                killed = kill(process, way, draw)
        _, said = process.communicate(timeout=300)
    _, alive = psutil.wait_procs(everyone, timeout=30)
    assert not alive, f"{stage} {way}: workers do not notice that their parent is gone"
    assert not tracebacks(said), said
    if stage == "train" and way == "worker":
        assert process.returncode == 0, said
    before = place.times()
    if stage == "prepare":
        place.finish("prepare")
    place.finish("train")
    run_stages(place.project, place.store, "measure", "aggregate", "report")
    assert place.outputs() == finished.outputs(), f"{stage} {way}"
    for run_id, of_run in place.times().items():
        lost = [times for pid, times in before.get(run_id, {}).items() if pid in killed]
        repeated = sum(map(len, of_run.values())) - N_STEPS
        if lost:
            known = f"of {sum(map(len, lost))} steps {repeated} were repeated"
            print(f"{way}: {known}, at most {sum(map(lost_at_most, lost))}")
        assert 0 <= repeated <= sum(map(lost_at_most, lost)), f"{stage} {way}"
    left = [path.name for path in (place.store / "partial").glob("*") if path.name[0] != "."]
    assert left == []
