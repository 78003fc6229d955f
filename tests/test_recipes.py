"""Numbers of every component, pinned in float64: if they change, its recipe must be raised.

A change that is meant to alter numbers raises the recipe in `schema/identity.py`, or in the
`spec.py` of the metric, and pins the new numbers here.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.planted_grids import planted_grid, smooth_grid
from landscape_catalog.datasets import Preparation, prepare
from landscape_catalog.datasets.digits import load_digits
from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.numerics.curves.barrier import line_barrier
from landscape_catalog.metrics.numerics.curves.fit import fit_curve, fit_curves
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.metrics.numerics.distance import l2_distance
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.features import network_features
from landscape_catalog.metrics.numerics.hessian.estimate import (
    HessianRecipe,
    hessian_density,
    hessian_estimate,
)
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.metrics.registry import every_recipe
from landscape_catalog.models.build import build
from landscape_catalog.phases import Yang2021
from landscape_catalog.phases.diagram import Diagram
from landscape_catalog.tasks import Classification, Perturbation, Samples
from landscape_catalog.training import Recipe, train
from landscape_catalog.training.group import Member, train_group

PINNED: dict[str, object] = {
    "data": "c06310bc057130bedd477af46486b3cb9802645e4950f303bff3d38f9d08a2d7",
    "model": 751.2895203408789,
    "task": 84.02393890016246,
    "train": [2.3615108801994076, 2.2295326640379822, 2.0497664126942468],
    "loss": 29.456280047649315,
    "batch_norm": 239.852698,
    "statistics": 1.7700868779418997,  # that of the curve's end
    "hessian": [951.8096126614168, 384.2955412567037],
    "hessian_native": [
        1035.681441514114,
        286.01186870269004,
        1584.9587989941383,
        0.026353050799585602,
    ],
    "barrier": [19.53125, 2.25106102790525],
    "curve_fit": 766.262742315024,
    "curve_points": [1.775510631821712, 2.189206927296474, 1.6997982587846145],
    "similarity": [
        0.014648916163248732,
        0.016247144187606484,
        0.0008206087740583645,
        0.021137228398016503,
    ],
    "distance": 20.2991918838708,
    "auto_thresholds": [0.00542, 9.28, 0.373, 0.5, 0.05, 38.0],
    "train.grouped": [2.3615108801993903, 2.229532664037994, 2.049766412693531],
    "curve_fit.grouped": 766.262742315024,
    "curve_points.grouped": [1.7700868779418997, 2.182734654382662, 1.69617431722097],
    "barrier.grouped": [26.5625, 2.2419872124141085],
}
AUTO = Yang2021.model_validate(
    {
        "connectivity": {"tolerance": "auto"},
        "hessian": {"threshold": "auto"},
        "cka": {"threshold": "auto"},
        "train_loss": "auto",
    }
)
GROUPED_BATCH, ALONE_BATCH = 16, 12  # statistics are stacked for multiples of 8


def test_the_numbers_are_pinned_for_the_current_recipes() -> None:
    raised = {"curve_fit": 2, "curve_points": 3, "barrier": 2, "similarity": 2}
    raised |= {"train.grouped": 2, "curve_fit.grouped": 3, "curve_points.grouped": 4}
    raised |= {"barrier.grouped": 3, "auto_thresholds": 2}
    assert dict.fromkeys(every_recipe(), 1) | raised == every_recipe()


def without_transition() -> Diagram:
    """Cells trained at a learning rate of 0.1 with momentum 0.9, without sharp and flat ones."""
    diagram = smooth_grid(500).diagram
    n = len(diagram)
    return replace(diagram, rates=np.full(n, 0.1), momenta=np.full(n, 0.9))


def small_network(seed: int) -> nn.Module:
    network = build("resnet18", width=2, input_shape=(1, 8, 8), n_outputs=10, seed=seed)
    return network.double()


@pytest.fixture(scope="module")
def numbers() -> dict[str, object]:
    """A short float64 run of every component, from the digits to CKA."""
    how = Preparation(test_samples=360, samples=64, label_noise=0.1, pixel_noise=10, seed=0)
    data = prepare(load_digits(), how)
    mean, std = (tuple(map(float, data.arrays[name])) for name in ("mean", "std"))
    task = Classification(mean, std)
    train_data = Samples(
        *(torch.from_numpy(data.arrays[f"train_{n}"]) for n in ("images", "labels"))
    )
    how_trained = Recipe(batch_size=16, epochs=3)
    states, networks, runs = [], [], []
    for seed in (0, 1):
        network = small_network(seed)
        run = train(network, train_data, task, how_trained, seed=seed)
        state = run.snapshots["best_train_loss"].state
        network.load_state_dict(state)
        networks.append(network)
        states.append(state)
        runs.append(run)
    members = [Member(small_network(seed), train_data, task, how_trained, seed) for seed in (0, 1)]
    side_by_side = train_group(members)
    fresh = build("resnet18", width=2, input_shape=(1, 8, 8), n_outputs=10, seed=0)
    recipe, ends = CurveRecipe(epochs=2, batch_size=16), (states[0], states[1])
    curve = fit_curve(networks[0], ends, train_data, task, recipe, seed=5)
    (grouped_curve,) = fit_curves(
        networks[0], [ends], train_data, task, recipe, seed=5, together=True
    )

    def points_of(batch_size: int) -> list[float]:
        points = curve_points(
            networks[0], curve, train_data, train_data, task,
            points=3, batch_size=batch_size, seed=6,
        )  # fmt: skip
        return [point.train.loss for point in points]

    def barrier_of(batch_size: int) -> list[float]:
        line = line_barrier(
            networks[0], ends, train_data, train_data, task,
            points=3, batch_size=batch_size, seed=6,
        )  # fmt: skip
        return [line.barrier, line.points[1].train.loss]

    mixed = task.perturb(train_data, Perturbation(samples=40), seed=7)
    outputs = [network_features(network, mixed, task) for network in networks]
    hessian = pyhessian_estimate(networks[0], train_data, task, max_iterations=3, seed=8)
    native = hessian_estimate(
        networks[0], train_data, task, HessianRecipe(max_iterations=12), seed=(8, 9)
    )
    density = hessian_density(
        networks[0], train_data, task, HessianRecipe(), probes=2, steps=6, seed=8
    )
    recomputed = copy.deepcopy(networks[0])
    recompute_batchnorm(recomputed, train_data, task, batch_size=GROUPED_BATCH, seed=6)
    names = [name for name, _ in networks[0].named_parameters()]
    return {
        "data": data.content_hash(),
        "model": sum(float(p.detach().double().abs().sum()) for p in fresh.parameters()),
        "task": float(mixed.inputs.double().mean()),
        "train": [epoch.train_loss for epoch in runs[0].history],
        "loss": evaluate(networks[0], train_data, task).loss,
        "batch_norm": sum(float(b.sum()) for n, b in recomputed.named_buffers() if "var" in n),
        "statistics": evaluate(recomputed, train_data, task).loss,
        "hessian": [hessian.top_eigenvalue, hessian.trace],
        "hessian_native": [
            native.top_eigenvalue,
            native.trace,
            native.trace_sd,
            max(density.density),
        ],
        "barrier": barrier_of(ALONE_BATCH),
        "curve_fit": float(curve.controls[1].abs().sum()),
        "curve_points": points_of(ALONE_BATCH),
        "similarity": [
            getattr(similarity(*outputs), name)
            for name in ("cka", "standard_error", "debiased", "debiased_standard_error")
        ],
        "distance": l2_distance(*states, names).l2,
        "auto_thresholds": [
            *(found.value for found in AUTO.resolved(planted_grid(502).diagram).found),
            *(found.value for found in AUTO.resolved(without_transition()).found[:2]),
        ],
        "train.grouped": [epoch.train_loss for epoch in side_by_side[0].history],
        "curve_fit.grouped": float(grouped_curve.controls[1].abs().sum()),
        "curve_points.grouped": points_of(GROUPED_BATCH),
        "barrier.grouped": barrier_of(GROUPED_BATCH),
    }


@pytest.mark.parametrize("component", sorted(PINNED))
def test_numbers_do_not_change_without_the_recipe(
    component: str, numbers: dict[str, object]
) -> None:
    expected, found = PINNED[component], numbers[component]
    if isinstance(expected, str):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5)  # type: ignore[arg-type]


def test_every_component_is_pinned() -> None:
    """Except `phases`, pinned by its truth table (tests/phases), and `custom`, the user's code."""
    assert set(PINNED) | {"phases", "custom"} == set(every_recipe())
