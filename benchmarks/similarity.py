"""CKA of all pairs of five networks: our single pass against a pair loop like the authors'.

    python benchmarks/similarity.py [--quick]

Ours: one set of 640 mixup samples, one pass over each network, both forms of CKA with standard
errors and the disagreement for the ten pairs. Theirs, reimplemented from its description: for each
of the 25 ordered pairs, six batches of 128 mixup samples are drawn anew, both networks are
evaluated on them, and CKA is computed from Gram matrices; the mean is over i != j. Both are timed
in turn in one run; times are medians over repeats, with the range of the ratio. Both evaluate in
eval mode without gradients, on one thread, as the pipeline's workers do.

Theirs evaluates 25 x 2 x 768 samples, ours 5 x 640: a factor of 12, or 10 at equal sample size. Any
speed-up beyond 12 comes from overhead, if networks are small.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe, seconds
from landscape_catalog.metrics.numerics.features import centred_features
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Perturbation, Samples

NETWORKS, CLASSES = 5, 10
BATCHES, BATCH = 6, 128  # of the authors' loop


@dataclass(frozen=True)
class Setting:
    """Networks and data of one row of the table."""

    name: str
    width: int
    side: int
    channels: int


SETTINGS = (
    Setting("ResNet18 k = 8, 32 × 32", 8, 32, 3),
    Setting("ResNet18 k = 4, 8 × 8", 4, 8, 1),
)


def make(setting: Setting) -> tuple[list[nn.Module], Samples, Classification]:
    """Networks with the data's batch-norm statistics, random images, and the task."""
    shape = (setting.channels, setting.side, setting.side)
    generator = np.random.Generator(np.random.Philox(key=0))
    images = generator.integers(0, 256, size=(2000, *shape), dtype=np.uint8)
    data = Samples(
        torch.from_numpy(images), torch.from_numpy(generator.integers(CLASSES, size=2000))
    )
    task = Classification((0.5,) * setting.channels, (0.25,) * setting.channels)
    networks = []
    for seed in range(NETWORKS):
        network = build(
            "resnet18", width=setting.width, input_shape=shape, n_outputs=CLASSES, seed=seed
        )
        with torch.no_grad():
            network(task.inputs(data.inputs[:200]))
        networks.append(network.eval())
    return networks, data, task


def ours(
    networks: list[nn.Module], data: Samples, task: Classification, samples: int = 640
) -> float:
    """One pass over each network, then all pairs."""
    perturbed = task.perturb(data, Perturbation(samples=samples), seed=0)
    features = [centred_features(network, perturbed, task) for network in networks]
    found = [similarity(one, other) for one, other in combinations(features, 2)]
    return statistics.fmean(each.cka for each in found)


@torch.no_grad()
def pair_loop(
    networks: list[nn.Module], data: Samples, task: Classification, batches: int = BATCHES
) -> float:
    """Every ordered pair draws its own samples and evaluates both networks on them.

    Each batch is copied to the networks' device.
    """
    values, device = [], next(networks[0].parameters()).device
    for i, one in enumerate(networks):
        for j, other in enumerate(networks):
            generator = np.random.Generator(np.random.Philox(key=NETWORKS * i + j))
            outputs: tuple[list[Tensor], list[Tensor]] = ([], [])
            for _ in range(batches):
                first, second = torch.from_numpy(generator.integers(len(data), size=(2, BATCH)))
                weight = generator.beta(16.0, 16.0)
                x, y = (task.inputs(data.inputs[rows]) for rows in (first, second))
                mixed = (weight * x + (1 - weight) * y).to(device)
                for network, collected in zip((one, other), outputs):
                    collected.append(network(mixed).softmax(1))
            value = gram_cka(*(torch.cat(collected).double() for collected in outputs))
            if i != j:
                values.append(value)
    return statistics.fmean(values)


def gram_cka(x: Tensor, y: Tensor) -> float:
    """Linear CKA from doubly centred n x n Gram matrices."""
    grams = [rows @ rows.T for rows in (x, y)]
    one, other = (gram - gram.mean(0) - gram.mean(1, keepdim=True) + gram.mean() for gram in grams)
    return float((one * other).sum() / (one.norm() * other.norm()))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small networks only")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    print(describe() + "\n")
    print("| five networks | pair loop, s | ours, s | ratio (range) | CKA theirs | ours |")
    print("|---|---|---|---|---|---|")
    for setting in SETTINGS[1:] if quick else SETTINGS:
        made = make(setting)
        ours(*made)  # warm-up: first calls select kernels
        theirs_s, ours_s = [], []
        for _ in range(3):
            values: list[float] = []
            theirs_s.append(seconds(lambda made=made: values.append(pair_loop(*made))))  # noqa: B023
            ours_s.append(seconds(lambda made=made: values.append(ours(*made))))  # noqa: B023
            their_value, our_value = values
        ratios = [a / b for a, b in zip(theirs_s, ours_s)]
        print(
            f"| {setting.name} | {statistics.median(theirs_s):.2f} "
            f"| {statistics.median(ours_s):.3f} "
            f"| **{statistics.median(ratios):.1f}** ({min(ratios):.1f}–{max(ratios):.1f}) "
            f"| {their_value:.3f} | {our_value:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
