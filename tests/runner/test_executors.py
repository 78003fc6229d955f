"""Jobs on every executor: bit-identical results, and a failing job does not stop the others."""

from __future__ import annotations

import os
import platform
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from landscape_catalog import machine
from landscape_catalog.errors import (
    Interrupted,
    OutOfMemoryError,
    SpecError,
    StorageError,
    WorkerDiedError,
    WorkerStartError,
    is_out_of_memory,
)
from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.machine import main_memory
from landscape_catalog.runner import processes
from landscape_catalog.runner import progress as progress_module
from landscape_catalog.runner.activity import (
    read_activities,
    report_progress,
    report_resumed,
    waiting,
)
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.jobs import Job, run_jobs
from landscape_catalog.runner.memory import named_memory_errors
from landscape_catalog.runner.processes import ProcessExecutor
from landscape_catalog.runner.progress import StageProgress
from landscape_catalog.runner.registry import EXECUTORS, chosen_executor
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.runner.timings import Attempt, Work
from landscape_catalog.runner.worker_cache import CacheKind, WorkerCache

NUMBERS: CacheKind[int] = CacheKind("numbers", most=2)
ASSERTED = (
    "CUDA error: device-side assert triggered\nSearch for `cudaErrorAssert' in the documentation\n"
    "For debugging consider passing CUDA_LAUNCH_BLOCKING=1"
)


def work(payload: Any, cache: WorkerCache) -> Any:
    """A job whose payload says what it does."""
    if payload == "raise":
        raise ValueError("no such thing")
    if payload == "exit":
        raise SystemExit(3)
    if payload == "memory":
        raise MemoryError
    if payload == "assert":
        raise RuntimeError(ASSERTED)
    if payload == "pid":
        return os.getpid()
    if payload == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if payload == "disk":
        raise StorageError("cannot write x: the disk is full")
    if payload == "interrupt":
        raise Interrupted
    if payload == "cached":
        return cache.peek(NUMBERS, "seen"), cache.get(NUMBERS, "seen", lambda: 1)
    if payload == "settings":
        return settings()
    if payload == "numbers":
        return numbers()
    if payload == "spoil":
        torch.set_default_dtype(torch.float64)
        torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
        torch.set_float32_matmul_precision("medium")
        torch.use_deterministic_algorithms(True)
        return None
    return payload


