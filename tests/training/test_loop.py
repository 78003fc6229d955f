"""Training: optimiser updates, batches, stopping, snapshots, divergence."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples, Translation, epoch_batches
from landscape_catalog.training import EpochRecord, Recipe, StoppingRule, TrainedRun, train
from landscape_catalog.training.snapshots import Snapshots
from tests.training.test_recipe import Slope, weight_at_zero


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


def regression(
    data: Samples, task: Classification, recipe: Recipe, step: Callable[..., Tensor]
) -> list[Tensor]:
    """Softmax regression with explicit gradients: the final weight and bias after training.

    `step(i, s, theta, gradient)` is the new value of parameter i after update s, from 1.
    """
    weight, bias = (p.detach().clone() for p in linear().parameters())
    x = task.inputs(data.inputs, torch.float64).flatten(1)
    size, s = recipe.batch_size, 0
    smooth = recipe.label_smoothing
    labels = (1 - smooth) * nn.functional.one_hot(data.targets, 3) + smooth / 3
    for epoch in range(1, recipe.epochs + 1):
        for batch in epoch_batches(len(data), size, seed=11, epoch=epoch):
            s += 1
            slope = ((x[batch] @ weight.T + bias).softmax(1) - labels[batch]) / size
            gradients = [slope.T @ x[batch], slope.sum(0)]
            if recipe.clip_norm is not None:
                norm = math.sqrt(sum(float((g**2).sum()) for g in gradients))
                gradients = [g * min(1.0, recipe.clip_norm / norm) for g in gradients]
            weight, bias = (
                step(i, s, theta, gradient)
                for i, (theta, gradient) in enumerate(zip((weight, bias), gradients))
            )
    return [weight, bias]


def trained(data: Samples, task: Classification, recipe: Recipe) -> tuple[list[Tensor], TrainedRun]:
    network = linear()
    run = train(network, data, task, recipe, seed=11)
    return [p.detach() for p in network.parameters()], run


def test_adam_by_hand(task: Classification, tiny_data: Samples) -> None:
    """Bias-corrected moments m and v of g + wd theta (Kingma and Ba 2015)."""
    recipe = Recipe(
        batch_size=7, lr=0.02, weight_decay=0.3, optimizer="adam", epochs=3, stop_tolerance=0,
        beta1=0.8, beta2=0.95, epsilon=1e-3,
    )  # fmt: skip
    moments: dict[int, tuple[Tensor, Tensor]] = {}

    def step(i: int, s: int, theta: Tensor, gradient: Tensor) -> Tensor:
        gradient = gradient + 0.3 * theta
        m, v = moments.get(i, (torch.zeros_like(theta), torch.zeros_like(theta)))
        m, v = 0.8 * m + 0.2 * gradient, 0.95 * v + 0.05 * gradient**2
        moments[i] = (m, v)
        return theta - 0.02 * (m / (1 - 0.8**s)) / ((v / (1 - 0.95**s)).sqrt() + 1e-3)

    expected = regression(tiny_data, task, recipe, step)
    found, _ = trained(tiny_data, task, recipe)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("clip", [0.05, 1e3])
def test_clipping_by_hand(task: Classification, tiny_data: Samples, clip: float) -> None:
    """By the norm over all parameters, before weight decay; smaller gradients are not changed."""
    recipe = Recipe(
        batch_size=8, lr=0.5, weight_decay=0.1, momentum=0, epochs=2, clip_norm=clip,
        stop_tolerance=0,
    )  # fmt: skip

    def step(i: int, s: int, theta: Tensor, gradient: Tensor) -> Tensor:
        return theta - 0.5 * (gradient + 0.1 * theta)

    expected = regression(tiny_data, task, recipe, step)
    found, _ = trained(tiny_data, task, recipe)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)  # torch adds 1e-6 to the norm
    plain, _ = trained(tiny_data, task, Recipe(**{**vars(recipe), "clip_norm": None}))
    if clip > 1:
        torch.testing.assert_close(found, plain)
    else:
        assert float((found[0] - plain[0]).abs().max()) > 0.05


def test_label_smoothing(task: Classification, tiny_data: Samples) -> None:
    """Gradient and training loss use smoothed labels; errors use the original labels."""
    recipe = Recipe(
        batch_size=24, lr=0.5, weight_decay=0, momentum=0, epochs=1, label_smoothing=0.3
    )
    expected = regression(
        tiny_data, task, recipe, lambda i, s, theta, gradient: theta - gradient / 2
    )
    found, run = trained(tiny_data, task, recipe)
    torch.testing.assert_close(found, expected)
    x = task.inputs(tiny_data.inputs, torch.float64).flatten(1)
    logits = linear()[1](x).detach()
    minus_log = -logits.log_softmax(1)
    plain = minus_log[torch.arange(24), tiny_data.targets]
    smooth = float((0.7 * plain + 0.3 * minus_log.mean(1)).mean())
    (epoch,) = run.history
    assert epoch.train_loss == pytest.approx(smooth, rel=1e-12)
    assert abs(smooth - float(plain.mean())) > 0.01
    wrong = int((logits.argmax(1) != tiny_data.targets).sum())
    assert epoch.train_error == pytest.approx(100 * wrong / 24)


SLOPE_DATA = Samples(torch.zeros(11, 1), torch.zeros(11))  # three batches of three, two left over


@pytest.mark.parametrize("updates", [1, 3, 7, 9])
def test_training_takes_exactly_the_specified_number_of_updates(updates: int) -> None:
    """Update s subtracts the rate and sees the loss -(s - 1) rate, also in a partial epoch."""
    network = weight_at_zero()
    recipe = Recipe(
        batch_size=3, lr=0.5, weight_decay=0, momentum=0, stopping="updates", updates=updates,
        epochs=1, stop_tolerance=10, stop_patience=1,
    )  # fmt: skip
    run = train(network, SLOPE_DATA, Slope(), recipe, seed=0, snapshots=["last"])
    assert network.weight.item() == -0.5 * updates
    assert run.stop_reason == "updates"  # although the loss was on a plateau all the time
    epochs = [range(start, min(start + 3, updates)) for start in range(0, updates, 3)]
    assert [record.train_loss for record in run.history] == [
        -0.5 * sum(epoch) / len(epoch) for epoch in epochs
    ]
    assert [record.epoch for record in run.history] == list(range(1, len(epochs) + 1))
    assert run.snapshots["last"].epoch == len(epochs)
    assert float(run.snapshots["last"].state["weight"]) == -0.5 * updates


def test_milestones_are_fractions_of_the_updates() -> None:
    network = weight_at_zero()
    recipe = Recipe(
        batch_size=3, lr=1.0, weight_decay=0, momentum=0, stopping="updates", updates=8,
        schedule="step", milestones=(0.25,), factor=0.5,
    )  # fmt: skip
    train(network, SLOPE_DATA, Slope(), recipe, seed=0)
    assert network.weight.item() == -(2 + 6 * 0.5)


def plateau_run(not_before: int = 0, **settings: object) -> TrainedRun:
    """At most ten epochs; the loss falls by 1.5 per epoch, and three such epochs are a plateau."""
    recipe = Recipe(
        batch_size=3, lr=0.5, weight_decay=0, momentum=0, epochs=10,
        **{"stop_tolerance": 2, "stop_patience": 3, "stop_not_before": not_before, **settings},
    )  # fmt: skip
    names = ["early_stopped", "last"]
    return train(weight_at_zero(), SLOPE_DATA, Slope(), recipe, seed=0, snapshots=names)  # type: ignore[arg-type]


def snapshot_epochs(run: TrainedRun) -> dict[str, float]:
    """The epoch of each snapshot, whose weight is -1.5 per epoch."""
    for snapshot in run.snapshots.values():
        assert float(snapshot.state["weight"]) == -1.5 * snapshot.epoch
    return {name: snapshot.epoch for name, snapshot in run.snapshots.items()}


def test_a_plateau_ends_training_only_with_the_rule() -> None:
    by_rule = plateau_run()
    assert (by_rule.stop_reason, len(by_rule.history)) == ("calm", 4)
    assert snapshot_epochs(by_rule) == {"best_train_loss": 4, "early_stopped": 4, "last": 4}
    by_epochs = plateau_run(stopping="epochs")
    assert (by_epochs.stop_reason, len(by_epochs.history)) == ("epochs", 10)
    assert snapshot_epochs(by_epochs) == {"best_train_loss": 10, "early_stopped": 4, "last": 10}
    without_plateau = plateau_run(stop_tolerance=1)
    assert (without_plateau.stop_reason, len(without_plateau.history)) == ("epochs", 10)


@pytest.mark.parametrize(("not_before", "epoch"), [(0, 4), (4, 4), (5, 5), (7, 7), (10, 10)])
def test_a_plateau_is_not_reported_before_its_epoch(not_before: int, epoch: int) -> None:
    run = plateau_run(not_before, stopping="epochs")
    assert snapshot_epochs(run)["early_stopped"] == epoch
    by_rule = plateau_run(not_before)
    assert (by_rule.stop_reason, len(by_rule.history)) == ("calm", epoch)


def test_without_a_plateau_early_stopped_is_the_best() -> None:
    for settings in ({"not_before": 11}, {"stop_tolerance": 1}):
        run = plateau_run(**settings, stopping="epochs")
        assert snapshot_epochs(run) == {"best_train_loss": 10, "early_stopped": 10, "last": 10}
    # With this weight decay updates overshoot, w <- -4 w - 1/2: the losses are 5, -20.5 and 81.5.
    unstable = Recipe(
        batch_size=11, lr=0.5, weight_decay=10, momentum=0, epochs=3, stop_tolerance=0
    )
    network = weight_at_zero()
    nn.init.constant_(network.weight, 5.0)
    run = train(network, SLOPE_DATA, Slope(), unstable, seed=0, snapshots=["early_stopped", "last"])
    assert [record.train_loss for record in run.history] == [5, -20.5, 81.5]
    epochs = {name: snapshot.epoch for name, snapshot in run.snapshots.items()}
    assert epochs == {"best_train_loss": 2, "early_stopped": 2, "last": 3}


def test_best_test_is_the_first_of_the_lowest_test_errors() -> None:
    errors = iter([5.0, 3.0, 4.0, 3.0, math.nan, 3.5])
    recipe = Recipe(batch_size=3, lr=0.5, weight_decay=0, momentum=0, epochs=6, stop_tolerance=0)
    tested: list[float] = []

    def test_error(network: nn.Module) -> float:
        tested.append(network.weight.item())  # type: ignore[operator, union-attr]
        network.eval()  # as an evaluation does; training must continue in train mode
        return next(errors)

    modes: list[bool] = []

    class Recording(Slope):
        def outputs(self, network: nn.Module, samples: Samples, dtype: torch.dtype) -> Tensor:
            modes.append(network.training)
            return super().outputs(network, samples, dtype)

    run = train(
        weight_at_zero(), SLOPE_DATA, Recording(), recipe, seed=0,
        snapshots=["best_test"], test_error=test_error,
    )  # fmt: skip
    assert modes == [True] * 18
    assert snapshot_epochs(run) == {"best_train_loss": 6, "best_test": 2}
    assert tested == [-1.5 * epoch for epoch in range(1, 7)]
    found = [record.test_error for record in run.history]
    np.testing.assert_array_equal(found, [5, 3, 4, 3, math.nan, 3.5])  # type: ignore[arg-type]


def test_the_test_error_is_computed_only_if_requested() -> None:
    def never(_: nn.Module) -> float:
        raise AssertionError("the test error was not requested")

    recipe = Recipe(batch_size=3, epochs=2)
    run = train(
        weight_at_zero(), SLOPE_DATA, Slope(), recipe, seed=0, snapshots=["last"], test_error=never
    )
    assert [record.test_error for record in run.history] == [None, None]
    assert set(run.snapshots) == {"best_train_loss", "last"}
    with pytest.raises(ValueError, match="`best_test` needs test data"):
        train(weight_at_zero(), SLOPE_DATA, Slope(), recipe, seed=0, snapshots=["best_test"])


def test_snapshots_are_copies() -> None:
    network = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    kept = Snapshots(network, ["early_stopped", "last", "best_test"], lambda _: 0.0)
    for epoch in (1, 2, 3):
        with torch.no_grad():
            for value in network.state_dict().values():
                value.fill_(epoch)
        # The loss is best in epoch 1, the plateau begins in epoch 2, and the test error is constant.
        kept.update(epoch, float(epoch), plateau=epoch >= 2)
    found = kept.finish(3)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.fill_(100)
    epochs = {"best_train_loss": 1, "early_stopped": 2, "last": 3, "best_test": 1}
    assert {name: snapshot.epoch for name, snapshot in found.items()} == epochs
    for name, epoch in epochs.items():
        assert set(found[name].state) == set(network.state_dict())
        assert all(bool((value == epoch).all()) for value in found[name].state.values())
        assert not any(value.requires_grad for value in found[name].state.values())
    addresses = [v.data_ptr() for snapshot in found.values() for v in snapshot.state.values()]
    assert len(set(addresses)) == len(addresses)


class Recorder(Classification):
    """Records every batch that a network is called on."""

    def record(self) -> list[Samples]:
        batches: list[Samples] = []
        object.__setattr__(self, "batches", batches)
        return batches

    def outputs(self, network: nn.Module, samples: Samples, dtype: torch.dtype) -> Tensor:
        self.batches.append(samples)  # type: ignore[attr-defined]
        return super().outputs(network, samples, dtype)


IDENTITY = 8  # index among the 18 moves: no shift, no flip


def shifted(image: Tensor) -> Iterator[Tensor]:
    """The 18 shifts by up to one pixel and flips of a 4 x 4 image."""
    padded = nn.functional.pad(image, (1, 1, 1, 1))
    for dy in range(3):
        for dx in range(3):
            crop = padded[:, dy : dy + 4, dx : dx + 4]
            yield from (crop, crop.flip(2))


@pytest.mark.parametrize("augment", [False, True])
def test_augmentation_of_training_batches(tiny_data: Samples, augment: bool) -> None:
    runs = []
    for _ in range(2):
        task = Recorder((0.5,), (0.25,))
        batches = task.record()
        recipe = Recipe(batch_size=8, epochs=3, augment=augment, stop_tolerance=0)
        train(linear(), tiny_data, task, recipe, seed=4)
        runs.append(batches)
    rows = [rows for epoch in (1, 2, 3) for rows in epoch_batches(24, 8, seed=4, epoch=epoch)]
    assert len(rows) == len(runs[0]) == 9
    moves = []
    for chosen, batch, again in zip(rows, *runs):
        assert torch.equal(batch.targets, tiny_data.targets[chosen])
        assert torch.equal(batch.inputs, again.inputs)
        for image, original in zip(batch.inputs, tiny_data.inputs[chosen]):
            matches = [torch.equal(image, candidate) for candidate in shifted(original)]
            assert sum(matches) == 1
            moves.append(matches.index(True))
    if augment:
        assert len(set(moves)) > 12  # of 18, in 72 draws
        assert moves[:24] != moves[24:48] != moves[48:], "all epochs have the same moves"
    else:
        assert set(moves) == {IDENTITY}


def test_batches_are_drawn_without_replacement() -> None:
    batches = list(epoch_batches(23, 5, seed=3, epoch=2))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5]  # the incomplete one is dropped
    assert len(set(torch.cat(batches).tolist())) == 20
    again = torch.cat(list(epoch_batches(23, 5, seed=3, epoch=2)))
    assert torch.equal(torch.cat(batches), again)
    assert not torch.equal(again, torch.cat(list(epoch_batches(23, 5, seed=3, epoch=3))))
    assert not torch.equal(again, torch.cat(list(epoch_batches(23, 5, seed=4, epoch=2))))


@pytest.mark.parametrize("augment", [False, True])
def test_random_draws_are_copied_once_per_epoch(
    tiny_data: Samples, augment: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Independently of the number of steps: on a GPU, each copy from the host blocks."""
    copied, from_numpy = [], torch.from_numpy
    monkeypatch.setattr(torch, "from_numpy", lambda a: copied.append(a.shape) or from_numpy(a))
    for batch_size in (4, 12):
        copied.clear()
        recipe = Recipe(batch_size=batch_size, epochs=2, augment=augment, stop_tolerance=0)
        train(linear(), tiny_data, Classification((0.5,), (0.25,)), recipe, seed=4)
        moves = [(24 // batch_size, 3, batch_size)] if augment else []
        assert copied == [*moves, (24,)] * 2


@pytest.mark.parametrize("size", [0, 24])
def test_invalid_batch_sizes(size: int) -> None:
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
    assert best.epoch < 12, "this test needs a larger learning rate"
    for name, value in best.state.items():
        assert torch.equal(value, states[best.epoch][name])


def test_training_stops_at_a_plateau(task: Classification, tiny_data: Samples) -> None:
    recipe = Recipe(
        batch_size=24, lr=1e-9, momentum=0, epochs=50, stop_tolerance=1e-4, stop_patience=5
    )
    run = train(linear(), tiny_data, task, recipe, seed=0)
    assert run.stop_reason == "calm"
    assert len(run.history) == 6


def test_the_stopping_rule_counts_consecutive_epochs() -> None:
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


@pytest.mark.parametrize("stopping", ["rule", "epochs", "updates"])
def test_divergence_under_adam(task: Classification, tiny_data: Samples, stopping: str) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    recipe = Recipe(
        batch_size=4, lr=1e38, epochs=5, updates=30, optimizer="adam", stopping=stopping  # type: ignore[arg-type]
    )  # fmt: skip
    records: list[EpochRecord] = []
    run = train(
        network, tiny_data, task, recipe, seed=0, on_epoch=records.append,
        snapshots=["early_stopped", "last", "best_test"], test_error=lambda _: 1.0,
    )  # fmt: skip
    assert run.stop_reason == "diverged"
    assert len(run.history) == 1
    assert records == run.history
    assert not math.isfinite(run.history[0].train_loss)
    assert run.history[0].test_error is None
    for name in ("best_train_loss", "early_stopped", "best_test"):
        assert run.snapshots[name].epoch == 0
        assert all(torch.isfinite(value).all() for value in run.snapshots[name].state.values())
    assert run.snapshots["last"].epoch == 1
    assert not all(torch.isfinite(value).all() for value in run.snapshots["last"].state.values())


SENTENCES = Samples(
    torch.tensor([[4, 5, 6, 2], [5, 2, 0, 0], [6, 6, 2, 0], [4, 2, 0, 0]] * 3),
    torch.tensor([[1, 7, 8, 2], [1, 9, 2, 0], [1, 8, 8, 2], [1, 7, 2, 0]] * 3),
)


def trained_weights(kind: str, seed: int = 1) -> dict[str, Tensor]:
    """Weights after a few updates, starting from an arbitrary random state of torch."""
    torch.manual_seed(np.random.SeedSequence().entropy % 2**32)
    state = torch.get_rng_state()
    recipe = Recipe(
        batch_size=6, lr=0.01, epochs=4, stop_tolerance=0,
        optimizer="sgd" if kind == "sgd" else "adam",
    )  # fmt: skip
    if kind in ("translation", "dropout"):
        args = {"n_layers": 1, "n_heads": 2, "dropout": 0.4 if kind == "dropout" else 0.0}
        network = build("transformer", width=4, input_shape=(), n_outputs=10, args=args, seed=seed)
        run = train(network, SENTENCES, Translation(), recipe, seed=seed)
    else:
        network = build("resnet18", width=2, input_shape=(1, 4, 4), n_outputs=3, seed=seed)
        generator = np.random.Generator(np.random.Philox(key=5))
        images = generator.integers(0, 256, size=(24, 1, 4, 4), dtype=np.uint8)
        data = Samples(torch.from_numpy(images), torch.from_numpy(np.arange(24) % 3))
        run = train(network, data, Classification((0.5,), (0.25,)), recipe, seed=seed)
    assert torch.equal(torch.get_rng_state(), state), "torch's random state was not restored"
    return run.snapshots["best_train_loss"].state


@pytest.mark.parametrize("kind", ["sgd", "adam", "translation", "dropout"])
def test_training_is_bitwise_reproducible(kind: str) -> None:
    one, same = trained_weights(kind), trained_weights(kind)
    other = trained_weights(kind, seed=2)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_dropout_is_on_in_training() -> None:
    plain, dropped = trained_weights("translation"), trained_weights("dropout")
    assert not all(torch.equal(plain[name], dropped[name]) for name in plain)
