"""Runs that train side by side or alone, and what can be compared of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Member, Recipe, TrainedRun, TrainingState, train, train_group

CONSTANT = -1  # seed of data whose samples are all alike, so that every batch has the same loss
SNAPSHOTS = ("best_train_loss", "early_stopped", "last", "best_test")


@dataclass(frozen=True)
class Kind:
    """What the runs of a group have in common, besides their recipe."""

    model: str = "small"
    width: int = 1
    shape: tuple[int, ...] = (1, 4, 4)
    samples: int = 24
    classes: int = 3
    double: bool = False


@dataclass(frozen=True)
class Run:
    """What runs of a group may differ in."""

    seed: int = 0
    lr: float = 5e-4  # so small that rounding is hardly amplified in a few steps
    weight_decay: float = 1e-3
    data: int = 0
    task: Classification = field(default_factory=lambda: Classification((0.5,), (0.25,)))


def images(kind: Kind, seed: int) -> Samples:
    """Images whose class is visible in their brightness."""
    if seed == CONSTANT:
        pixels = torch.full((kind.samples, *kind.shape), 100, dtype=torch.uint8)
        return Samples(pixels, torch.zeros(kind.samples, dtype=torch.int64))
    draw = np.random.Generator(np.random.Philox(key=seed))
    labels = draw.permutation(np.arange(kind.samples) % kind.classes)
    pixels = draw.integers(0, 128, (kind.samples, *kind.shape), dtype=np.uint8)
    pixels += (labels * (127 // kind.classes)).astype(np.uint8)[:, None, None, None]
    return Samples(torch.from_numpy(pixels), torch.from_numpy(labels))


def different(count: int, channels: int = 1) -> list[Run]:
    """Runs that differ in seed, rate, decay, data and moments."""
    return [
        Run(
            seed=seed,
            lr=0.0005 * (1 + seed % 5),
            weight_decay=(0.02, 0.0, 0.1)[seed % 3],
            data=seed % 2,
            task=Classification((0.4 + 0.1 * (seed % 2),) * channels, (0.2 + 0.1 * (seed % 2),) * channels),
        )
        for seed in range(count)
    ]  # fmt: skip


def small(kind: Kind, seed: int) -> nn.Module:
    """Three convolutions, the last of which sees one pixel of images of up to 4 x 4."""
    torch.manual_seed(seed)
    one, two, three = kind.width, 2 * kind.width, 4 * kind.width
    return nn.Sequential(
        nn.Conv2d(kind.shape[0], one, 3, padding=1, bias=False), nn.BatchNorm2d(one), nn.ReLU(),
        nn.Conv2d(one, two, 3, padding=1, stride=2), nn.ReLU(),
        nn.Conv2d(two, three, 3, padding=1, stride=2), nn.BatchNorm2d(three), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(three, kind.classes),
    )  # fmt: skip


class Trainings:
    """Runs of one kind and recipe, each of which begins anew whenever it is trained."""

    def __init__(self, kind: Kind, recipe: Recipe) -> None:
        self.kind, self.recipe = kind, recipe
        self._data: dict[int, Samples] = {}

    def data(self, seed: int) -> Samples:
        if seed not in self._data:
            self._data[seed] = images(self.kind, seed)
        return self._data[seed]

    def network(self, run: Run) -> nn.Module:
        kind = self.kind
        if kind.model == "small":
            network = small(kind, run.seed)
        else:
            network = build(
                kind.model, width=kind.width, input_shape=kind.shape, n_outputs=kind.classes,
                seed=run.seed,
            )  # fmt: skip
        return network.double() if kind.double else network

    def member(self, run: Run, **options: Any) -> Member:
        recipe = dataclasses.replace(self.recipe, lr=run.lr, weight_decay=run.weight_decay)
        settings = {"snapshots": SNAPSHOTS, "test_error": self.test_error(run), **options}
        return Member(
            self.network(run), self.data(run.data), run.task, recipe, run.seed, **settings
        )

    def test_error(self, run: Run) -> Any:
        """Percentage of other images that a network misclassifies."""
        data = self.data(run.data + 100)

        def error(network: nn.Module) -> float:
            network.eval()
            with torch.no_grad():
                outputs = run.task.outputs(network, data, next(network.parameters()).dtype)
                return float(100 * run.task.errors(outputs, data).double().mean())

        return error

    def alone(self, run: Run, **options: Any) -> Outcome:
        member = self.member(run, **options)
        result = train(
            member.network, member.data, member.task, member.recipe, seed=member.seed,
            snapshots=member.snapshots, test_error=member.test_error, on_epoch=member.on_epoch,
            checkpoints=member.checkpoints,
        )  # fmt: skip
        return Outcome(result, member.network)

    def together(
        self, runs: Iterable[Run], options: Iterable[dict[str, Any]] = ()
    ) -> list[Outcome]:
        runs, options = list(runs), list(options)
        members = [
            self.member(run, **given) for run, given in zip(runs, options or [{}] * len(runs))
        ]
        return [
            Outcome(result, member.network)
            for result, member in zip(train_group(members), members, strict=True)
        ]


@dataclass(frozen=True)
class Outcome:
    """The result of a run, and its network at the end."""

    result: TrainedRun
    network: nn.Module

    def tensors(self) -> dict[str, Tensor]:
        found = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        for name, snapshot in self.result.snapshots.items():
            found |= {f"{name}/{key}": value for key, value in snapshot.state.items()}
        return found

    def bits(self) -> dict[str, Any]:
        """Everything, so that equality is equality to the bit, also of NaN."""
        tensors = {name: value.numpy().tobytes() for name, value in self.tensors().items()}
        history = np.array(
            [
                [
                    e.epoch,
                    e.train_loss,
                    e.train_error,
                    np.nan if e.test_error is None else e.test_error,
                ]
                for e in self.result.history
            ]
        )
        epochs = {name: snapshot.epoch for name, snapshot in self.result.snapshots.items()}
        reason = self.result.stop_reason
        return tensors | {"history": history.tobytes(), "epochs": epochs, "reason": reason}


class Kept:
    """Checkpoints in memory: every step's is kept, as a copy."""

    def __init__(self, last: TrainingState | None = None, dies_at: int | None = None) -> None:
        self.last, self.dies_at = last, dies_at
        self.states: dict[int, TrainingState] = {}
        self.asked = 0 if last is None else last.values["done"]

    def resume(self) -> TrainingState | None:
        return self.last

    def due(self) -> bool:
        self.asked += 1
        if self.asked == self.dies_at:
            raise KilledError
        return True

    def save(self, state: TrainingState) -> None:
        self.last = through_json_and_back(state)
        self.states[state.values["done"]] = self.last


class KilledError(Exception):
    """The process was killed."""


def through_json_and_back(state: TrainingState) -> TrainingState:
    """A state as a store would return it."""
    tensors = {name: value.detach().clone() for name, value in state.tensors.items()}
    return TrainingState(json.loads(json.dumps(state.values)), tensors)
