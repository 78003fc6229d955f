"""What is tried: a custom network, its task, and a few samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from landscape_catalog.metrics.numerics.hessian.products import Mode
from landscape_catalog.tasks import Samples, Task
from landscape_catalog.training import Recipe

SAMPLES, BATCH, UPDATES = 8, 4, 2
LARGEST_RATE = 1e-3  # so that no step diverges


@dataclass(frozen=True)
class Trial:
    """What a trial needs of an experiment.

    Attributes:
        model: name of the network.
        name: of the custom code that messages about the task and the network together begin with.
        build: a fresh network from a seed, on the device.
        make_task: a fresh task.
        samples: training samples on the device, which the trial may change; at least one.
        recipe: how runs are trained.
        modes: the modes in which second derivatives are taken.
        has_pairs: whether two seeds are compared.
    """

    model: str
    name: str
    build: Callable[[int], nn.Module]
    make_task: Callable[[], Task]
    samples: Samples
    recipe: Recipe
    modes: tuple[Mode, ...] = ("eval",)
    has_pairs: bool = True

    @property
    def small_recipe(self) -> Recipe:
        """The recipe, cut to a few careful steps on a few samples."""
        return replace(
            self.recipe,
            batch_size=min(BATCH, self.recipe.batch_size, len(self.samples)),
            lr=min(self.recipe.lr, LARGEST_RATE),
            schedule="constant",
            warmup=0,
            stopping="updates",
            updates=UPDATES,
        )
