"""Hessian-vector products one by one, several vectors at once, and several networks at once.

    python benchmarks/hessian_products.py

ResNet18 in eval mode on 200 random images of 8 x 8 and of 32 x 32, with one thread. *Alone* is what
`BatchHessian` does: backpropagation through the gradient's graph, which is kept. *Vectors* gives
that graph five vectors at once (`is_grads_batched`). *Networks* is one graph of five networks under
`torch.func.vmap`, with a vector for each. The times are milliseconds per product, medians.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe, median_seconds, table
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.models.build import build
from landscape_catalog.runner.memory import keep_freed_memory
from landscape_catalog.tasks import Classification, Samples

TOGETHER = 5
REPEATS = 15
SAMPLES = 200


def products(width: int, channels: int, size: int) -> list[Callable[[], object]]:
    """Functions that compute one product alone, then `TOGETHER` in each of the two ways."""
    shape = (channels, size, size)
    task = Classification((0.5,) * channels, (0.5,) * channels)
    images = torch.randint(256, (SAMPLES, *shape), dtype=torch.uint8)
    data = Samples(images, torch.randint(10, (SAMPLES,)))
    networks = [
        build("resnet18", width=width, input_shape=shape, n_outputs=10, seed=seed).eval()
        for seed in range(TOGETHER)
    ]
    alone = BatchHessian(networks[0], data, task)
    weights, buffers = stack_module_state(networks)
    inputs = task.inputs(data.inputs)

    def loss(weights: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
        return task.loss(functional_call(networks[0], (weights, buffers), (inputs,)), data)

    of_all = list(weights.values())
    gradients = torch.autograd.grad(
        vmap(loss)(weights, buffers).sum(), of_all, create_graph=True
    )  # fmt: skip
    of_one = alone.parameters
    gradient = torch.autograd.grad(
        task.loss(task.outputs(alone.network, data, torch.float32), data), of_one, create_graph=True
    )
    return [
        lambda: alone(torch.ones(alone.size)),
        lambda: torch.autograd.grad(
            gradient, of_one, [torch.ones(TOGETHER, *p.shape) for p in of_one],
            retain_graph=True, is_grads_batched=True,
        ),
        lambda: torch.autograd.grad(
            gradients, of_all, [torch.ones_like(p) for p in of_all], retain_graph=True
        ),
    ]  # fmt: skip


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    keep_freed_memory()
    print(describe())
    rows = []
    for channels, size in ((1, 8), (3, 32)):
        for width in (1, 2, 4, 8):
            each = [1e3 * median_seconds(one, REPEATS) for one in products(width, channels, size)]
            alone, vectors, networks = each[0], each[1] / TOGETHER, each[2] / TOGETHER
            rows.append(
                [
                    f"{size} x {size}", f"{width}", f"{alone:.1f}",
                    f"{vectors:.1f}", f"{alone / vectors:.2f}",
                    f"{networks:.1f}", f"{alone / networks:.2f}",
                ]
            )  # fmt: skip
    head = ["images", "k", "alone, ms", "vectors, ms", "ratio", "networks, ms", "ratio"]
    print(table(head, rows))


if __name__ == "__main__":
    main()
