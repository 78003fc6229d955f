"""The torch settings under which every result is computed, on any executor."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import numpy as np

ACCELERATORS = ("cuda", "mps")  # kinds of device besides the CPU


@contextmanager
def reproducible() -> Iterator[None]:
    """Compute under the settings of every worker, and restore the previous ones afterwards.

    These are: one thread, float32 as the default dtype, the CPU as the default device, gradients
    enabled, no autocast, full float32 precision, oneDNN enabled, and on CUDA the deterministic
    kernels of cuDNN, without choosing among them by timing. The generators of torch, NumPy and
    `random` are seeded, so that code that draws from them unseeded is reproducible; their states
    are restored as well.

    Not covered on CUDA are kernels of torch itself that add with atomic operations, in an order
    that changes from time to time. Those that `torch.use_deterministic_algorithms` lists are, among
    others, the backward passes of embeddings, of `index_select`, `gather` and indexing, of adaptive
    average pooling, of interpolation and of padding by reflection or replication; and `index_add`,
    `scatter_add`, `cumsum`, `histc` and weighted `bincount`. Of these the built-in networks and
    tasks use the gradients of embeddings and of indexing (translation); what was seen to repeat
    its bits on an H100 is listed in docs/metrics.md. Networks and tasks of a user may use any of
    them.

    That setting is not used. It would also choose other kernels on the CPU (`index_put`,
    `index_copy`, `put_`), fill each tensor that is allocated, which a recorded step would repeat,
    and ask for another workspace of cuBLAS; and what it does to recorded steps has not been tried
    on a card.
    """
    import torch

    former, precision = _switches(), _matmul_precision()
    threads, dtype, states = torch.get_num_threads(), torch.get_default_dtype(), _random_states()
    algorithms = torch.get_deterministic_debug_mode()
    try:
        torch.set_num_threads(1)
        torch.set_default_dtype(torch.float32)
        _make_deterministic()
        torch.manual_seed(0), np.random.seed(0), random.seed(0)
        with ExitStack() as contexts:
            contexts.enter_context(torch.inference_mode(False))
            contexts.enter_context(torch.enable_grad())
            for device in ("cpu", *ACCELERATORS):
                if torch.is_autocast_enabled(device):
                    contexts.enter_context(torch.autocast(device, enabled=False))
            if torch.get_default_device().type != "cpu":
                contexts.enter_context(torch.device("cpu"))
            yield
    finally:
        for owner, name, value in former:
            setattr(owner, name, value)
        if precision is not None:
            torch.set_float32_matmul_precision(precision)
        torch.set_deterministic_debug_mode(algorithms)
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
        _set_random_states(states)


def _make_deterministic() -> None:
    """Make torch's results bit-reproducible; on CUDA as far as `reproducible` says."""
    import torch

    torch.set_deterministic_debug_mode("default")
    torch.set_float32_matmul_precision("highest")
    mkldnn: Any = torch.backends.mkldnn
    mkldnn.enabled = True
    for owner in (mkldnn.matmul, mkldnn.conv, mkldnn.rnn):
        if owner.fp32_precision not in ("none", "ieee"):
            owner.fp32_precision = "ieee"
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _matmul_precision() -> str | None:
    """The precision of matrix products; None if the backends' precisions were set separately."""
    import torch

    with suppress(RuntimeError):
        return torch.get_float32_matmul_precision()
    return None


def _switches() -> list[tuple[Any, str, Any]]:
    """The settings that `_make_deterministic` changes: owner, name, value, in restoring order.

    Setting `allow_tf32` also changes the newer `fp32_precision`, and reading it raises an error if
    the caller has set the newer one.
    """
    import torch

    cudnn: Any = torch.backends.cudnn
    matmul: Any = torch.backends.cuda.matmul
    mkldnn: Any = torch.backends.mkldnn
    names = [(cudnn, "benchmark"), (cudnn, "deterministic"), (mkldnn, "enabled")]
    names += [(cudnn, "allow_tf32"), (matmul, "allow_tf32")]
    owners = (cudnn.conv, cudnn.rnn, matmul, mkldnn.matmul, mkldnn.conv, mkldnn.rnn)
    names += [(owner, "fp32_precision") for owner in owners]
    found = []
    for owner, name in names:
        with suppress(RuntimeError):
            found.append((owner, name, getattr(owner, name)))
    return found


def _random_states() -> dict[str, Any]:
    import torch

    states: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(),
        "python": random.getstate(),
    }
    if torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def _set_random_states(states: dict[str, Any]) -> None:
    import torch

    torch.set_rng_state(states["torch"])
    np.random.set_state(states["numpy"])
    random.setstate(states["python"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])
    if "mps" in states:
        torch.mps.set_rng_state(states["mps"])
