"""Ways of taking SGD steps of several networks on one device, to be timed side by side.

Each way holds networks and data, `take(n)` launches n steps of every network, and `release` frees
what it holds besides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.plain_training import PlainLoop
from landscape_catalog.graphs.kernels.mode import small_network_kernels
from landscape_catalog.graphs.recorded import RecordedWork
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Recipe, replayed
from landscape_catalog.training.replayed import ReplayedSteps
from landscape_catalog.training.steps import Steps

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
TASK = Classification(MEAN, STD)


def made_up(n: int, device: str, size: int = 32) -> Samples:
    """Images of ten classes: a pattern for each class, under much noise."""
    draw = np.random.Generator(np.random.Philox(key=0))
    labels = draw.integers(10, size=n)
    patterns = draw.integers(256, size=(10, 3, size, size))
    noise = draw.integers(256, size=(n, 3, size, size))
    images = ((patterns[labels] + 3 * noise) // 4).astype(np.uint8)
    return Samples(torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device))


def networks(
    width: int, count: int, device: str, *, channels_last: bool = False
) -> list[nn.Module]:
    """ResNet18s that differ in their seed."""
    shape = (3, 32, 32)
    made = [
        build("resnet18", width=width, input_shape=shape, n_outputs=10, seed=seed).to(device)
        for seed in range(count)
    ]
    if channels_last:
        made = [network.to(memory_format=torch.channels_last) for network in made]
    return [network.train() for network in made]


class Plain:
    """The authors' way: one network after the other, samples transformed one by one."""

    def __init__(self, nets: list[nn.Module], data: Samples, recipe: Recipe, workers: int) -> None:
        arrays = {
            "train_images": data.inputs.cpu().numpy(), "train_labels": data.targets.cpu().numpy(),
            "mean": np.array(MEAN), "std": np.array(STD),
        }  # fmt: skip
        self.loops = [
            PlainLoop(n, arrays, recipe, device=str(data.inputs.device), workers=workers)
            for n in nets
        ]

    def take(self, n: int) -> None:
        """Steps of one network after the other's."""
        for loop in self.loops:
            loop.epoch(n)

    def release(self) -> None:
        """End the loaders' processes."""
        self.loops.clear()


class OnDevice:
    """The data on the device; the product's loop, step by step, one network after the other."""

    def __init__(self, nets: list[nn.Module], data: Samples, recipe: Recipe) -> None:
        self.lanes = [Steps(net, data, TASK, recipe, seed) for seed, net in enumerate(nets)]

    def take(self, n: int) -> None:
        """Steps of one network after the other's."""
        for lane in self.lanes:
            lane.begin(1)
            for _ in range(n):
                lane.take()
            lane.steps = lane.done = 0

    def release(self) -> None:
        """Nothing to free."""


class Replayed:
    """The product's recorded steps, each network on a stream of its own.

    Args:
        nets: the networks.
        data: training samples.
        recipe: of all of them.
        own_kernels: whether with the product's kernels, or with those of torch.
    """

    def __init__(
        self, nets: list[nn.Module], data: Samples, recipe: Recipe, *, own_kernels: bool = True
    ) -> None:
        self.lanes = [ReplayedSteps(n, data, TASK, recipe, seed) for seed, n in enumerate(nets)]
        self.own_kernels = own_kernels

    def take(self, n: int) -> None:
        """Steps of all networks in turn."""
        for lane in self.lanes:
            lane.begin(1)
        with nullcontext() if self.own_kernels else torchs_kernels():
            for _ in range(n):
                for lane in self.lanes:
                    lane.take()
        for lane in self.lanes:
            lane.steps = 0
            lane.done = max(lane.done - n, 1)

    def release(self) -> None:
        """Free the graphs."""
        for lane in self.lanes:
            lane.release()


@contextmanager
def torchs_kernels() -> Iterator[None]:
    """The product's recorded steps without its own kernels."""
    former = replayed.small_network_kernels
    replayed.small_network_kernels = lambda device: nullcontext()  # type: ignore[assignment]
    try:
        yield
    finally:
        replayed.small_network_kernels = former  # type: ignore[assignment]


class Captured:
    """A function of a batch's rows, which is a CUDA graph on a GPU (`graphs.recorded`).

    Args:
        step: launches a step on these rows.
        rows: of each step, on the device.
    """

    def __init__(self, step: Callable[[Tensor], object], rows: Tensor) -> None:
        self.rows, self.static = rows, rows[0].clone()
        self.recorded = RecordedWork(partial(step, self.static), rows.device)

    def take(self, n: int) -> None:
        """n steps, each on its own rows."""
        self.recorded.follow()  # the stream that has made the rows
        for rows in islice(self.rows, n):
            with self.recorded.on_stream():
                self.static.copy_(rows)
            self.recorded()

    def release(self) -> None:
        """Free the graph."""
        self.recorded.release()


def orders(count: int, data: Samples, batch_size: int, steps: int) -> Tensor:
    """Rows of each step and network, (steps, T, B), on the data's device."""
    draw = np.random.Generator(np.random.Philox(key=1))
    rows = draw.integers(len(data), size=(steps, count, batch_size))
    return torch.from_numpy(rows).to(data.inputs.device)


def sgd(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Fused SGD."""
    return torch.optim.SGD(
        network.parameters(), recipe.lr, momentum=recipe.momentum,
        weight_decay=recipe.weight_decay, fused=True,
    )  # fmt: skip


def single(
    net: nn.Module, data: Samples, recipe: Recipe, rows: Tensor, *,
    compiled: str | None = None, bf16: bool = False, channels_last: bool = False,
    own_kernels: bool = False,
) -> Captured:  # fmt: skip
    """One network, perhaps compiled, in bfloat16 or with the channels last."""
    optimizer = sgd(net, recipe)
    model = torch.compile(net, mode=compiled) if compiled else net
    sums = torch.zeros((), device=data.inputs.device)
    device = data.inputs.device.type

    def step(chosen: Tensor) -> None:
        inputs = TASK.inputs(data.inputs[chosen[0]])
        if channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        kernels = small_network_kernels(torch.device(device)) if own_kernels else nullcontext()
        with kernels, torch.autocast(device, torch.bfloat16, enabled=bf16, cache_enabled=False):
            loss = F.cross_entropy(model(inputs), data.targets[chosen[0]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.add_(loss.detach())

    return Captured(step, rows)
