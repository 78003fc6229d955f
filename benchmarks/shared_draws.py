"""How draws that all runs or pairs of a cell share enter the error of the cell's mean.

    python benchmarks/shared_draws.py [--quick] [--width 2] [--batch 32]

Five ResNet18s are trained on all 1,437 digits (40 epochs, learning rate 0.1).

- CKA and disagreement: 640 perturbed samples are drawn anew 150 times. The standard deviation of
  the mean over the ten pairs is compared with the stated errors: joint, in quadrature, and as if
  fully correlated. Once with one mixing coefficient per sample, once with one per 128 samples.
- Hessian: top eigenvalue and trace on seven disjoint batches of 200 images, relative to those on
  all images (evaluated with running batch-norm statistics), and the correlation of runs over
  batches. For the trace, also the correlation of runs over single probes, which have a common seed.
- Curves: the ten pairs are fitted six times (15 epochs). If fits with one seed had nothing in
  common, the variance of the pairs' mean over fits would be a tenth of a single pair's.

All on one thread.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe
from landscape_catalog.catalog.shared_errors import error_of_cell_mean
from landscape_catalog.datasets import Preparation, prepare
from landscape_catalog.datasets.digits import load_digits
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity
from landscape_catalog.metrics.numerics.curves.fit import fit_curves
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.features import centred_features
from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe, hessian_estimate
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.metrics.similarity.result import similarity_estimates
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Perturbation, Samples
from landscape_catalog.tasks.perturbations import COEFFICIENT_BATCH
from landscape_catalog.training import Recipe
from landscape_catalog.training.group import Member, train_group

NETWORKS, SAMPLES, BATCHES = 5, 200, 7
BLOCKS = {"sample": 1, "batch": COEFFICIENT_BATCH}


def load() -> tuple[Samples, Samples, Classification]:
    """All digits, and the task."""
    data = prepare(load_digits(), Preparation(test_samples=360, samples=1437, seed=0)).arrays
    train, test = (
        Samples(*(torch.from_numpy(data[f"{side}_{name}"]) for name in ("images", "labels")))
        for side in ("train", "test")
    )
    return train, test, Classification(*(tuple(map(float, data[n])) for n in ("mean", "std")))


def make(width: int, seed: int) -> nn.Module:
    """An untrained network."""
    return build("resnet18", width=width, input_shape=(1, 8, 8), n_outputs=10, seed=seed)


def train(
    width: int, batch_size: int, epochs: int, data: Samples, task: Classification
) -> list[nn.Module]:
    """Networks that differ in their seeds, with the weights of the best training loss."""
    recipe = Recipe(batch_size=batch_size, epochs=epochs, lr=0.1, weight_decay=5e-4)
    members = [
        Member(make(width, seed).train(), data, task, recipe, seed) for seed in range(NETWORKS)
    ]
    for member, run in zip(members, train_group(members)):
        member.network.load_state_dict(run.snapshots["best_train_loss"].state)
    return [member.network.eval() for member in members]


def compare_draws(networks: list[nn.Module], data: Samples, task: Classification, n: int) -> None:
    """CKA and disagreement over `n` draws of perturbed samples."""
    print("coefficient  metric        mean   sd over draws  joint   quadrature  fully correlated")
    for coefficient, block in BLOCKS.items():
        found: dict[str, list[tuple[float, ...]]] = {}
        for seed in range(n):
            how = Perturbation(samples=640, coefficient=coefficient)  # type: ignore[arg-type]
            drawn = task.perturb(data, how, seed=seed)
            features = [centred_features(network, drawn, task) for network in networks]
            pairs = [
                dict(similarity_estimates(dataclasses.replace(similarity(a, b), block=block)))
                for a, b in combinations(features, 2)
            ]
            for name in pairs[0]:
                estimates = [pair[name] for pair in pairs]
                errors = [estimate.error for estimate in estimates]
                mean = float(np.mean([estimate.value for estimate in estimates]))
                joint = error_of_cell_mean(estimates).total
                quadrature = math.hypot(*errors) / len(errors)
                row = (mean, joint, quadrature, float(np.mean(errors)))
                found.setdefault(name, []).append(row)
        for name, rows in found.items():
            means, *stated = np.array(rows).T
            joint, quadrature, bound = (math.sqrt(float(np.mean(e**2))) for e in stated)
            print(
                f"{coefficient:12} {name:13} {means.mean():.3f}  {means.std(ddof=1):.4f}"
                f"         {joint:.4f}  {quadrature:.4f}      {bound:.4f}"
            )


def compare_batches(networks: list[nn.Module], data: Samples, task: Classification) -> None:
    """Hessians on batches relative to the Hessian on all samples."""
    order = np.random.Generator(np.random.Philox(key=5)).permutation(len(data))
    ratios, probes = [], []
    for network in networks:
        whole = hessian_estimate(network, data, task, HessianRecipe(), seed=(1, 2))
        parts = [
            hessian_estimate(
                network,
                data[torch.from_numpy(order[i * SAMPLES : (i + 1) * SAMPLES])],
                task,
                HessianRecipe(),
                seed=(10 + i, 100 + i),
            )
            for i in range(BATCHES)
        ]
        ratios.append(
            [
                [part.top_eigenvalue / whole.top_eigenvalue for part in parts],
                [part.trace / whole.trace for part in parts],
            ]
        )
        probes.append([(part.trace_probes or [])[:10] for part in parts])
    for name, of_metric in zip(("top eigenvalue", "trace"), np.moveaxis(np.array(ratios), 1, 0)):
        print(
            f"{name}, batch of {SAMPLES} / all: mean {of_metric.mean():.2f}, "
            f"from {of_metric.min():.2f} to {of_metric.max():.2f}, "
            f"mean deviation {np.abs(of_metric - 1).mean():.0%}, "
            f"sd over batches {of_metric.std(1, ddof=1).mean():.0%}, "
            f"correlation of runs {_correlation(of_metric):.2f}"
        )
    over_probes = [_correlation(of_batch) for of_batch in np.moveaxis(np.array(probes), 1, 0)]
    print(f"probes of the trace: correlation of runs {np.mean(over_probes):.2f}")


def _correlation(rows: np.ndarray) -> float:
    """Mean correlation of pairs of rows."""
    return float(np.corrcoef(rows)[np.triu_indices(len(rows), 1)].mean())


def compare_fits(
    networks: list[nn.Module],
    data: Samples,
    test: Samples,
    task: Classification,
    fits: int,
    epochs: int,
) -> None:
    """Mode connectivity of all pairs, in fits with different seeds."""
    states = [network.state_dict() for network in networks]
    ends = list(combinations(states, 2))
    recipe, rows = CurveRecipe(epochs=epochs, batch_size=32, lr=0.02), []
    for fit in range(fits):
        network = networks[0]
        curves = fit_curves(network, ends, data, task, recipe, seed=fit, together=True)
        row = []
        for curve in curves:
            points = curve_points(
                network, curve, data, test, task, points=5, batch_size=32, seed=100 + fit
            )
            ts, errors = [p.t for p in points], [p.train.error_value for p in points]
            row.append(mode_connectivity(ts, errors).mode_connectivity)
        rows.append(row)
    values = np.array(rows)
    joint = float(values.mean(1).var(ddof=1))
    independent = float(values.var(0, ddof=1).mean()) / len(ends)
    print(
        f"mode connectivity {values.mean():.2f}: over fits, the mean over pairs has sd "
        f"{math.sqrt(joint):.2f}, and would have {math.sqrt(independent):.2f} if pairs were "
        f"independent (variance {joint / independent:.1f} times as large)"
    )


def main() -> None:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter training, fewer draws")
    parser.add_argument("--width", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    chosen = parser.parse_args()
    print(describe())
    with threadpool_limits(1):
        torch.set_num_threads(1)
        data, test, task = load()
        epochs, draws, fits, curve = (5, 60, 3, 2) if chosen.quick else (40, 150, 6, 15)
        networks = train(chosen.width, chosen.batch, epochs, data, task)
        compare_draws(networks, data, task, draws)
        compare_batches(networks, data, task)
        compare_fits(networks, data, test, task, fits, curve)


if __name__ == "__main__":
    main()
