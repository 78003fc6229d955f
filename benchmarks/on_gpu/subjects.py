"""The networks that the GPU benchmark checks, with made-up samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from landscape_catalog.datasets.bpe import BEGIN, END, N_SPECIAL, PADDING
from landscape_catalog.models.build import build
from landscape_catalog.models.registry import NETWORKS, has_batch_norm
from landscape_catalog.tasks import Classification, Samples, Task, Translation

CLASSES, VOCABULARY, LONGEST = 10, 60, 9
IMAGES = Classification((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


@dataclass(frozen=True)
class Subject:
    """A built-in network and samples for it.

    Attributes:
        name: in the registry of networks.
        width: of the network.
        size: height and width of its images.
        args: its arguments, where they are not the defaults.
    """

    name: str
    width: int
    size: int = 32
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """In a table."""
        args = "".join(f" {key}={value}" for key, value in self.args.items())
        pixels = f" {self.size}x{self.size}" if self.is_image else ""
        return f"{self.name} k={self.width}{pixels}{args}"

    @property
    def is_image(self) -> bool:
        """Whether it classifies images; it translates otherwise."""
        return NETWORKS[self.name].kind == "images"

    @property
    def has_batch_norm(self) -> bool:
        """Whether training mode and evaluation mode are different functions."""
        return has_batch_norm(self.name, self.args)

    @property
    def task(self) -> Task:
        """Its loss."""
        return IMAGES if self.is_image else Translation()

    def network(
        self, device: str, dtype: torch.dtype = torch.float32, *, seed: int = 1
    ) -> nn.Module:
        """The network, with weights that depend on the seed alone."""
        built = build(
            self.name,
            width=self.width,
            input_shape=(3, self.size, self.size) if self.is_image else (),
            n_outputs=CLASSES if self.is_image else VOCABULARY,
            args=self.args,
            seed=seed,
        )
        return built.to(device, dtype)

    def samples(self, count: int, device: str, *, seed: int = 1) -> Samples:
        """Images whose class shows in their brightness, or sentences of random words."""
        draw = np.random.Generator(np.random.Philox(key=seed))
        if not self.is_image:
            source, target = (_sentences(draw, count, begins) for begins in (False, True))
            return Samples(source.to(device), target.to(device))
        labels = draw.integers(CLASSES, size=count)
        pixels = draw.integers(0, 156, (count, 3, self.size, self.size), dtype=np.uint8)
        pixels += (11 * labels).astype(np.uint8)[:, None, None, None]
        return Samples(torch.from_numpy(pixels).to(device), torch.from_numpy(labels).to(device))


def _sentences(draw: np.random.Generator, count: int, begins: bool) -> torch.Tensor:
    """(count, positions): [begin,] words, end, padding."""
    first = [BEGIN] if begins else []
    sentences = torch.full((count, LONGEST + 1 + len(first)), PADDING, dtype=torch.int64)
    for row in range(count):
        words = draw.integers(N_SPECIAL, VOCABULARY, size=draw.integers(2, LONGEST + 1))
        tokens = [*first, *words.tolist(), END]
        sentences[row, : len(tokens)] = torch.tensor(tokens)
    return sentences


TOY = (
    Subject("resnet18", 1, 8),
    Subject("vgg11", 1, args={"batch_norm": False}),
    Subject("transformer", 4, args={"n_layers": 1, "n_heads": 2}),
)
ALL = (
    Subject("resnet18", 2),
    Subject("resnet18", 8),
    Subject("vgg11", 4),
    Subject("vgg11", 4, args={"batch_norm": False}),
    Subject("transformer", 16),
)