def settings() -> tuple[Any, ...]:
    """All settings that affect the bits of a result."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    switches = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32
    return torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), *switches


def numbers() -> list[str]:
    """Numbers that depend on precision, kernels, default dtype and the generators, to the bit."""
    drawn = [torch.rand(1).item(), np.random.rand(), random.random()]
    images = torch.sin(torch.arange(2 * 3 * 12 * 12)).reshape(2, 3, 12, 12)
    layer = torch.nn.Conv2d(3, 4, 3)
    product = layer(images).flatten(1) @ torch.cos(torch.arange(400.0)).reshape(-1, 1)
    (slope,) = torch.autograd.grad(product.sum(), layer.bias)
    return [float(value).hex() for value in [*drawn, *product.flatten().tolist(), *slope.tolist()]]


@contextmanager
def mode_set(
    set_mode: Callable[[Any], None], get_mode: Callable[[], Any], value: Any
) -> Iterator[None]:
    """Change a global setting of torch, as a notebook may have done; check that it still stands."""
    former = get_mode()
    set_mode(value)
    try:
        yield
        assert get_mode() == value
    finally:
        set_mode(former)


def enable_onednn(value: bool) -> None:
    torch.backends.mkldnn.enabled = value  # type: ignore[assignment]


CALLERS: dict[str, Callable[[], Any]] = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "no grad": torch.no_grad,
    "inference": torch.inference_mode,
    "dtype": partial(mode_set, torch.set_default_dtype, torch.get_default_dtype, torch.float64),
    "medium precision": partial(
        mode_set, torch.set_float32_matmul_precision, torch.get_float32_matmul_precision, "medium"
    ),
    "high precision": partial(
        mode_set, torch.set_float32_matmul_precision, torch.get_float32_matmul_precision, "high"
    ),
    "no oneDNN": partial(mode_set, enable_onednn, lambda: torch.backends.mkldnn.enabled, False),
    "another device": lambda: torch.device("meta"),
    "deterministic algorithms": partial(
        mode_set,
        torch.use_deterministic_algorithms,
        torch.are_deterministic_algorithms_enabled,
        True,
    ),
    "threads": partial(mode_set, torch.set_num_threads, torch.get_num_threads, 2),
}


@pytest.fixture(params=["serial", "local"])
def start(request: pytest.FixtureRequest) -> Callable[[], Executor]:
    return {"serial": SerialExecutor, "local": partial(ProcessExecutor, 2)}[request.param]


def job(name: str, payload: Any, steps: int = 1) -> Job:
    return Job(name, payload, Work("train", "resnet18", 1, 1, steps, 0))


def do(executor: Executor, *payloads: Any) -> tuple[dict[str, bool], dict[str, str]]:
    """Which jobs succeeded, and why the others failed."""
    ended: dict[str, bool] = {}
    jobs = [job(f"{i}-{payload}", payload) for i, payload in enumerate(payloads)]
    with executor:
        failures = run_jobs(
            executor, work, jobs,
            on_done=lambda job, attempt: ended.update({job.name: attempt is not None}),
        )  # fmt: skip
    return ended, {failure.name: failure.reason for failure in failures}


def test_a_failing_job_does_not_stop_the_others(start: Callable[[], Executor]) -> None:
    ended, failures = do(start(), 1, "raise", 2, "exit", "memory", 3, 4)
    assert {name for name, well in ended.items() if well} == {"0-1", "2-2", "5-3", "6-4"}
    assert {name for name, well in ended.items() if not well} == set(failures)
    assert failures["1-raise"] == "ValueError: no such thing"
    assert failures["3-exit"] == "SystemExit: 3"
    assert failures["4-memory"] == "out of memory"


def test_the_death_of_a_worker_is_reported_as_such() -> None:
    ended, failures = do(ProcessExecutor(2), 1, "die", 2, 3)
    assert ended == {"0-1": True, "1-die": False, "2-2": True, "3-3": True}
    assert "its process died" in failures["1-die"]
    with ProcessExecutor(1) as executor:
        with pytest.raises(WorkerDiedError, match="exit code -9"):
            executor.submit(work, "die").result()
        assert executor.submit(work, 5).result() == 5


def test_a_full_disk_aborts_all_jobs(start: Callable[[], Executor]) -> None:
    with pytest.raises(StorageError, match="the disk is full"):
        do(start(), "disk", 1, 2)


def test_an_interrupt_leaves_the_serial_executor_at_once() -> None:
    ended = []
    with pytest.raises(Interrupted), SerialExecutor() as executor:
        jobs = [job("first", 1, 3), job("second", "interrupt", 2), job("third", 1, 1)]
        run_jobs(executor, work, jobs, on_done=lambda job, _: ended.append(job.name))
    assert ended == ["first"]


def test_the_longest_job_runs_first_and_each_is_reported_as_it_ends() -> None:
    events: list[str] = []

    def noted(payload: str, cache: WorkerCache) -> None:
        events.append(f"{payload} runs")

    jobs = [job(name, name, steps) for name, steps in (("small", 1), ("large", 9), ("middle", 4))]
    with SerialExecutor() as executor:
        run_jobs(executor, noted, jobs, on_done=lambda job, _: events.append(f"{job.name} done"))
    names = ("large", "middle", "small")
    assert events == [f"{name} {what}" for name in names for what in ("runs", "done")]


def test_few_jobs_are_submitted_at_a_time() -> None:
    """Otherwise thousands of jobs would wait in the queue of a cluster."""

    class Counting(ProcessExecutor):
        waiting, most = 0, 0
        lock = threading.Lock()

        def submit(self, function: Any, payload: Any) -> Any:
            with self.lock:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
            future = super().submit(function, payload)
            future.add_done_callback(self.ended)
            return future

        def ended(self, _: Any) -> None:
            with self.lock:
                self.waiting -= 1

    executor = Counting(2)
    ended, failures = do(executor, *range(20))
    assert len(ended) == 20
    assert not failures
    assert 2 <= executor.most <= 4


def test_every_executor_uses_the_same_settings_and_restores_the_previous_ones(
    start: Callable[[], Executor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    with torch.no_grad():
        torch.set_num_threads(2)
        before = settings()
        try:
            with start() as executor:
                found = executor.submit(work, "settings").result()
            assert settings() == before
        finally:
            torch.set_num_threads(1)
    assert found == (1, torch.float32, True, False, True, False, False)


@pytest.mark.parametrize("caller", CALLERS)
def test_settings_of_the_caller_change_no_bit(caller: str) -> None:
    with SerialExecutor() as executor:
        expected = executor.submit(work, "numbers").result()
        with CALLERS[caller]():
            assert executor.submit(work, "numbers").result() == expected


def test_settings_that_a_job_changes_affect_no_other_job(start: Callable[[], Executor]) -> None:
    """One job changes settings; the numbers of the next are the same on each executor."""
    before = settings()
    with SerialExecutor() as executor:
        expected = executor.submit(work, "numbers").result()
    changed = start()
    changed.count = 1
    with changed as executor:
        executor.submit(work, "spoil").result()
        assert executor.submit(work, "numbers").result() == expected
    assert settings() == before


def test_random_states_are_restored() -> None:
    def draws() -> tuple[float, float, float]:
        return float(torch.rand(1)), float(np.random.rand()), random.random()

    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    expected = draws()
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    with reproducible():
        torch.manual_seed(0), np.random.seed(0), random.seed(0)
        assert draws() != expected
    assert draws() == expected


def test_a_cache_belongs_to_its_executor(start: Callable[[], Executor]) -> None:
    for _ in range(2):
        executor = start()
        executor.count = 1
        with executor:
            assert executor.submit(work, "cached").result() == (None, 1)
            assert executor.submit(work, "cached").result() == (1, 1)


def test_the_number_of_cached_values_is_bounded() -> None:
    cache, other = WorkerCache(), CacheKind[int]("others", most=1)
    for key in ("a", "b", "a", "c"):
        cache.get(NUMBERS, key, lambda: 0)
    cache.put(other, "a", 7)
    assert [cache.peek(NUMBERS, key) for key in ("a", "b", "c")] == [0, None, 0]
    assert cache.peek(other, "a") == 7


def test_executors_by_name() -> None:
    assert chosen_executor(Execution(engine="serial", workers=7)).count == 1
    assert chosen_executor(Execution(engine="local", workers=7)).count == 7
    assert Execution().engine in EXECUTORS
    with pytest.raises(
        SpecError,
        match=r"^params.yaml:\n  execution.engine: got 'threads'; allowed: local or serial or dask$",
    ):
        chosen_executor(Execution(engine="threads"))


def test_progress_is_plain_lines_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with StageProgress("train", terminal=False) as progress:
        progress.show(0, 2, 9.0)
        progress.show(1, 2, 5.0, ended="one")
        progress.show(2, 2, 0.0, ended="two")
    assert capsys.readouterr().err == "train 2/2 (two), done\n"


def test_progress_says_which_jobs_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with StageProgress("train", terminal=False) as progress:
        progress.show(1, 1, 0.0, ended="one", failed=True)
    assert capsys.readouterr().err == "train 1/1 (one failed), done\n"


@pytest.mark.parametrize(
    ("pause", "ended", "line"),
    [
        (11, "one", "train 1/9 (one), about 1 min 15 s left\n"),
        (9, "one", ""),
        (11, "", ""),
        (61, "", "train 1/9, about 1 min 15 s left\n"),
    ],
)
def test_lines_of_progress_are_rare(
    pause: float,
    ended: str,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line at most every ten seconds if a job has ended, and every minute if none has."""
    clock = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: clock[0])
    with StageProgress("train", terminal=False) as progress:
        clock[0] += pause
        progress.show(1, 9, 75.0, ended=ended)
    assert capsys.readouterr().err == line


