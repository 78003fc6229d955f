"""The torch settings under which every result is computed, on any executor."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np


@contextmanager
def reproducible() -> Iterator[None]:
    """Compute under the settings of every worker, and restore the previous ones afterwards.

    These are: one thread, float32 as the default dtype, gradients enabled, TF32 disabled, and
    deterministic kernels (on CUDA, as far as they exist). The random states of torch, NumPy and
    `random` are restored as well, so that code that seeds them does not affect its caller.
    """
    import torch

    former = _switches()
    threads, dtype, states = torch.get_num_threads(), torch.get_default_dtype(), _random_states()
    try:
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float32)
        _make_deterministic()
        with torch.enable_grad():
            yield
    finally:
        for owner, name, value in former:
            setattr(owner, name, value)
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        _set_random_states(states)


def _make_deterministic() -> None:
    """Make torch's results bit-reproducible; on CUDA, as far as its kernels allow."""
    import torch

    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _switches() -> list[tuple[Any, str, Any]]:
    """The settings that `_make_deterministic` changes: owner, name, value, in restoring order.

    Setting `allow_tf32` also changes the newer `fp32_precision`, and reading it raises an error if
    the caller has set the newer one.
    """
    import torch

    cudnn: Any = torch.backends.cudnn
    matmul: Any = torch.backends.cuda.matmul
    names = [(cudnn, "benchmark"), (cudnn, "deterministic")]
    names += [(cudnn, "allow_tf32"), (matmul, "allow_tf32")]
    names += [(owner, "fp32_precision") for owner in (cudnn.conv, cudnn.rnn, matmul)]
    found = []
    for owner, name in names:
        with suppress(RuntimeError):
            found.append((owner, name, getattr(owner, name)))
    return found


def _random_states() -> dict[str, Any]:
    import torch

    states = {
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(),
        "python": random.getstate(),
    }
    return states | ({"cuda": _cuda_states()} if torch.cuda.is_initialized() else {})


def _cuda_states() -> list[Any]:
    import torch

    return torch.cuda.get_rng_state_all()


def _set_random_states(states: dict[str, Any]) -> None:
    import torch

    torch.set_rng_state(states["torch"])
    np.random.set_state(states["numpy"])
    random.setstate(states["python"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])
