"""The trial of kernels in Triton: it succeeds in the interpreter, and fails without a GPU."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import torch
from torch.nn import functional as F

from landscape_catalog.graphs.kernels import mode, trial
from landscape_catalog.graphs.notices import warn_once
from tests.graphs.interpreter import in_tritons_interpreter

CPU, GPU = torch.device("cpu"), torch.device("cuda")
NO_COMPILER = RuntimeError("Failed to find C compiler. Please specify via CC environment variable.")


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """What a process remembers is forgotten before and after."""
    for cached in (trial._tried, warn_once):
        cached.cache_clear()
    yield
    for cached in (trial._tried, warn_once):
        cached.cache_clear()


SUCCEEDS = """
import torch
from landscape_catalog.graphs.kernels import batchnorm, mode, trial
from torch.nn import functional as F

cpu = torch.device("cpu")
assert trial.triton_batch_norm(cpu) is batchnorm
mode.DEVICES = ("cpu",)
x, mean, variance = torch.randn(8, 3, 4, 4), torch.zeros(3), torch.ones(3)
arguments = (mean, variance, torch.ones(3), torch.zeros(3), True, 0.1, 1e-5)
with mode._Kernels(trial.triton_batch_norm(cpu)):
    found = F.batch_norm(x.requires_grad_(), *arguments)
assert type(found.grad_fn).__name__ == "_BatchNormBackward", found.grad_fn

real = batchnorm.batch_norm
batchnorm.batch_norm = lambda *args, **options: real(*args, **options) * 1.001
trial._tried.cache_clear()
assert trial.triton_batch_norm(cpu) is None
print("tried")
"""


def test_the_trial_in_tritons_interpreter() -> None:
    """It passes, the kernels are then used, and kernels with wrong results do not pass."""
    done = in_tritons_interpreter(SUCCEEDS)
    assert done.stdout == "tried\n", done.stderr
    assert "wrong results" in done.stderr


def test_without_a_driver(caplog: pytest.LogCaptureFixture) -> None:
    """The compiler itself refuses here, as Triton has no device."""
    assert trial.triton_batch_norm(CPU) is None
    assert trial.triton_batch_norm(CPU) is None
    (said,) = caplog.messages
    assert said.startswith("kernels in Triton cannot be used here, so that batch norm is torch's")


@pytest.mark.parametrize(
    "error", [NO_COMPILER, ImportError("No module named 'triton'"), FileNotFoundError("Python.h")]
)
def test_whatever_fails_is_tried_once(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fails(module: object, device: torch.device) -> None:
        tried.append(device)
        raise error

    monkeypatch.setattr(trial, "_try", fails)
    caplog.set_level(logging.WARNING)
    for _ in range(3):
        context = mode.small_network_kernels(GPU)
        assert isinstance(context, mode._Kernels)
        assert context.batch_norm is None
        mode.small_network_kernels(GPU, twice=True)
    assert tried == [GPU]
    (said,) = caplog.messages
    assert str(error) in said
    assert "\n" not in said


def test_batch_norm_is_torchs_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same bits as outside, and convolutions are still those for small networks."""
    monkeypatch.setattr(mode, "DEVICES", ("cpu",))
    monkeypatch.setattr(trial, "_try", lambda *_: (_ for _ in ()).throw(NO_COMPILER))
    x, options = torch.randn(4, 3, 5, 5), (torch.ones(3), torch.zeros(3), True, 0.1, 1e-5)
    expected = F.batch_norm(x, torch.zeros(3), torch.ones(3), *options)
    with mode.small_network_kernels(GPU):
        found = F.batch_norm(x, torch.zeros(3), torch.ones(3), *options)
        images = torch.conv2d(x.requires_grad_(), torch.ones(2, 3, 3, 3), None, 1, 1)
    assert torch.equal(found, expected)
    assert type(images.grad_fn).__name__ == "_ConvBackward"


def test_lack_of_memory_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, and the next time is another trial."""

    def fails(module: object, device: torch.device) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patch:
        patch.setattr(trial, "_try", fails)
        with pytest.raises(torch.OutOfMemoryError):
            trial.triton_batch_norm(GPU)
    monkeypatch.setattr(trial, "_try", lambda *_: None)
    assert trial.triton_batch_norm(GPU) is not None


@pytest.mark.parametrize("works", [True, False])
def test_the_provenance_says_which_kernels(works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from landscape_catalog.runner.device import provenance

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100")

    def attempt(module: object, device: torch.device) -> None:
        if not works:
            raise NO_COMPILER

    monkeypatch.setattr(trial, "_try", attempt)
    expected = "NVIDIA H100" if works else "NVIDIA H100, without Triton's kernels"
    assert provenance("cuda").device == expected
    assert provenance("cpu").device == "cpu"


def test_one_gpu_is_tried_once_under_both_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(trial, "_tried", tried.append)
    for name in ("cuda", "cuda:1", "cuda:0", "cpu"):
        trial.triton_batch_norm(torch.device(name))
    assert [str(device) for device in tried] == ["cuda:1", "cuda:1", "cuda:0", "cpu"]
