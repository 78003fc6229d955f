"""A GPU that fails under a job: the job fails, its process is replaced, the others are computed."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
import torch

from landscape_catalog.errors import (
    CodeError,
    DeviceFailedError,
    MeasurementError,
    OutOfMemoryError,
    StorageError,
)
from landscape_catalog.runner.device_failures import is_device_failure, named_device_failures
from landscape_catalog.runner.executor import Executor
from landscape_catalog.runner.gpus import VISIBLE
from landscape_catalog.runner.jobs import Failure, Job, run_jobs
from landscape_catalog.runner.placement import Placement
from landscape_catalog.runner.processes import REPLACED, ProcessExecutor
from landscape_catalog.runner.serial import KEPT, SerialExecutor
from landscape_catalog.runner.timings import Work
from landscape_catalog.runner.worker_cache import WorkerCache
from tests.runner.test_executors import ASSERTED, work

LIBRARY = "when calling `cublasSgemm(handle, opa, opb, m, n, k, &alpha, a, lda)`"


class AcceleratorError(RuntimeError):
    """The class of torch 2.8 and later, under the name by which it is known."""


def raised(error: BaseException, *, cause: BaseException) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def handled(error: BaseException, *, former: BaseException) -> BaseException:
    try:
        try:
            raise former
        except BaseException:
            raise error  # noqa: B904
    except BaseException as caught:
        return caught


class MuteError(Exception):
    """Of a user's code, which refuses to say what it is."""

    def __str__(self) -> str:
        raise ValueError("no")


def replaced(error: BaseException, *, former: BaseException) -> BaseException:
    try:
        try:
            raise former
        except BaseException:
            raise error from None
    except BaseException as caught:
        return caught


ERRORS: list[tuple[BaseException, bool]] = [
    (RuntimeError(ASSERTED), True),
    (AcceleratorError("CUDA error: an illegal memory access was encountered"), True),
    (AcceleratorError("uncorrectable ECC error encountered"), True),
    (torch.AcceleratorError("CUDA error: unspecified launch failure"), True),
    (RuntimeError(f"CUDA error: CUBLAS_STATUS_EXECUTION_FAILED {LIBRARY}"), True),
    (RuntimeError(f"CUBLAS_STATUS_EXECUTION_FAILED {LIBRARY}"), True),
    (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True),
    (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"), True),
    (RuntimeError("cusolver error: CUSOLVER_STATUS_EXECUTION_FAILED"), True),
    (RuntimeError("cuFFT error: CUFFT_EXEC_FAILED"), True),
    (RuntimeError("CUDA driver error: device not ready"), True),
    (RuntimeError("HIP error: the operation cannot be performed in the present state"), True),
    (RuntimeError("Triton Error [CUDA]: an illegal memory access was encountered"), True),
    (raised(CodeError("mine:network failed"), cause=RuntimeError(ASSERTED)), True),
    (raised(MeasurementError("hessian of 12ab"), cause=RuntimeError(ASSERTED)), True),
    (handled(ValueError("while it was handled"), former=RuntimeError(ASSERTED)), True),
    # An error that a user's code has dealt with, and one that says nothing.
    (replaced(ValueError("no GPU"), former=RuntimeError(ASSERTED)), False),
    (MuteError(), False),
    # A kernel that cannot be launched, which a context survives.
    (AcceleratorError("CUDA error: no kernel image is available for execution"), False),
    (AcceleratorError("CUDA error: invalid configuration argument"), False),
    (RuntimeError("Triton Error [CUDA]: device kernel image is invalid"), False),
    # A lack of memory, which a context survives, also if a recording failed for it.
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), False),
    (AcceleratorError("CUDA error: out of memory"), False),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), False),
    (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), False),
    (RuntimeError("Triton Error [CUDA]: out of memory"), False),
    (raised(OutOfMemoryError("out of memory"), cause=RuntimeError(ASSERTED)), False),
    (
        raised(
            torch.OutOfMemoryError("CUDA out of memory."),
            cause=AcceleratorError("CUDA error: operation failed due to a previous error"),
        ),
        False,
    ),
    # Errors of Python, of torch on any device, and of a user who quotes one of CUDA's.
    (ValueError("CUDA error: device-side assert triggered"), False),
    (RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"), False),
    (RuntimeError("Expected all tensors to be on the same device, cuda:0 and cpu"), False),
    (RuntimeError("MY_CUDA error: none"), False),
    (IndexError("index 7 is out of range"), False),
    (StorageError("cannot write x: the disk is full"), False),
    (MemoryError(), False),
]


