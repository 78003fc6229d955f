"""Runs that may train side by side have recipes that do; settings without effect do not matter."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from landscape_catalog.experiment.experiment import Execution
from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.recipes import recipe_of
from landscape_catalog.pipeline.train.groups import group_key, planned_groups
from landscape_catalog.runner import device
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.starting_speed import starting_prediction
from landscape_catalog.training import Recipe
from tests.experiment.grids import grid_of

UPDATES = {"train.stopping": "updates", "train.updates": 13}
STEPS = {"train.schedule": "step"}
# What two experiments share, and what one of them changes besides its learning rate.
WITHOUT_EFFECT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"train.factor": 0.3}),
    ({}, {"train.milestones": [0.3, 0.4]}),
    ({}, {"train.beta1": 0.5, "train.beta2": 0.6, "train.epsilon": 1e-3}),
    ({}, {"train.updates": 13}),
    ({}, {"train.seeds": 3}),
    ({}, {"train.linear_scaling": True}),
    (UPDATES, {"train.epochs": 7}),
    (STEPS, {"train.updates": 13}),
]
WITH_EFFECT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"train.momentum": 0.5}),
    ({}, {"train.epochs": 7}),
    ({}, {"train.stop_tolerance": 0.3}),
    (UPDATES, {"train.updates": 14}),
    (STEPS, {"train.factor": 0.3}),
    (STEPS, {"train.milestones": [0.3, 0.4]}),
]


def runs(shared: dict[str, Any], changes: dict[str, Any]) -> tuple[Run, Run]:
    """A run of each of two experiments, which differ in these settings and the learning rate."""
    one = grid_of(shared).cells[0].runs[0]
    return one, grid_of({**shared, "temperature.lr": 0.2, **changes}).cells[0].runs[0]


@pytest.mark.parametrize("width", [2, 8, 16, 64])
def test_the_runs_of_a_cell_share_the_one_worker_of_a_gpu(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "usable_gpus", lambda kind: int(kind == "cuda"))
    changes = {"load.width": width, "temperature.batch_size": 128, "train.seeds": 5}
    groups = planned_groups(
        grid_of(changes).runs,
        speed=SpeedModel(starting_prediction("cuda")),
        workers=device.chosen_workers(Execution()),
        device="cuda",
    )
    assert [len(group) for group in groups] == [5]


def without_rates(run: Run) -> Recipe:
    return dataclasses.replace(recipe_of(run.cell), lr=1.0, weight_decay=0.0)


@pytest.mark.parametrize(("shared", "changes"), WITHOUT_EFFECT, ids=str)
def test_settings_without_effect_keep_no_runs_apart(
    shared: dict[str, Any], changes: dict[str, Any]
) -> None:
    one, other = runs(shared, changes)
    assert recipe_of(one.cell).lr != recipe_of(other.cell).lr
    assert group_key(one) == group_key(other)
    assert without_rates(one) == without_rates(other)


@pytest.mark.parametrize(("shared", "changes"), WITH_EFFECT, ids=str)
def test_settings_with_an_effect_do(shared: dict[str, Any], changes: dict[str, Any]) -> None:
    one, other = runs(shared, changes)
    assert group_key(one) != group_key(other)
    assert without_rates(one) != without_rates(other)
