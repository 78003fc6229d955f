"""Normalisation: its formula, and its constants, which are cached per device and dtype."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from landscape_catalog.tasks import Classification, Samples, epoch_batches

TASK = ((0.5, 0.25), (0.25, 2.0))


class Copies(TorchDispatchMode):
    """Records operations that copy a tensor to the meta device, which stands for a GPU here."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [one for one in args if isinstance(one, Tensor)]
        for one in args:  # indices are passed as lists
            tensors += [t for t in one if isinstance(t, Tensor)] if isinstance(one, list) else []
        on_meta = isinstance(result, Tensor) and result.device.type == "meta"
        if on_meta and any(one.device.type == "cpu" and one.ndim for one in tensors):
            self.found.append(str(func))
        return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalisation(dtype: torch.dtype) -> None:
    images = torch.randint(0, 256, (5, 2, 3, 3), dtype=torch.uint8)
    task = Classification(*TASK)
    mean, std = (torch.tensor(values, dtype=dtype).view(1, 2, 1, 1) for values in TASK)
    for _ in range(2):  # computed, then cached
        found = task.inputs(images, dtype)
        assert found.dtype == dtype
        assert torch.equal(found, (images.to(dtype) / 255 - mean) / std)


@pytest.mark.parametrize("order_on", ["meta", "cpu"])
def test_a_step_copies_nothing_from_the_host(
    order_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the order is on the device; if it is on the host, every batch copies its rows."""
    created, tensor = [], torch.tensor
    monkeypatch.setattr(torch, "tensor", lambda *a, **k: created.append(a) or tensor(*a, **k))
    images = torch.zeros(12, 2, 4, 4, dtype=torch.uint8, device="meta")
    data = Samples(images, torch.zeros(12, dtype=torch.int64, device="meta"))
    task = Classification(*TASK)
    network = nn.Sequential(nn.Flatten(), nn.Linear(32, 3)).to("meta")
    steps = []
    with Copies() as copies:
        for rows in epoch_batches(12, 3, seed=0, epoch=0, device=order_on):
            batch = data[rows]
            task.loss(task.outputs(network, batch, torch.float32), batch).backward()
            steps.append(len(copies.found))
    if order_on == "meta":
        assert steps == [1] * 4, "the order of the epoch, and nothing else"
    else:
        assert steps[0] < steps[1] < steps[2] < steps[3]
    assert len(created) == 2, "the mean and the standard deviation, at the first step"
    assert network[1].weight.grad is not None


def test_cached_constants_are_not_part_of_a_tasks_identity() -> None:
    used, fresh = Classification(*TASK), Classification(*TASK)
    used.inputs(torch.zeros(1, 2, 1, 1))
    assert used == fresh
    assert hash(used) == hash(fresh)
    assert repr(used) == repr(fresh)


def test_constants_cached_in_inference_mode_can_be_used_in_training() -> None:
    task = Classification(*TASK)
    with torch.inference_mode():
        task.inputs(torch.zeros(1, 2, 1, 1))
    images = torch.zeros(1, 2, 1, 1, requires_grad=True)
    task.inputs(images).sum().backward()
    assert images.grad is not None
