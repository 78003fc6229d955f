"""Training: SGD's arithmetic, batches, stopping, best weights, divergence."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from landscape_catalog.tasks import Classification, Samples, epoch_batches
from landscape_catalog.training import Recipe, StoppingRule, train


def linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).double()


def test_sgd_by_hand(task: Classification, tiny_data: Samples) -> None:
    """v <- m v + g + wd theta; theta <- theta - lr v, on softmax regression in closed form."""
    images, labels = tiny_data.inputs, tiny_data.targets
    network = linear()
    weight, bias = (p.detach().clone() for p in network.parameters())
    recipe = Recipe(batch_size=7, lr=0.3, weight_decay=0.01, momentum=0.9, epochs=3)
    velocities = [torch.zeros_like(weight), torch.zeros_like(bias)]
    x = task.inputs(images, torch.float64).flatten(1)
    for epoch in (1, 2, 3):
        for batch in epoch_batches(24, 7, seed=11, epoch=epoch):
            scores = x[batch] @ weight.T + bias
            slope = (scores.softmax(1) - nn.functional.one_hot(labels[batch], 3)) / 7
            gradients = [slope.T @ x[batch] + 0.01 * weight, slope.sum(0) + 0.01 * bias]
            velocities = [0.9 * v + g for v, g in zip(velocities, gradients)]
            weight, bias = weight - 0.3 * velocities[0], bias - 0.3 * velocities[1]
    train(network, tiny_data, task, recipe, seed=11)
    torch.testing.assert_close(network[1].weight.data, weight)
    torch.testing.assert_close(network[1].bias.data, bias)


def test_batches_visit_without_replacement() -> None:
    batches = list(epoch_batches(23, 5, seed=3, epoch=2))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5]  # the incomplete one is dropped
    assert len(set(torch.cat(batches).tolist())) == 20
    again = torch.cat(list(epoch_batches(23, 5, seed=3, epoch=2)))
    assert torch.equal(torch.cat(batches), again)
    assert not torch.equal(again, torch.cat(list(epoch_batches(23, 5, seed=3, epoch=3))))
    assert not torch.equal(again, torch.cat(list(epoch_batches(23, 5, seed=4, epoch=2))))


@pytest.mark.parametrize("size", [0, 24])
def test_a_batch_that_does_not_fit(size: int) -> None:
    with pytest.raises(ValueError, match=f"got {size}"):
        next(epoch_batches(23, size, seed=0, epoch=0))


def test_the_best_weights_are_kept(task: Classification, tiny_data: Samples) -> None:
    network = linear()
    recipe = Recipe(batch_size=4, lr=5.0, epochs=12, stop_tolerance=0)
    states: dict[int, dict[str, torch.Tensor]] = {}
    run = train(
        network, tiny_data, task, recipe, seed=0,
        on_epoch=lambda record: states.update({record.epoch: copy.deepcopy(network.state_dict())}),
    )  # fmt: skip
    best = run.snapshots["best_train_loss"]
    losses = [record.train_loss for record in run.history]
    assert best.epoch == losses.index(min(losses)) + 1
    assert best.epoch < 12, "the rate is too small for this test to mean anything"
    for name, value in best.state.items():
        assert torch.equal(value, states[best.epoch][name])


def test_training_stops_when_calm(task: Classification, tiny_data: Samples) -> None:
    recipe = Recipe(
        batch_size=24, lr=1e-9, momentum=0, epochs=50, stop_tolerance=1e-4, stop_patience=5
    )
    run = train(linear(), tiny_data, task, recipe, seed=0)
    assert run.stop_reason == "calm"
    assert len(run.history) == 6


def test_the_stopping_rule_counts_in_a_row() -> None:
    rule = StoppingRule(tolerance=0.1, patience=2)
    assert [rule.update(x) for x in (1.0, 0.95, 0.5, 0.45, 0.44)] == [
        False,
        False,
        False,
        False,
        True,
    ]


def test_divergence_is_recorded(task: Classification, tiny_data: Samples) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    recipe = Recipe(batch_size=4, lr=1e38, epochs=5)
    run = train(network, tiny_data, task, recipe, seed=0)
    assert run.stop_reason == "diverged"
    assert not math.isfinite(run.history[-1].train_loss)
    assert all(
        torch.isfinite(value).all() for value in run.snapshots["best_train_loss"].state.values()
    )


def test_training_twice_gives_the_same_bits(task: Classification, tiny_data: Samples) -> None:
    from landscape_catalog.models import build

    states = []
    for _ in range(2):
        network = build("resnet18", width=2, input_shape=(1, 4, 4), n_outputs=3, seed=1)
        run = train(network, tiny_data, task, Recipe(batch_size=8, epochs=2), seed=1)
        states.append(run.snapshots["best_train_loss"].state)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