@pytest.mark.parametrize(("error", "failed"), ERRORS, ids=repr)
def test_which_errors_leave_a_process_without_its_gpu(error: BaseException, failed: bool) -> None:
    assert is_device_failure(error) == failed


def test_the_message_is_the_jobs_own_and_says_what_became_of_the_process() -> None:
    with pytest.raises(DeviceFailedError) as caught, named_device_failures("it was replaced"):
        raise RuntimeError(ASSERTED)
    words = "RuntimeError: CUDA error: device-side assert triggered; it was replaced"
    assert str(caught.value) == words
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_full_disk_aborts_the_stage_also_after_a_failure() -> None:
    with pytest.raises(StorageError), named_device_failures("it was replaced"):
        try:
            raise RuntimeError(ASSERTED)
        except RuntimeError:
            raise StorageError("cannot write x: the disk is full") from None


_broken: list[bool] = []  # of this process: whether its context is unusable


def fails_from_job_zero_on(payload: int, cache: WorkerCache) -> None:
    """In a process in which a kernel's assertion has failed, every later call fails as well."""
    if _broken or payload == 0:
        _broken.append(True)
        raise torch.AcceleratorError(ASSERTED)
    time.sleep(0.1)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_job_costs_no_other(workers: int) -> None:
    failures, done = all_jobs(ProcessExecutor(workers), 12)
    assert [failure.name for failure in failures] == ["job 0"]
    first = "AcceleratorError: CUDA error: device-side assert triggered"
    assert failures[0].reason == f"{first}; {REPLACED}"
    assert "fails_from_job_zero_on" in failures[0].details
    assert sorted(done) == sorted(f"job {number}" for number in range(1, 12))


def test_the_only_process_of_a_serial_stage_is_not_replaced() -> None:
    try:
        failures, done = all_jobs(SerialExecutor(), 3)
    finally:
        _broken.clear()
    assert (len(failures), done) == (3, [])
    assert all(failure.reason.endswith(f"; {KEPT}") for failure in failures)


def all_jobs(executor: Executor, count: int) -> tuple[list[Failure], list[str]]:
    """The failures, and the names of the jobs that were done; the first job takes longest."""
    done: list[str] = []
    jobs = [
        Job(f"job {number}", number, Work("train", "resnet18", 1, 1, count - number, 0))
        for number in range(count)
    ]
    with executor:
        failures = run_jobs(
            executor, fails_from_job_zero_on, jobs,
            on_done=lambda job, attempt: done.append(job.name) if attempt else None,
        )  # fmt: skip
    return failures, done


def test_many_failures_in_a_row_are_not_taken_for_workers_that_cannot_start() -> None:
    """Each job has its own message, whatever the number of processes that end after one."""
    with ProcessExecutor(1) as executor:
        for _ in range(6):
            error = executor.submit(work, "assert").exception()
            assert isinstance(error, DeviceFailedError)
        assert executor.submit(work, 5).result() == 5


def process(payload: Any, cache: WorkerCache) -> tuple[int, str | None]:
    """A job that says where it runs."""
    if isinstance(payload, BaseException):
        raise payload
    return os.getpid(), os.environ.get(VISIBLE)


def test_the_process_that_replaces_one_is_on_the_same_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other errors keep the process."""
    monkeypatch.delenv(VISIBLE, raising=False)
    with ProcessExecutor(1, Placement((3,), 1, 8)) as executor:
        first = executor.submit(process, None).result()
        assert isinstance(executor.submit(process, ValueError()).exception(), ValueError)
        assert executor.submit(process, None).result() == first
        failed = executor.submit(process, RuntimeError(ASSERTED)).exception()
        assert isinstance(failed, DeviceFailedError)
        second = executor.submit(process, None).result()
    assert first[0] != second[0]
    assert first[1] == second[1] == "3"
