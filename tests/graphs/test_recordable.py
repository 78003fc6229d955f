"""Which networks may be recorded as a CUDA graph: a table of those that may and those that may not.

Each of those that may not can be traced, or could be by luck: what is wrong shows in something else
than its operations.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.graphs import passes
from landscape_catalog.graphs.batching import stable_graph
from landscape_catalog.graphs.kernels import mode
from landscape_catalog.graphs.recordable import why_not_recorded
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples

TASK = Classification((0.5,) * 3, (0.25,) * 3)
ELSEWHERE = torch.zeros(4, device="meta")
CALLS, CALLED = 0, [0]  # of networks that count in a Python module


class Plain(nn.Module):
    """Convolution, batch norm, ReLU, mean, linear; `also` is called in each forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.linear = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 10)
        self.calls, self.seen, self.known = 0, [0], {"calls": 0}
        self.register_buffer("moved", torch.zeros(4))

    def also(self) -> None:
        """What a member of the table does besides."""

    def forward(self, inputs: Tensor) -> Tensor:
        self.also()
        hidden = F.relu(self.norm(self.conv(inputs)))
        return self.linear(hidden.mean(dim=(2, 3)))  # type: ignore[no-any-return]


def network(also: Any = None, **changed: Any) -> nn.Module:
    made = Plain()
    if also is not None:
        made = type("Own", (Plain,), {"also": also})()
    for name, value in changed.items():
        setattr(made, name, value)
    return made


class Counted:
    """An object of a user, which counts."""

    def __init__(self) -> None:
        self.calls = 0


def _count(self: Any) -> None:
    self.calls += 1


def _count_in_a_list(self: Any) -> None:
    self.seen[0] += 1


def _append(self: Any) -> None:
    self.seen.append(1)


def _count_in_a_dict(self: Any) -> None:
    self.known["calls"] += 1


def _count_in_an_object(self: Any) -> None:
    self.known.setdefault("object", Counted()).calls += 1


def _set_an_attribute(self: Any) -> None:
    self.last = 1.0


def _replace_a_buffer(self: Any) -> None:
    self.moved = self.moved * 0.9


def _replace_a_tensor(self: Any) -> None:
    self.norm.kept = torch.ones(1)


def _move_a_buffer(self: Any) -> None:
    self.moved.mul_(0.9).add_(0.1)


def _move_a_tensor_elsewhere(self: Any) -> None:
    ELSEWHERE.add_(1)


def _ask_a_buffer(self: Any) -> None:
    if self.moved.sum() > 1:
        self.moved.zero_()


def _ask_for_a_number(self: Any) -> None:
    self.moved.add_(float(self.moved[0]))


def _draw_by_random(self: Any) -> None:
    random.random()


def _draw_by_numpy(self: Any) -> None:
    np.random.rand()


def _draw_by_torch(self: Any) -> None:
    torch.rand(1)


def _copies_elsewhere(self: Any) -> None:
    self.moved.to("meta")


def _count_in_the_class(self: Any) -> None:
    type(self).total = getattr(type(self), "total", 0) + 1


def _count_in_the_module(self: Any) -> None:
    global CALLS
    CALLS += 1


def _count_in_a_list_of_the_module(self: Any) -> None:
    CALLED[0] += 1


def _counting() -> nn.Module:
    calls = 0

    def count(self: Any) -> None:
        nonlocal calls
        calls += 1

    return network(count)


def _backwards(change: Callable[[Tensor], Tensor | None]) -> nn.Module:
    """A network whose ReLU has a backward pass of its own, after which the gradient is changed."""

    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, inputs: Tensor) -> Tensor:
            ctx.save_for_backward(inputs)
            return F.relu(inputs)

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            (inputs,) = ctx.saved_tensors
            gradient = gradient * (inputs > 0)
            changed = change(gradient)
            return gradient if changed is None else changed

    class Network(Plain):
        def forward(self, inputs: Tensor) -> Tensor:
            hidden = Own.apply(self.norm(self.conv(inputs)))
            return self.linear(hidden.mean(dim=(2, 3)))  # type: ignore[no-any-return]

    return Network()


class Decaying:
    """An object of a user, which no look at Python's state goes into."""

    factor = 1.0

    def decay(self) -> float:
        self.factor *= 0.9
        return self.factor


DECAYING = Decaying()


def _hooked(register: Callable[[Any], object]) -> nn.Module:
    made = network()
    register(made)
    return made


def _masked(gradient: Tensor) -> Tensor:
    gradient[gradient.abs() > 1] = 1.0
    return gradient


