"""Counting GPUs without torch, choosing among them, and placing workers: on made-up machines."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from landscape_catalog.errors import SpecError, WorkerDiedError
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.runner import device, gpus, processes
from landscape_catalog.runner.device import (
    chosen_device,
    chosen_devices,
    chosen_placement,
    chosen_workers,
    own_gpu,
)
from landscape_catalog.runner.executor import JobFunction
from landscape_catalog.runner.gpus import VISIBLE, built_for_gpus, driver_count, only
from landscape_catalog.runner.memory import UNKNOWN_SHARE_BYTES, gpu_share, release_memory
from landscape_catalog.runner.placement import Placement, smallest_share
from landscape_catalog.runner.processes import ProcessExecutor
from landscape_catalog.runner.registry import chosen_executor
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.runner.worker_cache import WorkerCache
from landscape_catalog.runner.worker_pool import LONGEST_FOLDER

MANY = 2**31 - 1
FORKS = sys.platform == "linux" and len(os.fsencode(tempfile.gettempdir())) <= LONGEST_FOLDER


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that gives this machine GPUs."""

    def give(**counts: int) -> None:
        monkeypatch.setattr(device, "usable_gpus", lambda kind: counts.get(kind, 0))

    monkeypatch.delenv(VISIBLE, raising=False)
    return give


class Driver:
    """NVIDIA's driver library, as far as it is called."""

    def __init__(self, version: int, count: int, failing: str = "") -> None:
        self.version, self.count, self.failing = version, count, failing

    def __getattr__(self, name: str) -> Any:
        def call(argument: Any) -> int:
            if name == "cuDriverGetVersion":
                argument._obj.value = self.version
            if name == "cuDeviceGetCount":
                argument._obj.value = self.count
            return 100 if name == self.failing else 0

        return call


