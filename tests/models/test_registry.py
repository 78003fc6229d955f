"""The descriptions of the built-in networks agree with the networks themselves."""

from __future__ import annotations

import inspect
import math
from importlib import import_module

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from landscape_catalog.errors import Problem
from landscape_catalog.models.build import build
from landscape_catalog.models.registry import (
    NETWORKS,
    args_in_effect,
    multiply_adds,
    network_problems,
)
from landscape_catalog.models.vgg import POOLED

IMAGES = (3, 32, 32)


def counted(network: nn.Module, *inputs: torch.Tensor) -> float:
    """Multiply-adds per sample as counted by torch, at two operations each."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(*inputs)
    return counter.get_total_flops() / 2 / len(inputs[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_arguments_are_those_of_the_function(name: str) -> None:
    """The function takes all arguments of the entry and does not repeat their defaults."""
    spec = NETWORKS[name]
    assert spec.name == name
    module, _, attribute = spec.where.partition(":")
    parameters = inspect.signature(getattr(import_module(module), attribute)).parameters
    sizes = {
        "images": {"in_channels", "num_classes"},
        "text": {"vocabulary"},
        "points": {"input_shape", "n_outputs"},
    }
    assert set(parameters) == {"width"} | sizes[spec.kind] | set(spec.args)
    assert all(parameters[key].default is inspect.Parameter.empty for key in spec.args)


@pytest.mark.parametrize("name", NETWORKS)
def test_defaults_are_valid(name: str) -> None:
    defaults = {key: spec.default for key, spec in NETWORKS[name].args.items()}
    assert network_problems(name, width=8, input_shape=IMAGES, args=defaults) == []
    assert args_in_effect(name, {}) == args_in_effect(name, defaults) == defaults


@pytest.mark.parametrize(
    ("name", "key", "value", "allowed"),
    [
        ("vgg11", "batch_norm", 1, "true or false"),
        ("vgg11", "batch_norm", "yes", "true or false"),
        ("transformer", "n_layers", 0, "a whole number of at least 1 and below 2^31"),
        ("transformer", "n_layers", 2.0, "a whole number of at least 1 and below 2^31"),
        ("transformer", "n_heads", True, "a whole number of at least 1 and below 2^31"),
        ("transformer", "feed_forward", -1, "a whole number of at least 1 and below 2^31"),
        ("transformer", "dropout", 1.0, "a number of at least 0 and below 1"),
        ("transformer", "dropout", -0.1, "a number of at least 0 and below 1"),
        ("transformer", "dropout", False, "a number of at least 0 and below 1"),
        ("transformer", "dropout", math.nan, "a number of at least 0 and below 1"),
        ("transformer", "dropout", "0.1", "a number of at least 0 and below 1"),
        ("transformer", "dropout", None, "a number of at least 0 and below 1"),
    ],
)
def test_an_invalid_argument(name: str, key: str, value: object, allowed: str) -> None:
    problems = network_problems(name, width=8, input_shape=IMAGES, args={key: value})
    assert problems == [Problem(f"model.args.{key}", repr(value), allowed)]


def test_an_unknown_argument() -> None:
    args = {"batchnorm": True}
    assert network_problems("vgg11", width=1, input_shape=IMAGES, args=args) == [
        Problem("model.args.batchnorm", "an unknown parameter", "batch_norm")
    ]
    assert network_problems("resnet18", width=1, input_shape=IMAGES, args=args) == [
        Problem(
            "model.args.batchnorm",
            "an unknown parameter",
            "none: resnet18 has no arguments to set",
        )
    ]


def test_all_problems_are_reported_at_once() -> None:
    args = {"batch_norm": 0, "depth": 3}
    problems = network_problems("vgg11", width=1, input_shape=(1, 8, 8), args=args)
    assert [problem.path for problem in problems] == [
        "model.args.batch_norm",
        "model.args.depth",
        "dataset.resize",
    ]


def test_a_width_that_is_not_a_multiple_of_the_heads() -> None:
    assert network_problems("transformer", width=12, input_shape=(), args={}) == [
        Problem("load.width", "12", "multiples of 8, the number of heads (`model.args.n_heads`)")
    ]
    assert network_problems("transformer", width=12, input_shape=(), args={"n_heads": 4}) == []
    # An invalid number of heads is one problem, not two.
    found = network_problems("transformer", width=12, input_shape=(), args={"n_heads": 0})
    assert [problem.path for problem in found] == ["model.args.n_heads"]


@pytest.mark.parametrize("size", [(8, 8), (31, 32), (32, 31)])
def test_images_too_small_for_vgg11(size: tuple[int, int]) -> None:
    assert network_problems("vgg11", width=1, input_shape=(1, *size), args={}) == [
        Problem(
            "dataset.resize",
            f"images of {size[0]} x {size[1]}",
            "at least 32 x 32 for vgg11, which pools five times",
        )
    ]
    assert network_problems("resnet18", width=1, input_shape=(1, *size), args={}) == []


def test_the_limits_agree_with_the_networks() -> None:
    smallest = NETWORKS["vgg11"].smallest_image
    assert smallest == 2 ** len(POOLED)
    network = build("vgg11", width=1, input_shape=IMAGES, n_outputs=2).eval()
    network(torch.zeros(1, 3, smallest, smallest))
    with pytest.raises(ValueError, match="at least 32 x 32"):
        network(torch.zeros(1, 3, smallest, smallest - 1))
    with pytest.raises(ValueError, match=r"multiples of 8, .*, got 12"):
        build("transformer", width=12, input_shape=(), n_outputs=10)


@pytest.mark.parametrize("name", ["resnet18", "vgg11"])
@pytest.mark.parametrize(
    ("width", "shape", "n_outputs"),
    [(1, (1, 32, 32), 2), (3, (3, 45, 67), 10), (8, (3, 64, 32), 100)],
)
def test_multiply_adds_on_images(
    name: str, width: int, shape: tuple[int, int, int], n_outputs: int
) -> None:
    network = build(name, width=width, input_shape=shape, n_outputs=n_outputs).eval()
    sizes = {"width": width, "input_shape": shape, "n_outputs": n_outputs}
    assert multiply_adds(name, **sizes, args={}) == counted(network, torch.zeros(2, *shape))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_multiply_adds_on_the_smallest_images(size: int) -> None:
    shape = (1, size, size)
    network = build("resnet18", width=2, input_shape=shape, n_outputs=10).eval()
    found = multiply_adds("resnet18", width=2, input_shape=shape, n_outputs=10, args={})
    assert found == counted(network, torch.zeros(1, *shape))


@pytest.mark.parametrize(
    ("width", "vocabulary", "lengths", "args"),
    [
        (8, 20, (1, 1), {}),
        (16, 50, (11, 7), {"n_layers": 2, "n_heads": 4, "feed_forward": 3}),
        (64, 1000, (5, 25), {"n_layers": 1}),
    ],
)
def test_multiply_adds_on_text(
    width: int, vocabulary: int, lengths: tuple[int, int], args: dict[str, int]
) -> None:
    network = build("transformer", width=width, input_shape=(), n_outputs=vocabulary, args=args)
    tokens = [torch.ones(3, length, dtype=torch.int64) for length in lengths]
    found = multiply_adds(
        "transformer",
        width=width,
        input_shape=(),
        n_outputs=vocabulary,
        args=args,
        lengths=lengths,
    )
    assert found == counted(network, *tokens)


def test_multiply_adds_of_mean_lengths_is_a_whole_number() -> None:
    found = multiply_adds(
        "transformer", width=8, input_shape=(), n_outputs=30, args={}, lengths=(10.5, 7.3)
    )
    assert isinstance(found, int) and found > 0
