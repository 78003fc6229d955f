"""Runs trained side by side are as good as runs trained alone, over many seeds.

Rounding differs, and training amplifies it, so that single runs differ. Stated beforehand: the
means of the final training loss, of the final training error and of the final test error over the
seeds differ by at most 3 standard errors of the difference, and by at most 0.05 nats, 2 percentage
points and 3 percentage points (four times as much for the few seeds of the quick form, whose
standard errors are larger). The first epoch's training losses of the same seed differ by less than
10%, since a run sees the same batches from the same weights both ways.

`LANDSCAPE_BITS=1` trains 20 seeds on 1,500 digits instead of 6 on 384.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Member, Recipe, TrainedRun, train, train_group

SEEDS, SAMPLES, WIDER = (20, 1500, 1) if "LANDSCAPE_BITS" in os.environ else (6, 384, 4)
TASK = Classification((0.3,), (0.38,))
RECIPE = Recipe(batch_size=32, lr=0.05, epochs=6, stopping="epochs")
MARGINS = {"training loss": 0.05, "training error": 2.0, "test error": 3.0}


def digits() -> tuple[Samples, Samples]:
    """Training and test samples."""
    found = load_digits()
    pixels = torch.from_numpy((found.images[:, None] * 255 / 16).astype(np.uint8))
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(pixels)))
    whole = Samples(pixels, torch.from_numpy(found.target))
    return whole[order[:SAMPLES]], whole[order[1500:]]


def network(seed: int) -> nn.Module:
    return build("resnet18", width=2, input_shape=(1, 8, 8), n_outputs=10, seed=seed)


def numbers(runs: list[TrainedRun], networks: list[nn.Module], test: Samples) -> np.ndarray:
    """Final training loss, training error and test error of each run, (seeds, 3)."""
    found = []
    for run, one in zip(runs, networks, strict=True):
        one.eval()
        with torch.no_grad():
            outputs = TASK.outputs(one, test, torch.float32)
        last = run.history[-1]
        test_error = 100 * float(TASK.errors(outputs, test).double().mean())
        found.append((last.train_loss, last.train_error, test_error))
    return np.array(found)


@pytest.mark.slow
def test_grouped_runs_are_as_good_as_runs_alone() -> None:
    data, test = digits()
    alone, grouped = ([network(seed) for seed in range(SEEDS)] for _ in range(2))
    runs_alone = [train(one, data, TASK, RECIPE, seed=seed) for seed, one in enumerate(alone)]
    members = [Member(one, data, TASK, RECIPE, seed) for seed, one in enumerate(grouped)]
    runs_grouped = train_group(members)
    one, other = numbers(runs_alone, alone, test), numbers(runs_grouped, grouped, test)
    difference = other.mean(axis=0) - one.mean(axis=0)
    standard_error = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / SEEDS)
    for i, (name, margin) in enumerate(MARGINS.items()):
        print(
            f"{name}: alone {one[:, i].mean():.4f}, grouped {other[:, i].mean():.4f}, "
            f"difference {difference[i]:+.4f} +- {standard_error[i]:.4f}"
        )
        assert abs(difference[i]) <= 3 * standard_error[i], name
        assert abs(difference[i]) <= WIDER * margin, name
    first, second = (
        np.array([run.history[0].train_loss for run in runs]) for runs in (runs_alone, runs_grouped)
    )
    np.testing.assert_allclose(second, first, rtol=0.1)
    assert one[:, 0].mean() < 0.8 * first.mean(), "the runs have not learned anything"
