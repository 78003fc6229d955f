"""TF32 and bfloat16: what they change, and what they leave as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.runner.settings import reproducible
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Member, Recipe, train, train_group, train_replayed
from landscape_catalog.training.precision import Precision
from tests.experiment.grids import grid_of
from tests.training.members import Kind, Run, Trainings

PRECISIONS: tuple[Precision, ...] = ("float32", "tf32", "bf16")


class Observed(nn.Module):
    """A linear layer that notes the arithmetic of its calls, forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(16, 3)
        self.seen: list[tuple[torch.dtype, bool, bool]] = []
        self.backward_seen: list[bool] = []

    def forward(self, images: Tensor) -> Tensor:
        outputs = self.linear(images.flatten(1))
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        self.seen.append((outputs.dtype, cudnn.allow_tf32, matmul.allow_tf32))
        if outputs.requires_grad:
            outputs.register_hook(lambda _: self.backward_seen.append(matmul.allow_tf32))
        return outputs


def data() -> Samples:
    return Samples(torch.randint(256, (24, 1, 4, 4), dtype=torch.uint8), torch.arange(24) % 3)


def trained(precision: Precision, how: Callable[..., Any]) -> Observed:
    torch.manual_seed(1)
    network, samples = Observed(), data()
    recipe = Recipe(batch_size=8, lr=0.0625, epochs=2, precision=precision)
    task = Classification((0.5,), (0.25,))
    if how is train:
        train(network, samples, task, recipe, seed=0)
    else:
        how([Member(network, samples, task, recipe, 0)])
    return network


@pytest.fixture(autouse=True)
def as_in_a_worker() -> Iterator[None]:
    with reproducible():
        yield


@pytest.mark.parametrize("how", [train, train_replayed])
@pytest.mark.parametrize(
    ("precision", "dtype", "tf32"),
    [("float32", torch.float32, False), ("tf32", torch.float32, True),
     ("bf16", torch.bfloat16, False)],
)  # fmt: skip
def test_the_arithmetic_of_steps(
    precision: Precision, dtype: torch.dtype, tf32: bool, how: Callable[..., Any]
) -> None:
    network = trained(precision, how)
    assert set(network.seen) == {(dtype, tf32, tf32)}
    assert set(network.backward_seen) == {tf32}
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_numbers() -> None:
    """TF32 is float32 on a CPU; bfloat16 rounds to 8 bits, so that weights move about as far."""
    start = Observed().linear.weight
    exact, tf32, bf16 = (trained(one, train).linear.weight for one in PRECISIONS)
    assert torch.equal(exact, tf32)
    assert not torch.equal(exact, bf16)
    assert (bf16 - exact).norm() < 0.02 * (exact - start).norm()


def test_settings_are_restored_after_an_error() -> None:
    class Fails(nn.Linear):
        def forward(self, images: Tensor) -> Tensor:
            raise RuntimeError("no")

    recipe = Recipe(batch_size=8, epochs=1, precision="tf32")
    with pytest.raises(RuntimeError, match="no"):
        train(Fails(16, 3), data(), Classification((0.5,), (0.25,)), recipe, seed=0)
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_groups_are_float32(precision: Precision) -> None:
    made = Trainings(Kind(), Recipe(batch_size=8, precision=precision))
    with pytest.raises(ValueError, match="plain SGD"):
        train_group([made.member(Run())])


def test_ids_say_which() -> None:
    ids = {
        precision: tuple(run.run_id for run in grid_of({"train.precision": precision}).runs)
        for precision in PRECISIONS
    }
    assert ids["float32"] == tuple(run.run_id for run in grid_of({}).runs)
    assert len(set(ids.values())) == 3
