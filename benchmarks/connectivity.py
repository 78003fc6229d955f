"""Mode connectivity against a plain loop: `python benchmarks/connectivity.py [--quick]`.

Curves are fitted for all pairs of a cell's networks. Our implementation runs in two single-threaded
processes, as in the pipeline: curves between small networks are stacked, freed memory is kept, and
each process evaluates an endpoint once. The plain loop is one process with two threads that
processes one curve at a time. Both are timed in turn in one run; times are medians over repeats.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe, seconds, table
from benchmarks.plain_curves import PlainCurve
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity
from landscape_catalog.metrics.numerics.curves.fit import fit_curves
from landscape_catalog.metrics.numerics.curves.points import CurvePoint, curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.models.build import build
from landscape_catalog.runner.memory import keep_freed_memory
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Recipe, train

PAPER_EPOCHS = 50
State = dict[str, Tensor]


@dataclass(frozen=True)
class Setting:
    """One row of the table: curves between all pairs of `networks` ResNet18(width) on `images`."""

    images: str
    width: int
    batch_size: int
    networks: int
    epochs: int
    repeats: int
    threads: int  # of the loop

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs of networks, by number."""
        return list(combinations(range(self.networks), 2))

    @property
    def recipe(self) -> CurveRecipe:
        """The recipe of the fit."""
        return CurveRecipe(epochs=self.epochs, batch_size=self.batch_size)