def test_an_attempt_names_worker_and_time(start: Callable[[], Executor]) -> None:
    """The executor itself runs in another process than its jobs, unless it is serial."""
    attempts: list[Attempt] = []
    before = time.time()
    executor = start()
    executor.count = 1
    with executor:
        for _ in range(2):
            run_jobs(
                executor, work, [job("a", 1), job("b", 2)],
                on_done=lambda job, attempt: attempts.append(cast(Attempt, attempt)),
            )  # fmt: skip
    attempts.sort(key=lambda attempt: attempt.started)  # two may have ended between two looks
    assert [attempt.first for attempt in attempts] == [True, False, False, False]
    (worker,) = {attempt.worker for attempt in attempts}
    own = f"{platform.node()}:{os.getpid()}"
    assert (worker == own) == isinstance(executor, SerialExecutor)
    for attempt in attempts:
        assert before <= attempt.started <= attempt.ended <= time.time()
        assert attempt.share == 1.0


def test_jobs_are_announced_where_the_stage_can_read_it(
    start: Callable[[], Executor], tmp_path: Path
) -> None:
    executor = start()
    executor.count = 1
    jobs = [job("half", 0.5), job("resumed", 0.25, steps=0)]
    attempts: dict[str, Attempt | None] = {}
    with executor:
        run_jobs(
            executor, reporting, jobs,
            on_done=lambda job, attempt: attempts.update({job.name: attempt}),
            activities=tmp_path,
        )  # fmt: skip
    found = read_activities(tmp_path)["resumed"]  # a worker's last job
    assert (found.first, found.resumed, found.done) == (False, 0.25, 0.25)
    assert [attempt.share for attempt in attempts.values() if attempt] == [1.0, 0.75]
    report_progress(0.5)  # outside of a job, nothing happens
    assert read_activities(tmp_path)["resumed"] == found