@pytest.mark.parametrize(
    ("driver", "count"),
    [
        (Driver(13020, 8), 8),
        (Driver(14000, 1), 1),
        (Driver(13000, 0), 0),
        (Driver(12080, 8), 0),  # too old for this torch, which then finds no GPU
        (Driver(13000, 8, "cuInit"), 0),
        (Driver(13000, 8, "cuDriverGetVersion"), 0),
        (Driver(13000, 8, "cuDeviceGetCount"), 0),
        (None, 0),
    ],
)
def test_the_driver_is_asked(
    driver: Driver | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def library(name: str) -> Driver:
        if driver is None:
            raise OSError("cannot open shared object file")
        return driver

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert driver_count(13) == count


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None", {"cuda": "13.0"}),
        ("cuda = '12.8'\nhip = None", {"cuda": "12.8"}),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4.1'", {"hip": "6.4.1"}),
        ("cuda: Optional[str] = None\nhip: Optional[str] = None", {}),
        (None, {}),
    ],
)
def test_what_torch_is_built_for_is_read(
    lines: str | None, found: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise AssertionError('imported')")
    if lines is not None:
        (tmp_path / "torch" / "version.py").write_text(f"debug = False\n{lines}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch")
    assert built_for_gpus() == found


def test_the_installed_torch_says_what_it_is_built_for() -> None:
    import torch

    versions = {"cuda": torch.version.cuda, "hip": torch.version.hip}
    assert built_for_gpus() == {kind: text for kind, text in versions.items() if text}


def test_a_machine_with_gpus_is_planned_for_without_torch() -> None:
    code = """
import ctypes, sys
from tests.runner.test_gpus import Driver
for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
    del sys.modules[name]
from landscape_catalog.runner import gpus
gpus.built_for_gpus = lambda: {"cuda": "13.0"}
ctypes.CDLL = lambda name: Driver(13000, 3)
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.runner.registry import chosen_executor
with chosen_executor(Execution()) as executor:
    print(executor.count, "torch" in sys.modules)
"""
    code = code.replace("from tests.runner.test_gpus import Driver", _source_of_driver())
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "3 False\n", done.stderr


def _source_of_driver() -> str:
    import inspect

    return f"from typing import Any\n{inspect.getsource(Driver)}"


@pytest.mark.parametrize(
    ("visible", "index", "expected"),
    [
        (None, 2, "2"),
        ("3,5", 1, "5"),
        ("1, 0", 1, "0"),
        ("GPU-8f6c,GPU-11d2", 0, "GPU-8f6c"),
        ("MIG-1,MIG-2", 1, "MIG-2"),
    ],
)
def test_indices_are_those_of_the_devices_that_this_process_sees(
    visible: str | None, index: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)
    if visible is not None:
        monkeypatch.setenv(VISIBLE, visible)
    assert only(index) == {VISIBLE: expected}


# GPUs of the machine, settings; kind of device, indices, number of workers.
CHOICES: list[tuple[dict[str, int], dict[str, Any], str, list[int], int | None]] = [
    ({}, {}, "cpu", [], None),
    ({"cuda": 1}, {}, "cuda", [0], 1),
    ({"cuda": 8}, {}, "cuda", [*range(8)], 8),
    ({"cuda": 8}, {"device": "cpu"}, "cpu", [], None),
    ({"cuda": 8}, {"device": "cuda", "devices": 3}, "cuda", [0, 1, 2], 3),
    ({"cuda": 8}, {"devices": (6, 2)}, "cuda", [6, 2], 2),
    ({"cuda": 8}, {"devices": (6, 2), "workers": 7}, "cuda", [6, 2], 7),
    ({"cuda": 8}, {"engine": "serial"}, "cuda", [0], 1),
    ({"cuda": 8}, {"engine": "serial", "devices": (5,)}, "cuda", [5], 1),
    ({"cuda": 8}, {"engine": "dask", "scheduler": "x"}, "cuda", [], None),
    ({"mps": 1}, {}, "cpu", [], None),
    ({"mps": 1}, {"device": "mps"}, "mps", [0], 1),
    ({"mps": 1}, {"device": "mps", "devices": 1}, "mps", [0], 1),
    ({"mps": 1}, {"device": "mps", "devices": (0,), "workers": 3}, "mps", [0], 3),
]


@pytest.mark.parametrize(("counts", "settings", "kind", "indices", "workers"), CHOICES)
def test_choices(
    counts: dict[str, int],
    settings: dict[str, Any],
    kind: str,
    indices: list[int],
    workers: int | None,
    machine: Any,
) -> None:
    machine(**counts)
    execution = Execution(**settings)
    assert chosen_device(execution) == kind
    assert list(chosen_devices(execution)) == indices
    if workers is not None:
        assert chosen_executor(execution).count == workers
    elif kind == "cpu":
        assert chosen_workers(execution) == len(os.sched_getaffinity(0))
    placement = chosen_placement(execution)
    assert (placement is not None) == (kind == "cuda" and bool(indices))
    if placement is not None:
        assert placement.devices == tuple(indices)
    given = "devices" in settings
    assert own_gpu(execution) == (indices[0] if given and kind == "cuda" else None)


# GPUs of the machine, settings, what the message says of `execution.devices`.
REFUSED: list[tuple[dict[str, int], dict[str, Any], str]] = [
    ({"cuda": 4}, {"devices": 5}, "got 5; allowed: auto, a number up to 4 or a list of indices below 4: torch finds 4 GPUs"),
    ({"cuda": 4}, {"devices": MANY}, f"got {MANY}; allowed: auto, a number up to 4"),
    ({"cuda": 4}, {"devices": (0, 4)}, "got [0, 4]; allowed: auto, a number up to 4"),
    ({"cuda": 1}, {"devices": 2}, "got 2; allowed: auto, 1 or [0], since torch finds one GPU"),
    ({"cuda": 1}, {"devices": (1,)}, "got [1]; allowed: auto, 1 or [0]"),
    ({"mps": 1}, {"device": "mps", "devices": 2}, "got 2; allowed: auto, 1 or [0]"),
    ({"cuda": 4}, {"device": "cpu", "devices": (0,)}, "got [0]; allowed: auto, since `execution.device` is cpu"),
    ({}, {"devices": 1}, "got 1; allowed: auto, since torch finds no GPU"),
    ({"cuda": 4}, {"engine": "serial", "devices": 2}, "got 2; allowed: auto, 1 or a list of one index below 4, since `serial` computes in one process"),
    ({"cuda": 4}, {"engine": "serial", "devices": (4,)}, "got [4]; allowed: auto, 1 or a list of one index below 4"),
    ({"cuda": 4}, {"engine": "dask", "scheduler": "x", "devices": 2}, "got 2; allowed: auto, since the workers of a Dask cluster"),
    ({"cuda": 4}, {"engine": "mine", "devices": 1}, "got 1; allowed: auto, since the engine `mine` does not choose among GPUs"),
]  # fmt: skip


@pytest.mark.parametrize(("counts", "settings", "words"), REFUSED)
def test_devices_that_are_not_there(
    counts: dict[str, int], settings: dict[str, Any], words: str, machine: Any
) -> None:
    machine(**counts)
    with pytest.raises(SpecError) as caught:
        chosen_devices(Execution(**settings))
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(f"params.yaml:\n  execution.devices: {words}")
    assert "\n" not in str(caught.value).removeprefix("params.yaml:\n")


# Devices, workers, free memory, memory of a job; the device of each worker.
PLACES: list[tuple[tuple[int, ...], int | None, dict[int, int], int, list[int]]] = [
    ((0,), None, {0: 80}, 10, [0]),
    ((0, 1, 2), None, {0: 80, 1: 80, 2: 80}, 30, [0, 1, 2]),
    ((0, 1, 2), None, {0: 80, 1: 30, 2: 20}, 30, [0, 1]),  # 2 is used by somebody else
    ((4, 2), None, {4: 50, 2: 80}, 30, [4, 2]),
    ((0, 1), None, {0: 20, 1: 25}, 30, [1]),  # tried where it is likeliest to fit
    ((0, 1), None, {0: 0, 1: 0}, 30, [0]),
    ((0, 1), None, {0: 80, 1: 80}, 0, [0, 1]),  # nothing is known of a custom network
    ((0, 1), 1, {0: 40, 1: 80}, 30, [1]),
    ((0, 1), 4, {0: 80, 1: 80}, 30, [0, 1, 0, 1]),
    ((0, 1), 4, {0: 80, 1: 25}, 10, [0, 0, 0, 1]),
    ((0, 1), 3, {0: 80, 1: 10}, 30, [0, 0, 0]),
    ((0, 1), 3, {0: 0, 1: 0}, 30, [0, 0, 0]),
]


@pytest.mark.parametrize(("devices", "workers", "free", "job", "places"), PLACES)
def test_workers_are_placed_where_memory_is_free(
    devices: tuple[int, ...],
    workers: int | None,
    free: dict[int, int],
    job: int,
    places: list[int],
) -> None:
    assert Placement(devices, workers, 8).places(free, job) == places


def test_the_share_of_a_worker_is_the_smallest_one() -> None:
    assert smallest_share({0: 80, 1: 50, 2: 10}, [0, 1, 0]) == 40
    assert smallest_share({0: 80, 1: 30, 2: 10}, [0, 1, 0]) == 30


def test_a_single_device_is_left_as_it_is() -> None:
    """A part of a GPU (MIG) has no index."""
    assert Placement((0,), None, 1).variables([0, 0]) == [{}, {}]


MEMORY = {0: 80 * 10**9, 1: 50 * 10**9, 2: 20 * 10**9}


def made_up_memory(devices: tuple[int, ...], cache: WorkerCache) -> dict[int, int | str]:
    """What the GPUs of a made-up machine have free."""
    return {index: MEMORY[index] for index in devices}


def broken_gpu(devices: tuple[int, ...], cache: WorkerCache) -> dict[int, int | str]:
    return {0: 80 * 10**9, 1: "CUDA error: uncorrectable ECC error encountered"}


def call_without_torch(function: JobFunction[Any], payload: Any) -> Any:
    return function(payload, WorkerCache())


@pytest.fixture
def _no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers only say what they see, without the settings of torch, which each would import."""
    monkeypatch.setattr(processes, "_call", call_without_torch)


def seen(payload: Any, cache: WorkerCache) -> tuple[int, str | None]:
    """A job that says where it runs, once as many others are running."""
    if payload == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    folder, count = payload
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < count:
        time.sleep(0.05)
    return os.getpid(), os.environ.get(VISIBLE)


def seen_by_all(executor: ProcessExecutor, folder: Path) -> list[str | None]:
    """What each worker sees, in order."""
    folder.mkdir()
    futures = [executor.submit(seen, (folder, executor.count)) for _ in range(executor.count)]
    found = dict(future.result() for future in futures)
    assert len(found) == executor.count
    return sorted(found.values(), key=str)


@pytest.mark.usefixtures("_no_torch")
def test_each_worker_sees_one_gpu_as_long_as_it_lives(
    tmp_path: Path, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(cuda=3)
    monkeypatch.setattr(processes, "free_memory", made_up_memory)
    monkeypatch.setenv(VISIBLE, "7,6,5")
    names = ["7", "6", "5"]
    with chosen_executor(Execution()) as executor:
        assert isinstance(executor, ProcessExecutor)
        executor.expect(30 * 10**9)  # 2 has no room
        assert (executor.count, executor.share) == (2, 50 * 10**9)
        expected = sorted(names[:2])
        assert seen_by_all(executor, tmp_path / "first") == expected
        with pytest.raises(WorkerDiedError):
            executor.submit(seen, "die").result()
        assert seen_by_all(executor, tmp_path / "second") == expected  # also the new one
        executor.expect(30 * 10**9)
        executor.expect(15 * 10**9)  # smaller jobs: all three, anew
        assert (executor.count, executor.share) == (3, 20 * 10**9)
        expected = sorted(names)
        assert seen_by_all(executor, tmp_path / "third") == expected
    assert os.environ[VISIBLE] == "7,6,5"


@pytest.mark.usefixtures("_no_torch")
def test_workers_are_spread_before_memory_is_known(
    tmp_path: Path, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(cuda=3)
    with chosen_executor(Execution(workers=2, devices=(2, 0))) as executor:
        assert isinstance(executor, ProcessExecutor)
        assert seen_by_all(executor, tmp_path / "seen") == ["0", "2"]


def started_as(payload: Any, cache: WorkerCache) -> str:
    """A job that says how its process was started."""
    return type(multiprocessing.current_process()).__name__


@pytest.mark.usefixtures("_no_torch")
@pytest.mark.parametrize("count", [1, 2])
def test_workers_on_gpus_are_spawned(
    count: int, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One GPU or several: a forked process may not use CUDA if it was used before the fork."""
    asked: list[str] = []

    def noted(executor: ProcessExecutor, function: JobFunction[Any], payload: Any) -> Any:
        if function is processes.free_memory:
            asked.append(submit(executor, started_as, payload).result())
        return submit(executor, function, payload)

    machine(cuda=count)
    submit = ProcessExecutor.submit
    monkeypatch.setattr(ProcessExecutor, "submit", noted)
    monkeypatch.setattr(processes, "free_memory", made_up_memory)
    with chosen_executor(Execution()) as executor:
        executor.expect(1)  # asks for free memory
        assert executor.submit(started_as, None).result() == "_Worker"
    assert asked == ["_Worker"]
    with chosen_executor(Execution(device="cpu", workers=1)) as executor:
        assert (executor.submit(started_as, None).result() != "_Worker") == FORKS


@pytest.mark.usefixtures("_no_torch")
def test_a_gpu_that_torch_cannot_use_is_named(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(cuda=2)
    monkeypatch.setattr(processes, "free_memory", broken_gpu)
    with chosen_executor(Execution()) as executor, pytest.raises(SpecError) as caught:
        executor.expect(1)
    (problem,) = caught.value.problems
    assert (problem.path, problem.given) == ("execution.devices", "[0, 1]")
    assert "GPU 1: CUDA error: uncorrectable ECC error" in problem.allowed


def test_a_gpu_that_is_not_there_is_named_by_torch() -> None:
    """The question itself, asked where there is no GPU."""
    with ProcessExecutor(1) as executor:
        (found,) = executor.submit(processes.free_memory, (0,)).result().values()
    assert isinstance(found, str)
    assert "\n" not in found


def test_too_little_memory_is_said(
    machine: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine(cuda=3)
    monkeypatch.setattr(processes, "free_memory", made_up_memory)
    caplog.set_level("INFO", "landscape_catalog")
    with chosen_executor(Execution(workers=4)) as executor:
        executor.expect(30 * 10**9)
    assert caplog.messages[0] == "GPU 0: 80 GB free, 3 workers"
    assert caplog.messages[2] == "GPU 2: 20 GB free, 0 workers"
    assert "a job may need 30 GB of a GPU's memory, and a worker has 26.7 GB" in caplog.text
    assert "fewer `execution.workers`" in caplog.text


def test_an_engine_that_computes_in_this_process_knows_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    executor = SerialExecutor()
    executor.expect(1)
    assert executor.share is None or torch.cuda.is_available()
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (7 * len(emptied), 80))
    executor.expect(1)
    assert executor.share == gpu_share(executor) == 7


def test_a_gpu_of_which_nothing_is_known_is_taken_for_a_small_one() -> None:
    assert gpu_share(SerialExecutor()) == UNKNOWN_SHARE_BYTES == 8 * 10**9


@pytest.mark.parametrize("available", [True, False])
def test_memory_is_returned_on_apples_gpu_too(
    available: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    emptied: list[bool] = []
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: available)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: emptied.append(True))
    release_memory(MemoryError())
    assert emptied == [True] * available


def test_no_gpu_is_counted_where_there_is_none() -> None:
    import torch

    assert gpus.usable_gpus("cuda") == torch.cuda.device_count()
    assert gpus.usable_gpus("mps") == torch.mps.device_count()