@lru_cache
def data_of(images: str) -> tuple[Samples, Samples, Classification]:
    """Training and test samples: 8 x 8 digits, or noisy 32 x 32 patterns of ten classes."""
    if images == "8x8":
        digits = load_digits()
        pixels = torch.from_numpy((digits.images * 255 / 16).astype(np.uint8))[:, None]
        labels = torch.from_numpy(digits.target.astype(np.int64))
        task, n = Classification((0.305,), (0.376,)), (1000, 360)
    else:
        draw = np.random.Generator(np.random.Philox(key=0))
        n = (5000, 1000)
        targets = draw.integers(10, size=sum(n))
        patterns = draw.integers(256, size=(10, 3, 32, 32))
        noise = draw.integers(256, size=(sum(n), 3, 32, 32))
        pixels = torch.from_numpy(((patterns[targets] + 3 * noise) // 4).astype(np.uint8))
        labels = torch.from_numpy(targets)
        task = Classification((0.5,) * 3, (0.25,) * 3)
    samples = Samples(pixels, labels)
    return samples[: n[0]], samples[n[0] : sum(n)], task


def network_of(setting: Setting, seed: int = 0) -> torch.nn.Module:
    """A ResNet18 for the setting's images."""
    shape = (1, 8, 8) if setting.images == "8x8" else (3, 32, 32)
    return build("resnet18", width=setting.width, input_shape=shape, n_outputs=10, seed=seed)


def trained(job: tuple[Setting, int, int]) -> State:
    """Weights after training."""
    torch.set_num_threads(1)
    setting, seed, epochs = job
    samples, _, task = data_of(setting.images)
    network = network_of(setting, seed)
    train(network, samples, task, Recipe(batch_size=setting.batch_size, epochs=epochs), seed=seed)
    return network.state_dict()


def start_worker() -> None:
    """Initialise a process like the pipeline's workers."""
    torch.set_num_threads(1)
    keep_freed_memory()


def fitted(job: tuple[Setting, list[tuple[State, State]], int]) -> list[Curve]:
    """Our implementation: fit the curves of one job."""
    setting, pairs, seed = job
    samples, _, task = data_of(setting.images)
    return fit_curves(network_of(setting), pairs, samples, task, setting.recipe, seed=seed)


def measured(
    job: tuple[Setting, list[tuple[Curve, tuple[int, int]]], int],
) -> list[list[CurvePoint]]:
    """Our implementation: five points of each curve, given with the numbers of its networks."""
    setting, curves, seed = job
    samples, test, task = data_of(setting.images)
    found, ends = [], {}
    for curve, pair in curves:
        known = [replace(ends[end], t=t) for t, end in zip((0.0, 1.0), pair) if end in ends]
        points = curve_points(
            network_of(setting), curve, samples, test, task,
            points=5, batch_size=setting.batch_size, seed=seed, known=known,
        )  # fmt: skip
        ends.update(zip(pair, (points[0], points[-1])))
        found.append(points)
    return found


def as_jobs(pairs: list[Any], setting: Setting) -> list[list[Any]]:
    """Split pairs into jobs: two jobs for small networks, else one job per curve."""
    size = 1 if setting.images == "32x32" else -(-len(pairs) // 2)
    return [pairs[i : i + size] for i in range(0, len(pairs), size)]


def normalised(setting: Setting) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The plain loop's data: images that are normalised in advance."""
    samples, test, task = data_of(setting.images)
    return (task.inputs(samples.inputs), samples.targets), (task.inputs(test.inputs), test.targets)


def once(setting: Setting, states: list[State], pool: Pool) -> list[float]:
    """Seconds for our fits and points, and for those of the plain loop, over all pairs."""
    training, test = normalised(setting)
    pairs = [(states[one], states[other]) for one, other in setting.pairs]
    curves: list[Curve] = []
    fits = [(setting, job, 0) for job in as_jobs(pairs, setting)]
    our_fit = seconds(lambda: [curves.extend(found) for found in pool.map(fitted, fits, 1)])
    half = -(-len(pairs) // 2)
    with_pairs = list(zip(curves, setting.pairs))
    points = [(setting, job, 0) for job in (with_pairs[:half], with_pairs[half:]) if job]
    our_points = seconds(lambda: pool.map(measured, points, 1))
    torch.set_num_threads(setting.threads)
    theirs = [
        PlainCurve(network_of(setting), pair, setting.recipe, seed)
        for seed, pair in enumerate(pairs)
    ]
    their_fit = seconds(lambda: [curve.fit(*training) for curve in theirs])
    their_points = seconds(lambda: [curve.evaluate(training, test) for curve in theirs])
    return [our_fit, our_points, their_fit, their_points]


def row(setting: Setting, pool: Pool) -> list[str]:
    """Time both implementations in turn; seconds per curve, and ratios."""
    states = pool.map(trained, [(setting, seed, 2) for seed in range(setting.networks)], 1)
    times = zip(*(once(setting, states, pool) for _ in range(setting.repeats)))
    each = [statistics.median(found) / len(setting.pairs) for found in times]
    fit, points, their_fit, their_points = each
    longer = PAPER_EPOCHS / setting.epochs
    ratios = [
        their_fit / fit,
        their_points / points,
        (their_fit + their_points) / (fit + points),
        (longer * their_fit + their_points) / (longer * fit + points),
    ]
    return [
        setting.images, str(setting.width), str(setting.batch_size), str(len(setting.pairs)),
        str(setting.epochs), *(f"{value:.2f}" for value in each),
        *(f"{ratio:.1f}x" for ratio in ratios),
        f"{os.getloadavg()[0]:.1f}",
    ]  # fmt: skip


def quality(pairs: int, epochs: int, pool: Pool) -> str:
    """Mode connectivity of the same pairs with both, and the plain loop's variation over seeds."""
    setting = Setting("8x8", 2, 32, 2, epochs, 1, 1)
    states = pool.map(trained, [(setting, seed, 5) for seed in range(2 * pairs)], 1)
    both = list(zip(states[::2], states[1::2]))
    ours = pool.map(mc_of_ours, [(setting, pair, seed) for seed, pair in enumerate(both)], 1)
    theirs = [
        pool.map(
            mc_of_theirs, [(setting, pair, s + 1000 * again) for s, pair in enumerate(both)], 1
        )
        for again in (1, 2)
    ]
    difference = np.subtract(ours, theirs[0])
    between_seeds = np.subtract(theirs[1], theirs[0])
    return (
        f"mc of {pairs} pairs of ResNet18(2) on digits, {epochs} epochs per curve: "
        f"ours {np.mean(ours):.2f}, loop {np.mean(theirs[0]):.2f} and {np.mean(theirs[1]):.2f}; "
        f"ours - loop {difference.mean():+.2f}, sd {difference.std(ddof=1):.2f}; "
        f"loop - loop with other seeds {between_seeds.mean():+.2f}, "
        f"sd {between_seeds.std(ddof=1):.2f} (percentage points of error)"
    )


def mc_of_ours(job: tuple[Setting, tuple[State, State], int]) -> float:
    """Mode connectivity of one pair with our implementation."""
    setting, pair, seed = job
    (points,) = measured((setting, [(fitted((setting, [pair], seed))[0], (0, 1))], seed))
    errors = [point.train.error_value for point in points]
    return mode_connectivity([point.t for point in points], errors).mode_connectivity


def mc_of_theirs(job: tuple[Setting, tuple[State, State], int]) -> float:
    """Mode connectivity of one pair with the plain loop."""
    torch.set_num_threads(1)
    setting, pair, seed = job
    training, test = normalised(setting)
    curve = PlainCurve(network_of(setting), pair, setting.recipe, seed)
    curve.fit(*training)
    errors = [point[1] for point in curve.evaluate(training, test)]
    return mode_connectivity([float(t) for t in np.linspace(0, 1, 5)], errors).mode_connectivity


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer curves, repeats and pairs")
    parser.add_argument(
        "--loop-threads", type=int, default=2,
        help="threads of the plain loop; use 1 on a machine that is busy otherwise",
    )  # fmt: skip
    parser.add_argument("--no-quality", action="store_true", help="only measure times")
    options = parser.parse_args()
    small = Setting("8x8", 2, 32, 4, 1, 3, options.loop_threads)
    large = Setting("32x32", 8, 128, 4, 1, 1, options.loop_threads)
    settings = [
        small, replace(small, width=4), replace(small, width=8), replace(small, batch_size=128),
        large,
    ]  # fmt: skip
    if not options.quick:
        settings = [
            *(replace(setting, networks=5, epochs=3, repeats=5) for setting in settings[:-1]),
            replace(large, networks=4, epochs=2, repeats=3),
            replace(large, width=4, networks=4, epochs=2, repeats=3),
        ]
    torch.set_num_threads(2)
    print(describe(), flush=True)
    head = [
        "images", "k", "batch", "curves", "epochs", "our fit, s", "our points, s", "loop's fit, s",
        "loop's points, s", "fit", "points", "both", f"both, {PAPER_EPOCHS} epochs", "load",
    ]  # fmt: skip
    with multiprocessing.get_context("spawn").Pool(2, start_worker) as pool:
        rows = []
        for setting in settings:
            rows.append(row(setting, pool))
            print(*rows[-1], file=sys.stderr, flush=True)
        print(table(head, rows), flush=True)
        if not options.no_quality:
            print(quality(4 if options.quick else 20, 2 if options.quick else 10, pool))


if __name__ == "__main__":
    main()