# What only a backward pass or Python's state outside of the network shows.
BACKWARDS: dict[str, Callable[[], nn.Module]] = {
    "a backward pass that reads a value": lambda: _backwards(
        lambda gradient: gradient / 2 if float(gradient.abs().max()) > 1 else gradient
    ),
    "a backward pass with a mask": lambda: _backwards(_masked),
    "a backward pass that draws": lambda: _backwards(lambda gradient: gradient * torch.rand(1)),
    "a backward pass that draws by random": lambda: _backwards(
        lambda gradient: gradient * random.random()
    ),
    "a backward pass that decays": lambda: _backwards(lambda gradient: gradient * DECAYING.decay()),
    "a backward pass that fails": lambda: _backwards(lambda gradient: gradient.reshape(7, 11)),
    "a gradient hook": lambda: _hooked(
        lambda made: made.conv.weight.register_hook(lambda g: g / max(1.0, float(g.norm())))
    ),
    "a hook after a gradient": lambda: _hooked(
        lambda made: made.conv.weight.register_post_accumulate_grad_hook(lambda p: None)
    ),
    "a full backward hook": lambda: _hooked(
        lambda made: made.linear.register_full_backward_hook(lambda *_: None)
    ),
    "a hook before the backward pass": lambda: _hooked(
        lambda made: made.linear.register_full_backward_pre_hook(lambda *_: None)
    ),
    "a counter of the class": lambda: network(_count_in_the_class),
    "a counter of the Python module": lambda: network(_count_in_the_module),
    "a counter in a list of the Python module": lambda: network(_count_in_a_list_of_the_module),
    "a counter that a function encloses": _counting,
}
MAY = {
    "a backward pass of one's own": lambda: _backwards(lambda gradient: None),
    "plain": network,
    "frozen": lambda: network().requires_grad_(False),
    "a buffer moved in place": lambda: network(_move_a_buffer),
    "another momentum": lambda: network(norm=nn.BatchNorm2d(4, momentum=0.5)),
    "float64": lambda: network().double(),
    "an attribute that is set anew": lambda: network(_set_an_attribute),
    "in eval mode": lambda: network().eval(),
    "resnet18": lambda: build("resnet18", width=1, input_shape=(3, 8, 8), n_outputs=10, seed=0),
    "vgg11": lambda: build("vgg11", width=1, input_shape=(3, 32, 32), n_outputs=10, seed=0),
}
MAY_NOT = {
    "a counter": lambda: network(_count),
    "a counter in a list": lambda: network(_count_in_a_list),
    "a list that grows": lambda: network(_append),
    "a counter in a dictionary": lambda: network(_count_in_a_dict),
    "a counter in an object": lambda: network(_count_in_an_object),
    "a buffer that is replaced": lambda: network(_replace_a_buffer),
    "a tensor that is replaced": lambda: network(_replace_a_tensor),
    "a branch on a buffer": lambda: network(_ask_a_buffer),
    "a number from a buffer": lambda: network(_ask_for_a_number),
    "a tensor of another device": lambda: network(_move_a_tensor_elsewhere),
    "copies to a device": lambda: network(_copies_elsewhere),
    "batch norm that counts": lambda: network(norm=nn.BatchNorm2d(4, momentum=None)),
    "random": lambda: network(_draw_by_random),
    "numpy": lambda: network(_draw_by_numpy),
    "torch": lambda: network(_draw_by_torch),
    "batch norm without weights": lambda: network(norm=nn.BatchNorm2d(4, affine=False)),
    "batch norm without statistics": lambda: network(
        norm=nn.BatchNorm2d(4, track_running_stats=False)
    ),
    "batch norm in another mode": lambda: network(norm=_Evaluated(4)),
    **BACKWARDS,
}


class _Evaluated(nn.BatchNorm2d):
    """Batch norm that stays in eval mode."""

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(False)


def samples(size: int) -> Samples:
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(256, (8, 3, size, size), dtype=torch.uint8, generator=draw)
    return Samples(images, torch.arange(8))


def kept(made: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(made.state_dict())


@pytest.mark.parametrize("name", MAY)
def test_networks_that_may_be_recorded(name: str) -> None:
    made, batch = MAY[name](), samples(32 if name == "vgg11" else 8)
    with unchanged(made):
        assert not why_not_recorded(made, batch, TASK)
    if name != "a backward pass of one's own":  # which autograd differentiates, but not twice alike
        with unchanged(made):
            assert not why_not_recorded(made, batch, TASK, twice=True)


@pytest.mark.parametrize("name", MAY_NOT)
def test_networks_that_may_not_be_recorded(name: str) -> None:
    made, batch = MAY_NOT[name]().train(), samples(8)
    with unchanged(made):
        assert why_not_recorded(made, batch, TASK)


@contextmanager
def unchanged(made: nn.Module) -> Iterator[None]:
    """Neither the network's tensors and gradients nor any generator change."""
    before, modes = kept(made), [module.training for module in made.modules()]
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    yield
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())
    assert all(parameter.grad is None for parameter in made.parameters())
    assert [module.training for module in made.modules()] == modes
    assert made.__dict__.get("calls", 0) == 0


