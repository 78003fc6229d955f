"""Whether a run has the same bits in every group: a table of specs, and a comparison.

`python -m tests.training.group_bits` compares under the kernels that the environment asks for, and
prints the result as JSON.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from dataclasses import dataclass
from typing import Any

import torch

from landscape_catalog.training import Recipe
from landscape_catalog.training.grouping import trains_grouped
from tests.training.members import Kind, Run, Trainings, different

SIZES = (1, 2, 3, 8)  # of groups, besides one of all runs
RUNS = 40
DIVERGING = 5  # number of a run that leaves after the first epoch
UPDATES = 3  # two in the first epoch, one in the second
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}


@dataclass(frozen=True)
class Spec:
    """Runs of one shape."""

    model: str
    width: int
    shape: tuple[int, int, int]
    batch_size: int

    def __str__(self) -> str:
        channels, height, width = self.shape
        size = f"{channels}x{height}x{width}"
        return f"{self.model} k={self.width} {size} batch {self.batch_size}"

    def is_grouped(self) -> bool:
        """Whether the rule of the pipeline has such runs trained in groups."""
        network = {
            "name": self.model, "width": self.width, "input_shape": self.shape, "n_outputs": 10,
            "args": {},
        }  # fmt: skip
        return trains_grouped(
            network, batch_size=self.batch_size, optimizer="sgd", clip_norm=None, augment=False
        )

    def trainings(self) -> Trainings:
        kind = Kind(self.model, self.width, self.shape, 2 * self.batch_size, classes=10)
        recipe = Recipe(batch_size=self.batch_size, stopping="updates", updates=UPDATES)
        return Trainings(kind, recipe)


DIGITS, GREY, COLOUR = (1, 8, 8), (1, 32, 32), (3, 32, 32)
QUICK = [
    Spec("resnet18", 1, DIGITS, 8),
    Spec("resnet18", 2, DIGITS, 32),
    Spec("resnet18", 3, DIGITS, 16),
    Spec("resnet18", 8, DIGITS, 8),
    Spec("vgg11", 2, COLOUR, 8),
]
ALL = [
    Spec("resnet18", width, DIGITS, batch_size)
    for width in (1, 2, 3, 4, 6, 8)
    for batch_size in (8, 16, 32, 48, 64, 128)
]
ALL += [
    Spec("resnet18", width, (3, 7, 9), batch_size) for width in (1, 3) for batch_size in (8, 24)
]
ALL += [Spec("resnet18", width, COLOUR, size) for width in (1, 2) for size in (8, 32, 128)]
ALL += [Spec("resnet18", 4, COLOUR, 16), Spec("resnet18", 1, (1, 28, 28), 56)]
ALL += [Spec("vgg11", width, COLOUR, size) for width in (1, 2, 4) for size in (8, 32, 64)]
ALL += [Spec("vgg11", 2, GREY, 64), Spec("vgg11", 4, (1, 32, 48), 16)]


def runs_of(spec: Spec) -> list[Run]:
    runs = different(RUNS, spec.shape[0])
    runs[DIVERGING] = Run(seed=DIVERGING, lr=float("nan"), task=runs[0].task)
    return runs


def compared(spec: Spec) -> tuple[int, list[str], str]:
    """Each run of some groups is compared with itself in a group of all runs.

    Returns:
        The number of comparisons, those that differ, and a checksum of all results.
    """
    made, runs = spec.trainings(), runs_of(spec)
    expected = [one.bits() for one in made.together(runs)]
    checksum = hashlib.sha256(repr(expected).encode()).hexdigest()
    places = [DIVERGING, *random.Random(str(spec)).sample(range(RUNS), sum(SIZES) - 1)]
    random.Random(1).shuffle(places)
    differing, count = [], 0
    for size in SIZES:
        group, places = places[:size], places[size:]
        for place, found in zip(group, made.together(runs[p] for p in group), strict=True):
            count += 1
            if found.bits() != expected[place]:
                differing.append(f"{spec}: run {place} in the group {group}")
    return count, differing, checksum


def summary(specs: list[Spec]) -> dict[str, Any]:
    """The comparisons of all specs in this process."""
    torch.set_num_threads(1)
    found = [compared(spec) for spec in specs]
    return {
        "capability": torch.backends.cpu.get_cpu_capability(),
        "comparisons": sum(count for count, _, _ in found),
        "differing": [text for _, texts, _ in found for text in texts],
        "checksums": [checksum for _, _, checksum in found],
    }


if __name__ == "__main__":
    print(json.dumps(summary(ALL if "--all" in sys.argv else QUICK[:2])))