def reporting(payload: float, cache: WorkerCache) -> None:
    if payload < 0.5:
        report_resumed(payload)
    report_progress(payload + 0.1)


@pytest.mark.parametrize("announces", [True, False])
@pytest.mark.parametrize("waits", [[], [4.0], [4.0, 2.5]], ids=str)
def test_waiting_for_other_processes_is_no_part_of_a_job(
    waits: list[float], announces: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, seen = [0.0], list[list[bool]]()
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    attempts: list[Attempt] = []

    def work_and_wait(payload: list[float], cache: WorkerCache) -> None:
        now[0] += 1
        for seconds in payload:
            with waiting():
                seen.append([one.waits for one in read_activities(tmp_path).values()])
                now[0] += seconds
        seen.append([one.waits for one in read_activities(tmp_path).values()])

    with SerialExecutor() as executor:
        run_jobs(
            executor, work_and_wait, [job("waits", waits)],
            on_done=lambda job, attempt: attempts.append(cast(Attempt, attempt)),
            activities=tmp_path if announces else None,
        )  # fmt: skip
    assert attempts[0].seconds == (1 if announces else 1 + sum(waits))
    assert seen == [[True] * announces] * len(waits) + [[False] * announces]


def test_the_folder_of_announcements_is_not_created_by_workers(tmp_path: Path) -> None:
    """A worker on another machine may not have the project's folders."""
    with SerialExecutor() as executor:
        run_jobs(
            executor, reporting, [job("half", 0.5)],
            on_done=lambda job, _: None, activities=tmp_path / "elsewhere",
        )  # fmt: skip
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "broken.json").write_text("{")
    assert read_activities(tmp_path) == {}


def killed_at_start() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_the_first_time() -> None:
    """Die unless a worker has done so before."""
    marker = Path(os.environ["DIED_BEFORE"])
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_cannot_start_end_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_start_worker", killed_at_start)
    with pytest.raises(WorkerStartError, match="cannot start, or end before they take a job"):
        do(ProcessExecutor(1), 1, 2, 3)


def test_a_worker_that_dies_before_its_first_job_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DIED_BEFORE", str(tmp_path / "died"))
    monkeypatch.setattr(processes, "_start_worker", killed_the_first_time)
    ended, failures = do(ProcessExecutor(1), 1, 2)
    assert (tmp_path / "died").exists()
    assert ended == {"0-1": True, "1-2": True}
    assert not failures


def test_a_limit_on_processes_ends_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("pebble.pool.process.launch_process", refuse)
    with pytest.raises(WorkerStartError, match="cannot start"):
        do(ProcessExecutor(2), 1, 2, 3)


def surroundings(_: Any, __: WorkerCache) -> tuple[str | None, Path]:
    return os.environ.get("SEEN_BY_WORKERS"), Path.cwd()


def test_workers_have_the_environment_and_the_folder_of_their_executor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they were when this process started its first workers."""
    found = []
    for name, value in (("first", "1"), ("second", "2"), ("third", None)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("SEEN_BY_WORKERS", value or "")
        if value is None:
            monkeypatch.delenv("SEEN_BY_WORKERS")
        with ProcessExecutor(1) as executor:
            found.append(executor.submit(surroundings, None).result())
    names = [("1", "first"), ("2", "second"), (None, "third")]
    assert found == [(value, tmp_path / name) for value, name in names]


SCRIPT = """
from landscape_catalog.runner.processes import ProcessExecutor