def test_what_only_a_backward_pass_shows() -> None:
    """Nearly all of these have a graph of operations, and their forward passes are plain."""
    traced = [
        name
        for name, make in BACKWARDS.items()
        if stable_graph(make().train(), samples(8), TASK, 8) is not None
    ]
    hooks = ["a full backward hook", "a hook before the backward pass"]
    assert [name for name in BACKWARDS if name not in traced] == hooks


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("name", ["plain", "resnet18", "vgg11"])
def test_with_the_kernels_of_recorded_steps(
    name: str, twice: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check computes with them on CUDA; they read nothing and repeat their bits either."""
    calls: list[Tensor] = []
    real = mode.convolution

    def counted(inputs: Tensor, weight: Tensor, **options: Any) -> Tensor:
        calls.append(weight)
        return real(inputs, weight, **options)

    monkeypatch.setattr(mode, "convolution", counted)
    monkeypatch.setattr(mode, "DEVICES", ("cpu",))
    monkeypatch.setattr(passes, "small_network_kernels", lambda *_, **__: mode._Kernels(None))
    made, batch = MAY[name](), samples(32 if name == "vgg11" else 8)
    assert not why_not_recorded(made, batch, TASK, twice=twice)
    convolutions = sum(isinstance(module, nn.Conv2d) for module in made.modules())
    assert len(calls) == 2 * convolutions


def test_second_derivatives_that_ask_for_a_value() -> None:
    class Square(torch.autograd.Function):
        """Its backward pass is a function whose own backward pass reads a value."""

        @staticmethod
        def forward(ctx: Any, inputs: Tensor) -> Tensor:
            ctx.save_for_backward(inputs)
            return F.softplus(inputs)

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            (inputs,) = ctx.saved_tensors
            product: Tensor = Product.apply(gradient, inputs)
            return product

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, gradient: Tensor, inputs: Tensor) -> Tensor:
            ctx.save_for_backward(gradient, inputs)
            return gradient * inputs.sigmoid()

        @staticmethod
        def backward(ctx: Any, other: Tensor) -> tuple[Tensor, Tensor]:
            gradient, inputs = ctx.saved_tensors
            sigmoid = inputs.sigmoid()
            if float(other.sum()) == 0.5:
                other = other * 2
            return other * sigmoid, other * gradient * sigmoid * (1 - sigmoid)

    class Twice(Plain):
        def forward(self, inputs: Tensor) -> Tensor:
            hidden = Square.apply(self.norm(self.conv(inputs)))
            return self.linear(hidden.mean(dim=(2, 3)))  # type: ignore[no-any-return]

    assert not why_not_recorded(Twice(), samples(8), TASK)
    assert why_not_recorded(Twice(), samples(8), TASK, twice=True)


def test_hooks_of_all_networks() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert why_not_recorded(network(), samples(8), TASK)
    finally:
        handle.remove()
    assert not why_not_recorded(network(), samples(8), TASK)


def test_what_is_not_found() -> None:
    """As docs/own.md says: state that two passes leave alone or that lies elsewhere."""

    def also(self: Any) -> None:
        DECAYING.decay()  # in an object, and without an effect so far

    assert not why_not_recorded(network(also), samples(8), TASK)


def test_memory_that_lacks_for_the_backward_pass() -> None:
    def fails(gradient: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        why_not_recorded(_backwards(fails), samples(8), TASK)


def test_most_of_the_table_is_about_more_than_the_operations() -> None:
    """These networks have a graph, so that something else keeps them from being recorded."""
    traced = [
        name
        for name, make in MAY_NOT.items()
        if name not in BACKWARDS and stable_graph(make().train(), samples(8), TASK, 8) is not None
    ]
    assert len(traced) == 12, traced


def test_other_tasks_are_not_recorded() -> None:
    class Own(Classification):
        """A task of a user."""

    assert why_not_recorded(network(), samples(8), Own((0.5,) * 3, (0.25,) * 3))
    assert why_not_recorded(network(), samples(8)[:1], TASK)
    assert why_not_recorded(network(), samples(8)[:0], TASK)
