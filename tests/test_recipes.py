"""Numbers of every component, pinned in float64: if they change, its recipe must be raised.

A change that is meant to alter numbers raises the recipe in `schema/identity.py`, or in the
`spec.py` of the metric, and pins the new numbers here.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscape_catalog.datasets import Preparation, prepare
from landscape_catalog.datasets.digits import load_digits
from landscape_catalog.metrics.numerics.curves.barrier import line_barrier
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, fit_curve
from landscape_catalog.metrics.numerics.curves.points import curve_points
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
from landscape_catalog.tasks import Classification, Perturbation, Samples
from landscape_catalog.training import Recipe, train

PINNED: dict[str, object] = {
    "data": "c06310bc057130bedd477af46486b3cb9802645e4950f303bff3d38f9d08a2d7",
    "model": 751.2895203408789,
    "task": 84.02393890016246,
    "train": [2.3615108801994076, 2.2295326640379822, 2.0497664126942468],
    "loss": 29.456280047649315,
    "hessian": [951.8096126614168, 384.2955412567037],
    "hessian_native": [
        1035.681441514114,
        286.01186870269004,
        1584.9587989941383,
        0.026353050799585602,
    ],
    "barrier": [26.5625, 2.2419872124141085],
    "curve_fit": 766.262742315024,
    "curve_points": [1.7700868779418997, 2.182734654382662, 1.69617431722097],
    "similarity": [
        0.014648916163248732,
        0.016247144187606484,
        0.0008206087740583645,
        0.021137228398016503,
    ],
    "distance": 20.2991918838708,
}


def test_the_numbers_are_pinned_for_the_current_recipes() -> None:
    raised = {"curve_fit": 2, "curve_points": 3, "barrier": 2, "similarity": 2}
    assert dict.fromkeys(every_recipe(), 1) | raised == every_recipe()


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
    states, networks, runs = [], [], []
    for seed in (0, 1):
        network = build(
            "resnet18", width=2, input_shape=(1, 8, 8), n_outputs=10, seed=seed
        ).double()
        run = train(network, train_data, task, Recipe(batch_size=16, epochs=3), seed=seed)
        state = run.snapshots["best_train_loss"].state
        network.load_state_dict(state)
        networks.append(network)
        states.append(state)
        runs.append(run)
    fresh = build("resnet18", width=2, input_shape=(1, 8, 8), n_outputs=10, seed=0)
    recipe = CurveRecipe(epochs=2, batch_size=16)
    curve = fit_curve(networks[0], (states[0], states[1]), train_data, task, recipe, seed=5)
    points = curve_points(
        networks[0], curve, train_data, train_data, task, points=3, batch_size=16, seed=6
    )
    mixed = task.perturb(train_data, Perturbation(samples=40), seed=7)
    outputs = [network_features(network, mixed, task) for network in networks]
    hessian = pyhessian_estimate(networks[0], train_data, task, max_iterations=3, seed=8)
    native = hessian_estimate(
        networks[0], train_data, task, HessianRecipe(max_iterations=12), seed=(8, 9)
    )
    density = hessian_density(
        networks[0], train_data, task, HessianRecipe(), probes=2, steps=6, seed=8
    )
    line = line_barrier(
        networks[0],
        (states[0], states[1]),
        train_data,
        train_data,
        task,
        points=3,
        batch_size=16,
        seed=6,
    )
    names = [name for name, _ in networks[0].named_parameters()]
    return {
        "data": data.content_hash(),
        "model": sum(float(p.detach().double().abs().sum()) for p in fresh.parameters()),
        "task": float(mixed.inputs.double().mean()),
        "train": [epoch.train_loss for epoch in runs[0].history],
        "loss": evaluate(networks[0], train_data, task).loss,
        "hessian": [hessian.top_eigenvalue, hessian.trace],
        "hessian_native": [
            native.top_eigenvalue,
            native.trace,
            native.trace_sd,
            max(density.density),
        ],
        "barrier": [line.barrier, line.points[1].train.loss],
        "curve_fit": float(curve.controls[1].abs().sum()),
        "curve_points": [point.train.loss for point in points],
        "similarity": [
            getattr(similarity(*outputs), name)
            for name in ("cka", "standard_error", "debiased", "debiased_standard_error")
        ],
        "distance": l2_distance(*states, names).l2,
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