def job(payload, cache):
    import torch
    return torch.__version__

if __name__ == "__main__":
    with ProcessExecutor(1) as executor:
        print(executor.submit(job, None).result())
"""


def test_workers_find_no_modules_in_the_current_folder(tmp_path: Path) -> None:
    """As little as the script that starts them: a project may have a module of any name."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "script.py").write_text(SCRIPT)
    (tmp_path / "project").mkdir()
    for name in ("torch.py", "pydantic.py"):
        (tmp_path / "project" / name).write_text("raise SystemExit('the wrong module')")
    done = subprocess.run(
        [sys.executable, tmp_path / "bin" / "script.py"],
        cwd=tmp_path / "project", capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (f"{torch.__version__}\n", "")


def test_a_folder_for_temporary_files_may_have_a_long_name(tmp_path: Path) -> None:
    """As on a cluster: the system limits the names of sockets, not those of folders."""
    (tmp_path / "script.py").write_text(SCRIPT)
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (f"{torch.__version__}\n", "")


def halves(job: Job, _: BaseException) -> list[Job]:
    """Split a job whose payload is a tuple."""
    n = len(job.payload)
    if n == 1:
        return []
    parts = job.payload[: n // 2], job.payload[n // 2 :]
    return [Job("+".join(map(str, part)), part, job.work) for part in parts]


def together(payload: tuple[Any, ...], cache: WorkerCache) -> None:
    for each in payload:
        work(each, cache)


@pytest.mark.parametrize("event", ["die", "memory"])
def test_a_job_whose_worker_dies_is_replaced_by_smaller_ones(event: str) -> None:
    ended: dict[str, bool] = {}
    whole = Job("whole", (1, 2, event, 3), Work("train", "resnet18", 1, 1, 1, 0))
    with ProcessExecutor(2) as executor:
        failures = run_jobs(
            executor,
            together,
            [whole],
            on_done=lambda job, seconds: ended.update({job.name: seconds is not None}),
            recover=halves,
        )
    assert ended == {"1+2": True, event: False, "3": True}
    (failure,) = failures
    assert failure.name == event
    assert "out of memory" in failure.reason


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (np._core._exceptions._ArrayMemoryError((2**60,), np.dtype("f4")), True),
        (RuntimeError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9.1 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), True),
        (RuntimeError("size mismatch"), False),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (ValueError("memory"), False),
    ],
)
def test_errors_that_mean_too_little_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def test_an_allocation_that_torch_cannot_make_means_too_little_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55)
    assert is_out_of_memory(caught.value)


class Held:
    """Something large."""


@pytest.mark.parametrize("caught", ["no", "again", "named"])
def test_what_the_frames_of_a_memory_error_hold_is_released(caught: str) -> None:
    """The error itself lives on, with its traceback, in the future of a serial executor."""
    held: list[weakref.ref[Held]] = []

    def inner() -> None:
        large = Held()
        held.append(weakref.ref(large))
        raise torch.OutOfMemoryError("CUDA out of memory")

    def outer() -> None:
        large = Held()
        held.append(weakref.ref(large))
        if caught == "named":
            with named_memory_errors("less"):
                inner()
        try:
            inner()
        except RuntimeError as error:
            if caught == "no":
                raise
            raise MemoryError from error

    with pytest.raises(OutOfMemoryError) as raised, named_memory_errors("more"):
        outer()
    assert [reference() for reference in held] == [None, None]
    assert ("less" if caught == "named" else "more") in str(raised.value)
    assert str(raised.value).startswith("out of memory: ")
    assert "test_executors.py" in "".join(traceback.format_exception(raised.value))


def test_memory_of_this_machine_and_of_a_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = main_memory()
    assert 0 < whole.available <= whole.total
    limit, usage = tmp_path / "limit", tmp_path / "usage"
    limit.write_text("3000000\n"), usage.write_text("1000000\n")
    monkeypatch.setattr(machine, "CONTROL_GROUPS", ((str(limit), str(usage)),))
    assert main_memory() == machine.Memory(3_000_000, 2_000_000)
    limit.write_text("max\n")
    assert main_memory().total == whole.total
