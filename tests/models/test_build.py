"""`build`: seeds, shapes, arguments, and the results of custom functions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from landscape_catalog.models.build import ModelError, build
from landscape_catalog.models.registry import NETWORKS
from landscape_catalog.models.resnet import resnet18

SHAPES: dict[str, tuple[int, ...]] = {"resnet18": (1, 8, 8), "vgg11": (1, 32, 32)}


def custom(
    width: int, input_shape: tuple[int, ...], n_outputs: int, bias: bool = True
) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(int(torch.tensor(input_shape).prod()), width),
                         nn.ReLU(), nn.Linear(width, n_outputs, bias=bias))  # fmt: skip


def state(name: Any, seed: int, **args: Any) -> dict[str, torch.Tensor]:
    shape = SHAPES.get(name, () if name == "transformer" else (1, 4, 4))
    return build(name, width=8, input_shape=shape, n_outputs=10, args=args, seed=seed).state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", [*NETWORKS, custom])
def test_initial_weights_depend_only_on_the_seed(name: Any) -> None:
    before = torch.random.get_rng_state()
    first = state(name, 3)
    torch.rand(5)
    assert same(first, state(name, 3))
    assert not same(first, state(name, 4))
    torch.random.set_rng_state(before)
    state(name, 3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_weights_are_those_of_the_constructor() -> None:
    built = build("resnet18", width=2, input_shape=(1, 8, 8), n_outputs=10, seed=7).state_dict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        assert same(built, resnet18(width=2, in_channels=1).state_dict())


def test_shapes_and_arguments_are_passed_on() -> None:
    vgg = build("vgg11", width=1, input_shape=(2, 32, 40), n_outputs=3, args={"batch_norm": False})
    assert vgg(torch.zeros(2, 2, 32, 40)).shape == (2, 3)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in vgg.modules())
    text = build("transformer", width=4, input_shape=(), n_outputs=9, args={"n_heads": 2})
    tokens = torch.ones(2, 5, dtype=torch.int64)
    assert text(tokens, tokens).shape == (2, 5, 9)
    mlp = build(custom, width=4, input_shape=(1, 4, 4), n_outputs=3, args={"bias": False})
    assert mlp(torch.zeros(2, 1, 4, 4)).shape == (2, 3)
    assert [name for name, _ in mlp.named_parameters()] == ["1.weight", "1.bias", "3.weight"]


def test_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        build("resnet50", width=1, input_shape=(3, 32, 32), n_outputs=10)


def frozen(*_: Any) -> nn.Module:
    return nn.Linear(2, 2).requires_grad_(False)


def lazy(*_: Any) -> nn.Module:
    return nn.LazyLinear(2)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda *_: None, "it returned None"),
        (lambda *_: {"net": 1}, "it returned an object of type dict"),
        (lambda *_: nn.Linear, "it returned the class Linear, not an instance of it"),
        (lambda *_: nn.ReLU(), "it returned a ReLU without any"),
        (frozen, "frozen must return a torch.nn.Module with trainable parameters"),
        (lazy, "it returned a LazyLinear with lazy parameters"),
    ],
)
def test_results_that_are_not_trainable_networks(function: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build(function, width=1, input_shape=(3, 8, 8), n_outputs=10)


def test_a_function_that_fails() -> None:
    def broken(width: int, input_shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        raise RuntimeError("no weights here")

    before = torch.random.get_rng_state()
    with pytest.raises(ModelError, match="broken failed: RuntimeError: no weights here") as caught:
        build(broken, width=1, input_shape=(), n_outputs=10)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert torch.equal(before, torch.random.get_rng_state())
    with pytest.raises(ModelError, match=r"custom failed: TypeError: .*depth"):
        build(custom, width=1, input_shape=(1, 4, 4), n_outputs=10, args={"depth": 3})
