"""The descriptions of the built-in tasks agree with their classes."""

from __future__ import annotations

import typing

import pytest
import torch

from landscape_catalog.datasets import Kind
from landscape_catalog.experiment.components import Component, Components
from landscape_catalog.experiment.grid import Landscape
from landscape_catalog.tasks import Classification, Perturbation, Samples, Task, Translation
from landscape_catalog.tasks.registry import TASKS, TaskSpec, default_task, make_task, tasks_for
from tests.experiment.grids import experiment_of, grid_of

KINDS = typing.get_args(Kind)
MOMENTS = ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
SAMPLES = {
    "images": Samples(torch.zeros(9, 3, 4, 4, dtype=torch.uint8), torch.arange(9) % 2),
    "points": Samples(torch.zeros(9, 4), torch.arange(9) % 2),
    "text": Samples(torch.full((9, 4), 5), torch.full((9, 4), 5)),
}


@pytest.mark.parametrize("name", TASKS)
def test_every_entry_is_complete(name: str) -> None:
    spec = TASKS[name]
    assert spec.name == name
    assert set(spec.default_for) <= set(spec.perturbations) <= set(KINDS)
    assert isinstance(make_task(name, MOMENTS), Task)
    assert isinstance(make_task(name, None), Task)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_one_default(kind: Kind) -> None:
    assert [name for name in TASKS if kind in TASKS[name].default_for] == [default_task(kind)]
    assert default_task(kind) in tasks_for(kind)


@pytest.mark.parametrize("name", TASKS)
def test_perturbations_are_those_that_the_task_supports(name: str) -> None:
    task, every = make_task(name, None), ("mixup", "pixel_noise", "token_noise")
    for kind, allowed in TASKS[name].perturbations.items():
        for perturbation in every:
            how = Perturbation(kind=perturbation, samples=5)  # type: ignore[arg-type]
            if perturbation in allowed:
                assert len(task.perturb(SAMPLES[kind], how, seed=0)) == 5
            else:
                with pytest.raises(ValueError, match="is not defined"):
                    task.perturb(SAMPLES[kind], how, seed=0)


def test_only_images_are_normalised() -> None:
    assert make_task("classification", MOMENTS) == Classification(*MOMENTS)
    assert make_task("classification", None) == Classification()
    assert make_task("translation", None) == Translation()


def test_auto_equals_the_default_by_name() -> None:
    auto, named = (
        grid_of({"dataset.task": task}).cells[0].landscape for task in ("auto", "classification")
    )
    assert auto.task == named.task == Component("classification")
    assert auto.landscape_id == named.landscape_id


def test_ids_include_the_name_of_a_task_that_is_not_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(TASKS, "other", TaskSpec("other", "nowhere:Other", {"images": ("mixup",)}))
    parts = grid_of({}).cells[0].landscape
    other = Landscape(parts.data, parts.model, parts.width, {}, Component("other"), {})
    assert other.content == {**parts.content, "task": {"name": "other"}}
    assert other.landscape_id != parts.landscape_id
    assert experiment_of({}).dataset.task == "auto"
    components = Components(
        parts.data.component, parts.model, Component("other"), lambda _: parts.data.facts
    )
    assert components.task_for("images") == Component("other")
