"""Short trainings of the benchmark's networks, alone and in groups, and what came of them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.on_gpu.subjects import Subject
from landscape_catalog.tasks import Classification
from landscape_catalog.training import (
    Member,
    Recipe,
    TrainedRun,
    TrainingState,
    train,
    train_group,
    train_replayed,
)

Bits = dict[str, bytes]


@dataclass(frozen=True)
class Outcome:
    """A run, and its network at the end."""

    result: TrainedRun
    network: nn.Module

    def tensors(self) -> dict[str, Tensor]:
        """The weights at the end and those of all snapshots, by name."""
        found = dict(self.network.state_dict())
        for name, snapshot in self.result.snapshots.items():
            found |= {f"{name}/{key}": value for key, value in snapshot.state.items()}
        return found | {"losses": torch.tensor(self.losses, dtype=torch.float64)}

    @property
    def losses(self) -> list[float]:
        """Mean training loss of each epoch."""
        return [epoch.train_loss for epoch in self.result.history]

    def bits(self) -> Bits:
        """Equal if and only if all weights and losses are equal to the bit."""
        return bits_of(self.tensors())


def bits_of(tensors: Mapping[str, Tensor]) -> Bits:
    """The bytes of tensors, by name."""
    return {name: v.detach().cpu().contiguous().numpy().tobytes() for name, v in tensors.items()}


def digest(bits: Bits) -> str:
    """A checksum of all bytes."""
    found = hashlib.sha256()
    for name in sorted(bits):
        found.update(name.encode() + bits[name])
    return found.hexdigest()


class Kept:
    """Checkpoints in memory, as a store would return them: those of the steps asked for.

    Args:
        start: where training begins; None: at the beginning.
        every: whether every step's checkpoint is kept.
    """

    def __init__(self, start: TrainingState | None = None, *, every: bool = False) -> None:
        self.start, self.every = start, every
        self.states: dict[int, TrainingState] = {}

    def resume(self) -> TrainingState | None:
        """The checkpoint to go on from."""
        return self.start

    def due(self) -> bool:
        """Whether to keep this step's."""
        return self.every

    def save(self, state: TrainingState) -> None:
        """Keep a copy on the CPU."""
        tensors = {name: value.detach().cpu().clone() for name, value in state.tensors.items()}
        values = json.loads(json.dumps(state.values))
        self.states[values["done"]] = TrainingState(values, tensors)


@dataclass(frozen=True)
class Training:
    """How a subject is trained.

    Attributes:
        subject: the network and its samples.
        recipe: of the run; members of groups differ in rate and decay.
        samples: number of training samples.
        device: to compute on.
        dtype: of the weights.
    """

    subject: Subject
    recipe: Recipe
    samples: int
    device: str
    dtype: torch.dtype = torch.float32

    def alone(self, seed: int, checkpoints: Kept | None = None) -> Outcome:
        """`train`, from weights and in an order that depend on the seed."""
        subject = self.subject
        network = subject.network(self.device, self.dtype, seed=seed)
        data = subject.samples(self.samples, self.device, seed=seed % 2)
        result = train(
            network, data, subject.task, self.recipe,
            seed=seed, snapshots=("best_train_loss", "last"), checkpoints=checkpoints,
        )  # fmt: skip
        return Outcome(result, network)

    def together(self, seeds: Sequence[int], kept: Sequence[Kept] = ()) -> list[Outcome]:
        """`train_group`; members differ in seed, rate, decay, and every other one in its data."""
        return self._side_by_side(train_group, seeds, kept)

    def replayed(self, seeds: Sequence[int], kept: Sequence[Kept] = ()) -> list[Outcome]:
        """`train_replayed`, whose steps are recorded on a GPU; of the same members."""
        return self._side_by_side(train_replayed, seeds, kept)

    def _side_by_side(
        self,
        train_all: Callable[[Sequence[Member]], list[TrainedRun]],
        seeds: Sequence[int],
        kept: Sequence[Kept],
    ) -> list[Outcome]:
        members = [self._member(seed) for seed in seeds]
        for place, checkpoints in enumerate(kept):
            members[place] = replace(members[place], checkpoints=checkpoints)
        results = train_all(members)
        return [Outcome(result, m.network) for result, m in zip(results, members, strict=True)]

    def _member(self, seed: int) -> Member:
        subject, recipe = self.subject, self.recipe
        task = subject.task
        assert isinstance(task, Classification)
        changed = replace(
            recipe, lr=recipe.lr * (1 + seed % 3), weight_decay=recipe.weight_decay * (1 - seed % 2)
        )
        return Member(
            subject.network(self.device, self.dtype, seed=seed),
            subject.samples(self.samples, self.device, seed=seed % 2),
            task,
            changed,
            seed,
            snapshots=("best_train_loss", "last"),
        )


def epochs(count: int, batch_size: int, **changes: Any) -> Recipe:
    """A recipe of so many epochs, with no rule that ends it earlier."""
    return Recipe(batch_size=batch_size, epochs=count, stopping="epochs", **changes)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean of a sample, and its standard error."""
    mean = sum(values) / len(values)
    squares = sum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / max(len(values) - 1, 1) / len(values))
