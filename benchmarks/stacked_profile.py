"""Where a step of stacked networks spends its time: `python benchmarks/stacked_profile.py [K B T]`.

ResNet18(K) on 8 x 8 with batches of B, T networks side by side, one thread (8, 32, 5 if nothing is
given): milliseconds per step and network of the forward and backward passes, by kind of layer, and
the GFLOP/s of convolutions. Loss and optimiser are not included. Below it, the forward pass of each
shape of convolution: with copying its patches, and its matrix products alone.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe, median_seconds, table
from landscape_catalog.graphs.batching import stable_graph
from landscape_catalog.graphs.stacked.convolution import Convolution
from landscape_catalog.graphs.stacked.dense import DenseConvolution
from landscape_catalog.graphs.stacked.layer import Layer
from landscape_catalog.graphs.stacked.networks import StackedNetworks
from landscape_catalog.graphs.stacked.products import multiply
from landscape_catalog.graphs.stacked.vectors import stack_states, stacked_views
from landscape_catalog.models.build import build
from landscape_catalog.runner.memory import keep_freed_memory
from landscape_catalog.tasks import Classification, Samples

STEPS = 400  # of one network; fewer for more and for larger networks
DERIVATIVES = 3  # a backward pass costs two forward passes


def stack_of(
    shape: tuple[int, int, int], width: int, batch_size: int, members: int
) -> StackedNetworks:
    """Random networks in train mode with gradients, and random inputs."""
    networks = [
        build("resnet18", width=width, input_shape=shape, n_outputs=10, seed=seed).train()
        for seed in range(members)
    ]
    shapes = {name: value.shape for name, value in networks[0].named_parameters()}
    states = [{n: p.detach() for n, p in one.named_parameters()} for one in networks]
    weights = stack_states(states, shapes)
    task = Classification((0.5,) * shape[0], (0.5,) * shape[0])
    images = torch.randint(256, (batch_size, *shape), dtype=torch.uint8)
    batch = Samples(images, torch.randint(10, (batch_size,)))
    graph = stable_graph(networks[0], batch, task, batch_size)
    assert graph is not None
    stack = StackedNetworks(
        graph,
        stacked_views(weights, shapes, members),
        input_shape=shape,
        batch_size=batch_size,
        gradients=stacked_views(torch.empty_like(weights), shapes, members),
    )
    stack.forward(torch.randn(members, batch_size, *shape))
    return stack


def multiply_adds(layer: Layer) -> int:
    """Of a convolution's forward pass for one network; 0 for other layers."""
    if not isinstance(layer, (Convolution, DenseConvolution)):
        return 0
    if isinstance(layer, DenseConvolution):
        return layer.matrix[0].numel() * layer.value.tensor.shape[-1]
    return layer.weight[0].numel() * math.prod(layer.value.tensor.shape[2:])


def profile(stack: StackedNetworks, steps: int) -> list[list[Any]]:
    """Rows of the table, and one for all layers."""
    seconds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    members = len(stack.outputs.tensor)
    for layer in stack.layers:
        for name in (type(layer).__name__, "all"):
            counts[name][0] += 1
            counts[name][1] += multiply_adds(layer)
    gradient = torch.randn_like(stack.outputs.tensor)
    with torch.no_grad():
        for step in range(steps + 2):
            if step == 2:
                seconds.clear()
            stack.outputs.collect(gradient)
            passes = [(0, one, one.forward) for one in stack.layers]
            passes += [(1, one, one.backward) for one in reversed(stack.layers)]
            for place, layer, compute in passes:
                start = time.perf_counter()
                compute()
                spent = time.perf_counter() - start
                seconds[type(layer).__name__][place] += spent
                seconds["all"][place] += spent
    rows = []
    for name, (forward, backward) in sorted(seconds.items(), key=lambda item: -sum(item[1])):
        each = [1e3 * one / steps / members for one in (forward, backward)]
        count, work = counts[name]
        rate = 2e-6 * DERIVATIVES * work / sum(each)
        speed = f"{rate:.0f}" if work and name != "all" else ""
        rows.append([name, count, *(f"{one:.3f}" for one in each), f"{sum(each):.3f}", speed])
    return rows


def products(stack: StackedNetworks, repeats: int = 100) -> list[list[Any]]:
    """For each shape of convolution, the GFLOP/s of its forward pass and of its products alone."""
    rows: dict[str, list[Any]] = {}
    for layer in stack.layers:
        if not isinstance(layer, Convolution):
            continue
        out, places = layer.weight.shape[1], layer.weight[0, 0].numel()
        kernels, blocks = layer.kernels.read(), layer.patches.blocks
        shape = (
            f"{out} x {places // len(blocks)} times {places // len(blocks)} x {blocks[0].shape[2]}"
        )
        shape += f", {len(blocks)} products" if len(blocks) > 1 else ""
        work = 2e-9 * multiply_adds(layer) * len(stack.outputs.tensor)

        def multiplied(
            layer: Convolution = layer, kernels: Any = kernels, blocks: Any = blocks
        ) -> None:
            for place, (kernel, block) in enumerate(zip(kernels, blocks)):
                multiply(kernel, block, layer.out, add=place > 0)

        with torch.no_grad():
            rates = [work / median_seconds(one, repeats) for one in (layer.forward, multiplied)]
        rows.setdefault(shape, [shape, *(f"{rate:.0f}" for rate in rates)])
    return list(rows.values())


def parsed() -> argparse.Namespace:
    """The width, the batch size and the number of networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default, meaning in (
        ("k", 8, "width of the networks"),
        ("b", 32, "batch size, a multiple of 8"),
        ("t", 5, "networks side by side, at least 2"),
    ):
        parser.add_argument(name, nargs="?", type=int, default=default, help=meaning)
    return parser.parse_args()


def main() -> None:
    """Print the tables."""
    options = parsed()
    width, batch_size, members = options.k, options.b, options.t
    torch.set_num_threads(1)
    keep_freed_memory()
    print(describe())
    stack = stack_of((1, 8, 8), width, batch_size, members)
    steps = max(10, STEPS // members // width)
    head = ["layers", "number", "forward, ms", "backward, ms", "both, ms", "GFLOP/s"]
    print(table(head, profile(stack, steps)))
    print()
    print(table(["products of one network", "forward, GFLOP/s", "products alone"], products(stack)))


if __name__ == "__main__":
    main()
