"""The engine by itself: networks of one shape, trained together in one process with one thread."""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Mapping
from typing import Any

from torch import nn

from benchmarks.connectivity import data_of
from benchmarks.machine import seconds
from benchmarks.training_cases import Effort
from landscape_catalog.models.build import build
from landscape_catalog.runner.memory import keep_freed_memory
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Member, Recipe, train_group

BATCH_SIZES = (16, 64)
SHORT = 5  # updates of the short training
Row = dict[str, Any]


def train_together(
    networks: list[nn.Module], data: Samples, task: Classification, recipe: Recipe
) -> None:
    """Train networks of one shape side by side; their seeds are 0, 1, and so on."""
    train_group(
        [Member(network, data, task, recipe, seed) for seed, network in enumerate(networks)]
    )


def step_ms(width: int, batch_size: int, members: int, updates: int, repeats: int) -> float:
    """Milliseconds per step and network of ResNet18(width) on digits, the median over repeats.

    The difference between a long and a short training, so that the start of a group does not count.
    """
    data, _, task = data_of("8x8")
    lengths = (SHORT, SHORT + updates)

    def networks() -> list[nn.Module]:
        return [
            build("resnet18", width=width, input_shape=(1, 8, 8), n_outputs=10, seed=seed)
            for seed in range(members)
        ]

    def trained(length: int) -> float:
        recipe = Recipe(batch_size=batch_size, lr=0.05, stopping="updates", updates=length)
        group = networks()
        return seconds(lambda: train_together(group, data, task, recipe))

    with reproducible():
        times = [tuple(map(trained, lengths)) for _ in range(1 + repeats)]
    differences = [long - short for short, long in times[1:]]
    return 1e3 * statistics.median(differences) / (members * updates)


def groups(products: Mapping[str, Any], effort: Effort) -> list[Row]:
    """Every width at two batch sizes, by the number of networks; of the current version only."""
    shapes = [
        {"width": width, "batch_size": batch_size, "members": members}
        for width in effort.widths
        for batch_size in BATCH_SIZES
        for members in effort.members
    ]
    updates, repeats = max(1, effort.plain_steps // 4), max(1, effort.repeats - 1)
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, keep_freed_memory) as pool:  # as the product's workers do
        jobs = [(*shape.values(), updates, repeats) for shape in shapes]
        found = pool.starmap(step_ms, jobs, 1)
    return [{**shape, "ms": round(ms, 4)} for shape, ms in zip(shapes, found)]
