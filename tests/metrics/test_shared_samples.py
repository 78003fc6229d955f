"""Errors of CKA and disagreement of a cell, against draws of new perturbed samples."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from landscape_catalog.catalog.shared_errors import error_of_cell_mean
from landscape_catalog.datasets import Preparation, prepare
from landscape_catalog.datasets.digits import load_digits
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.metrics.numerics.cka import cka_estimates
from landscape_catalog.metrics.numerics.features import centred_features
from landscape_catalog.metrics.numerics.hsic import centre_features
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.metrics.similarity.result import OutputSimilarity, similarity_estimates
from landscape_catalog.tasks import Classification, Perturbation, Samples
from landscape_catalog.tasks.perturbations import COEFFICIENT_BATCH

DRAWS = 150
NAMES = ("cka", "cka_debiased", "disagreement")


@pytest.fixture(scope="module")
def digits() -> Samples:
    data = prepare(load_digits(), Preparation(test_samples=360, samples=500, seed=0)).arrays
    return Samples(torch.from_numpy(data["train_images"]), torch.from_numpy(data["train_labels"]))


@pytest.fixture(scope="module")
def networks(digits: Samples) -> list[nn.Module]:
    """Four small networks, each trained for a few steps from its own start."""
    task, found = Classification((0.3,), (0.4,)), []
    for seed in range(4):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 10))
        optimiser = torch.optim.Adam(network.parameters(), lr=0.03)
        for _ in range(40):
            optimiser.zero_grad()
            task.loss(task.outputs(network, digits, torch.float32), digits).backward()
            optimiser.step()
        found.append(network.eval())
    return found


def pairs(
    networks: list[nn.Module], digits: Samples, how: Perturbation, draw: str, seed: int
) -> list[OutputSimilarity]:
    """The records of all pairs, as `metrics.similarity.compute` makes them."""
    task, found = Classification((0.3,), (0.4,)), []
    for place, (i, j) in enumerate(itertools.combinations(range(len(networks)), 2)):
        own = seed if draw == "shared" else 1000 * (place + 1) + seed
        perturbed = task.perturb(digits, how, seed=own)
        one, other = (centred_features(networks[k], perturbed, task) for k in (i, j))
        block = COEFFICIENT_BATCH if how.coefficient == "batch" else 1
        found.append(dataclasses.replace(similarity(one, other), draw=draw, block=block))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "draw", "combination"),
    [
        (Perturbation(samples=300), "shared", "joint"),
        (Perturbation(samples=300), "pair", "independent"),
        (Perturbation(samples=12 * 128, coefficient="batch"), "shared", "joint"),
        (Perturbation("pixel_noise", samples=300, noise=100.0), "shared", "joint"),
    ],
)
def test_the_error_is_the_spread_over_draws(
    networks: list[nn.Module], digits: Samples, how: Perturbation, draw: str, combination: str
) -> None:
    """The standard deviation of the cell's mean over new draws, and the coverage of intervals.

    Adding the errors of pairs in quadrature gives less than two thirds of it if pairs share the
    samples.
    """
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NAMES}
    for seed in range(DRAWS):
        of_pairs = [
            dict(similarity_estimates(one)) for one in pairs(networks, digits, how, draw, seed)
        ]
        for name, numbers in found.items():
            estimates = [of_pair[name] for of_pair in of_pairs]
            error = error_of_cell_mean(estimates)
            assert error.combination == combination
            mean = float(np.mean([estimate.value for estimate in estimates]))
            quadrature = math.hypot(*(estimate.error for estimate in estimates)) / len(estimates)
            numbers.append((mean, error.total, quadrature))
    for name, numbers in found.items():
        means, errors, quadratures = map(np.array, zip(*numbers))
        spread = means.std(ddof=1)
        assert math.sqrt(np.mean(errors**2)) == pytest.approx(spread, rel=0.2), name
        assert (np.abs(means - means.mean()) < 1.96 * errors).mean() > 0.89, name
        if draw == "shared":
            assert math.sqrt(np.mean(quadratures**2)) < 0.67 * spread, name


def test_the_joint_error_is_the_jackknife_of_the_mean_over_pairs() -> None:
    """Each sample is left out of all pairs, and every mean computed anew."""
    draw = torch.Generator().manual_seed(0)
    common = torch.randn(30, 4, generator=draw, dtype=torch.float64)
    features = [common + torch.randn(30, 4, generator=draw, dtype=torch.float64) for _ in range(3)]

    def mean_over_pairs(rows: list[int], which: int) -> float:
        of_runs = [centre_features(each[rows]) for each in features]
        values = [cka_estimates(a, b)[which].value for a, b in itertools.combinations(of_runs, 2)]
        return float(np.mean(values))

    of_pairs = [
        dict(similarity_estimates(similarity(a, b))) for a, b in itertools.combinations(features, 2)
    ]
    for which, name in enumerate(("cka", "cka_debiased")):
        without = [mean_over_pairs([j for j in range(30) if j != i], which) for i in range(30)]
        expected = math.sqrt(29 * np.var(without))
        found = error_of_cell_mean([of_pair[name] for of_pair in of_pairs])
        assert found.total == pytest.approx(expected, rel=1e-3), name


def test_records_keep_the_influences(networks: list[nn.Module], digits: Samples) -> None:
    found = pairs(networks, digits, Perturbation(samples=640), "shared", 0)[0]
    text = TypeAdapter(OutputSimilarity).dump_json(found)
    assert len(text) < 10_000
    back = TypeAdapter(OutputSimilarity).validate_json(text)
    assert back == found
    estimates = dict(similarity_estimates(back))
    for name in NAMES:
        assert estimates[name].shared_draw
        influences = estimates[name].influences
        assert influences is not None
        assert len(influences) == 640
        assert math.hypot(*influences) == pytest.approx(estimates[name].error, rel=1e-12)


def test_older_records_have_a_bound() -> None:
    """Records without influences: as if the errors of all pairs were the same one."""
    old = OutputSimilarity(0.5, 0.02, 100, None, 0.4, 0.03, 0.5)
    estimates = dict(similarity_estimates(old))
    for name, error in (("cka", 0.02), ("cka_debiased", 0.03), ("disagreement", 0.05)):
        found = error_of_cell_mean([estimates[name]] * 6)
        assert found.combination == "correlated"
        assert found.total == pytest.approx(error)


def test_a_single_mixing_coefficient_has_no_known_error() -> None:
    torch.manual_seed(0)
    found = dataclasses.replace(similarity(torch.randn(90, 3), torch.randn(90, 3)), block=128)
    (name, estimate), *_ = similarity_estimates(found)
    assert (name, estimate.kind, math.isnan(estimate.error)) == ("cka", "unknown", True)
    assert isinstance(estimate, Estimate)
    assert estimate.status == "ok"
