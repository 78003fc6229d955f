"""Schedules: the learning rate that each update actually uses, against formulas."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields

import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.experiment.training import Temperature, Train
from landscape_catalog.tasks import Perturbation, Samples, Task
from landscape_catalog.training import EpochRecord, Recipe, rate_factor, train


class Slope(Task):
    """The loss is the single weight itself: without momentum, an update subtracts the rate."""

    def outputs(self, network: nn.Module, samples: Samples, dtype: torch.dtype) -> Tensor:
        return network.weight.expand(len(samples), 1)

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        return outputs[:, 0]

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        return torch.zeros(len(samples))

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        return outputs

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        return samples


def weight_at_zero() -> nn.Linear:
    network = nn.Linear(1, 1, bias=False).double()
    nn.init.zeros_(network.weight)
    return network


def test_the_defaults_are_those_of_the_experiment() -> None:
    set_by_user = {**Train().model_dump(), **Temperature().model_dump()}
    defaults = {field.name: field.default for field in fields(Recipe)}
    assert defaults == {name: set_by_user[name] for name in defaults}


def rates(**settings: object) -> list[float]:
    """The rate of each update, read off the weight; there is one update per epoch."""
    network = weight_at_zero()
    weights = [0.0]

    def record(_: EpochRecord) -> None:
        weights.append(network.weight.item())

    recipe = Recipe(
        batch_size=4, momentum=0, weight_decay=0, stopping="epochs", stop_tolerance=0, **settings
    )  # type: ignore[arg-type]
    data = Samples(torch.zeros(4, 1), torch.zeros(4))
    train(network, data, Slope(), recipe, seed=0, on_epoch=record)
    return [before - after for before, after in itertools.pairwise(weights)]


def test_a_constant_rate() -> None:
    assert rates(lr=0.3, epochs=7) == pytest.approx([0.3] * 7)


def test_the_step_of_the_authors_code() -> None:
    """Rate 0.1, times 0.1 at 75% of 100 epochs."""
    found = rates(lr=0.1, epochs=100, schedule="step", milestones=(0.75,), factor=0.1)
    assert found == pytest.approx([0.1] * 75 + [0.01] * 25)


def test_every_milestone_multiplies() -> None:
    found = rates(lr=0.8, epochs=8, schedule="step", milestones=(0.75, 0.25, 0.5), factor=0.5)
    assert found == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1])


def test_milestones_at_the_first_and_last_update() -> None:
    assert rates(lr=1.0, epochs=3, schedule="step", milestones=(0.0,)) == pytest.approx([0.1] * 3)
    assert rates(lr=1.0, epochs=3, schedule="step", milestones=(1.0,)) == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("total", [100, 1500, 39_000])
def test_milestones_are_not_affected_by_rounding(total: int) -> None:
    """0.55 of 100 updates is 55, although 0.55 * 100 is 55.00000000000001."""
    for percent in range(1, 100):
        decay = Recipe(schedule="step", milestones=(percent / 100,), factor=0.5)
        at = total * percent // 100
        assert rate_factor(decay, at - 1, total) == 1
        assert rate_factor(decay, at, total) == 0.5


def test_a_milestone_between_updates_takes_effect_at_the_next_one() -> None:
    found = rates(lr=1.0, epochs=10, schedule="step", milestones=(0.55,))
    assert found == pytest.approx([1.0] * 6 + [0.1] * 4)


def test_the_inverse_square_root_schedule_of_vaswani() -> None:
    """min(step^-1/2, step warmup^-3/2), scaled to peak at the learning rate."""
    found = rates(lr=0.2, epochs=40, schedule="inverse_sqrt", warmup=10)
    expected = [min(s**-0.5, s * 10**-1.5) * 10**0.5 * 0.2 for s in range(1, 41)]
    assert found == pytest.approx(expected)
    assert found.index(max(found)) == 9  # the peak is at the end of the warm-up
    assert found[9] == pytest.approx(0.2)
    assert found[39] == pytest.approx(0.1)


def test_the_inverse_square_root_schedule_without_warm_up() -> None:
    found = rates(lr=0.6, epochs=9, schedule="inverse_sqrt")
    assert found == pytest.approx([0.6 / math.sqrt(s) for s in range(1, 10)])


def test_warm_up_to_a_constant_rate() -> None:
    found = rates(lr=0.5, epochs=7, warmup=5)
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5])
    assert rates(lr=0.5, epochs=2, warmup=1) == pytest.approx([0.5, 0.5])


def test_warm_up_before_a_step() -> None:
    found = rates(lr=0.4, epochs=8, warmup=4, schedule="step", milestones=(0.75,), factor=0.25)
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.1, 0.1])


@pytest.mark.parametrize("stopping", ["rule", "epochs"])
def test_total_updates(stopping: str) -> None:
    recipe = Recipe(batch_size=7, epochs=5, updates=1, stopping=stopping)  # type: ignore[arg-type]
    assert recipe.total_updates(24) == 5 * 3  # three batches of seven, and three samples left over
    assert Recipe(batch_size=7, stopping="updates", updates=11).total_updates(24) == 11


@pytest.mark.parametrize("stopping", ["rule", "epochs", "updates"])
def test_a_batch_larger_than_the_data(stopping: str) -> None:
    recipe = Recipe(batch_size=5, stopping=stopping)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a batch of 5 exceeds the 4 samples"):
        train(weight_at_zero(), Samples(torch.zeros(4, 1), torch.zeros(4)), Slope(), recipe, seed=0)
