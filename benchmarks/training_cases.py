"""What is timed: networks, data and hyperparameters, for the product and the plain loop alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.product import Params
from landscape_catalog.training import Recipe

WIDTHS, BATCH_SIZES = (1, 2, 4, 8), (8, 16, 32, 64)
N_DIGITS, N_IMAGES, N_PAIRS = 1437, 5000, 1000
RATES = (0.1, 0.05)
SMALLEST_MEASUREMENTS = {
    "hessian": {"samples": 4, "max_iterations": 2},
    "connectivity": {"updates": 1, "batch_size": 8},
    "similarity": {"samples": 20},
}
TRANSFORMER = {"n_layers": 2}


@dataclass(frozen=True)
class Case:
    """Networks of one shape that are trained together, for whole epochs.

    Attributes:
        data: `digits` (8 x 8), `images` (made up, 32 x 32) or `number words`.
        width: k of a ResNet18, or d of a Transformer.
        batch_size: samples per step.
        samples: number of training samples.
        seeds: networks per cell.
        rates: learning rates, each a cell of its own.
        epochs: epochs per network.
        optimizer: `sgd` or `adam`.
        workers: processes of the product, one thread each.
    """

    data: str
    width: int
    batch_size: int
    samples: int
    seeds: int = 5
    rates: Sequence[float] = RATES
    epochs: int = 1
    optimizer: str = "sgd"
    workers: int = 2

    @property
    def networks(self) -> int:
        """Number of networks that the product trains in one stage."""
        return self.seeds * len(self.rates)

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return self.samples // self.batch_size

    @property
    def recipe(self) -> Recipe:
        """The recipe of the plain loop."""
        return Recipe(
            batch_size=self.batch_size, lr=self.rates[0], optimizer=self.optimizer,
            weight_decay=5e-4, label_smoothing=self.label_smoothing,
        )  # fmt: skip

    @property
    def label_smoothing(self) -> float:
        """As for the paper's translation, where Adam is used."""
        return 0.1 if self.optimizer == "adam" else 0.0

    def params(self, arrays: Path | None = None) -> Params:
        """The experiment as `params.yaml`; measurements are as small as is allowed.

        Args:
            arrays: file of the made-up images.
        """
        sections = {
            "digits": ({"name": "digits"}, {"name": "resnet18"}),
            "images": (
                {"name": "arrays", "path": str(arrays), "test_samples": "all"},
                {"name": "resnet18"},
            ),
            "number words": (
                {"name": "number_words", "test_samples": 100, "vocabulary": 300},
                {"name": "transformer", "args": TRANSFORMER},
            ),
        }
        dataset, model = sections[self.data]
        similarity = dict(SMALLEST_MEASUREMENTS["similarity"])
        if self.data == "number words":
            similarity["perturbation"] = "token_noise"
        return experiment(
            dataset=dataset,
            model=model,
            load={"width": self.width, "samples": self.samples},
            temperature={"batch_size": self.batch_size, "lr": list(self.rates)},
            train={
                "epochs": self.epochs, "seeds": self.seeds, "stopping": "epochs",
                "optimizer": self.optimizer, "label_smoothing": self.label_smoothing,
            },
            measure={**SMALLEST_MEASUREMENTS, "similarity": similarity},
            workers=self.workers,
        )  # fmt: skip


def experiment(*, workers: int, measure: Params = SMALLEST_MEASUREMENTS, **sections: Any) -> Params:
    """A whole `params.yaml` from its sections."""
    whole = {
        **sections,
        "measure": measure,
        "classify": {"hessian": {"threshold": 40.0}, "cka": {"threshold": 0.5}},
        "report": {},
        "execution": {"device": "cpu", "workers": workers},
        "variants": {},
    }
    plain: Params = json.loads(json.dumps(whole))  # tuples as lists, for YAML
    return plain


def write_images(path: Path, n: int = N_IMAGES, n_test: int = 1000, size: int = 32) -> Path:
    """Made-up images of ten classes: a pattern for each class, under much noise."""
    draw = np.random.Generator(np.random.Philox(key=0))
    labels = draw.integers(10, size=n + n_test)
    patterns = draw.integers(256, size=(10, 3, size, size))
    noise = draw.integers(256, size=(n + n_test, 3, size, size))
    images = ((patterns[labels] + 3 * noise) // 4).astype(np.uint8)
    np.savez(
        path, images=images[:n], labels=labels[:n],
        test_images=images[n:], test_labels=labels[n:],
    )  # fmt: skip
    return path


def whole_epochs(updates: int, batch_size: int, samples: int = N_DIGITS) -> int:
    """The number of epochs nearest to a number of updates, at least one.

    >>> [whole_epochs(200, batch_size) for batch_size in (8, 16, 32, 64)]
    [1, 2, 5, 9]
    """
    return max(1, round(updates / (samples // batch_size)))


@dataclass(frozen=True)
class Effort:
    """How long everything is timed.

    Attributes:
        updates: of each network in a cell of digits, rounded to whole epochs.
        plain_steps: of the plain loop in one repeat.
        repeats: of each cell.
        long_epochs: of images; the difference to one epoch gives the time of a step.
        tiny_runs: number of runs whose overhead is measured.
        no_ops: repeats of a `dvc repro` that has nothing to do.
        curve_epochs: of a plain curve, whose time is scaled to that of a whole fit.
    """

    updates: int = 300
    plain_steps: int = 120
    repeats: int = 5
    long_epochs: int = 3
    tiny_runs: int = 1000
    no_ops: int = 5
    curve_epochs: int = 2
    widths: tuple[int, ...] = WIDTHS
    batch_sizes: tuple[int, ...] = BATCH_SIZES
    image_widths: tuple[int, ...] = (4, 8)
    members: tuple[int, ...] = (1, 2, 5, 10, 20, 40)
    workers: tuple[int, ...] = (1, 2)
    rates: tuple[float, ...] = RATES
    samples: dict[str, int] = field(
        default_factory=lambda: {"digits": N_DIGITS, "images": N_IMAGES, "number words": N_PAIRS}
    )


FULL = Effort()
QUICK = Effort(
    updates=150, plain_steps=40, repeats=3, long_epochs=2, no_ops=3, curve_epochs=1,
    members=(1, 2, 5, 10),
)  # fmt: skip
