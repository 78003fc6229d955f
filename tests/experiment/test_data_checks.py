"""Parameters that do not fit the data, for data of every kind and size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from landscape_catalog.datasets import DataFacts
from landscape_catalog.errors import Problem
from landscape_catalog.experiment.checks import experiment_problems
from tests.experiment.grids import BASE, CIFAR, DIGITS, OWN, POINTS, components, experiment_of


def problems(facts: DataFacts, **changes: Any) -> list[Problem]:
    """The problems of an experiment on data with these facts."""
    experiment = experiment_of(BASE | changes)
    known = replace(components(experiment), facts=lambda _: facts)
    return experiment_problems(experiment, known)


@pytest.mark.parametrize(
    ("facts", "wanted", "allowed"),
    [
        (
            replace(DIGITS, n_train=30, n_outputs=20),
            20,
            "nothing: 30 samples of 20 classes are too few",
        ),
        (
            replace(DIGITS, n_train=30, n_outputs=20),
            "all",
            "nothing: 30 samples of 20 classes are too few",
        ),
        (
            replace(DIGITS, single_class=3),
            360,
            "nothing: class 3 has one sample",
        ),
        (replace(CIFAR, n_test=5), 5, "`all`"),
        (replace(CIFAR, n_test=10), 11, "`all` or between 10 and 10"),
        (replace(POINTS, n_train=1), 1, "nothing: 1 samples are too few"),
    ],
)
def test_test_samples(facts: DataFacts, wanted: Any, allowed: str) -> None:
    (problem,) = problems(facts, dataset={"name": "digits", "test_samples": wanted})
    assert (problem.path, problem.given) == ("dataset.test_samples", repr(wanted))
    assert problem.allowed.startswith(allowed)


def test_a_class_of_one_sample_is_allowed_with_a_test_split() -> None:
    facts = replace(CIFAR, single_class=3)
    assert problems(facts, dataset={"name": "digits", "test_samples": "all"}) == []


def test_points_need_a_custom_network() -> None:
    (problem,) = problems(POINTS, dataset={"name": "mine:data"})
    assert "mine:data" in OWN
    assert problem.path == "model.name"
    assert problem.allowed == "on mine:data: your own as `package.module:function`"
