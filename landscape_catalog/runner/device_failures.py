"""Errors after which a process can no longer use its GPU, and what becomes of the process.

An assertion in a kernel, an access to memory that is not there, or an uncorrectable error of the
GPU's memory ends the process's CUDA context: every later call fails with the same error, whatever
job it belongs to. Only a new process has a new context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from landscape_catalog.errors import (
    DeviceFailedError,
    StorageError,
    described,
    is_out_of_memory,
    message_of,
)

# What a RuntimeError says that comes from CUDA, HIP, one of their libraries, or Triton.
FAILURE = re.compile(
    r"\b(?:CUDA|HIP)(?: driver)? error:"
    r"|\b(?:CUBLAS|CUDNN|CUSOLVER|CUSPARSE|HIPBLAS|MIOPEN)_STATUS_"
    r"(?:EXECUTION_FAILED|INTERNAL_ERROR|MAPPING_ERROR)"
    r"|\bCUFFT_(?:EXEC_FAILED|INTERNAL_ERROR)"
    r"|\bTriton Error \[(?:CUDA|HIP)\]"
)

# What is wrong with a kernel before it runs, which leaves the context as it was.
REFUSED = re.compile(
    r"no kernel image is available|kernel image is invalid|invalid configuration argument"
    r"|invalid device function"
)


def is_device_failure(error: BaseException | None) -> bool:
    """Whether an error, or the one that it was raised from, says that a GPU's context is unusable.

    A lack of memory does not, and neither does a kernel that could not be launched: the context
    survives both.

    >>> is_device_failure(RuntimeError("CUDA error: device-side assert triggered"))
    True
    >>> is_device_failure(RuntimeError("CUDA error: out of memory"))
    False
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if is_out_of_memory(error) or REFUSED.search(message_of(error)):
            return False
        if type(error).__name__ == "AcceleratorError":  # torch has had this class since 2.8
            return True
        if isinstance(error, RuntimeError) and FAILURE.search(message_of(error)):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


@contextmanager
def named_device_failures(outcome: str) -> Iterator[None]:
    """Turn errors that leave the process without a usable GPU into `DeviceFailedError`.

    Args:
        outcome: what becomes of the process, for the message.
    """
    try:
        yield
    except StorageError:  # aborts the stage, and with it the process
        raise
    except Exception as error:
        if not is_device_failure(error):
            raise
        raise DeviceFailedError(f"{_first_line(described(error))}; {outcome}") from error


def _first_line(text: str) -> str:
    """Without torch's advice on how to debug kernels, which is in the traceback."""
    return text.splitlines()[0].rstrip(" .;")
