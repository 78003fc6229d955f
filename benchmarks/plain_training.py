"""A plain PyTorch loop of the kind that the authors used, as a baseline for training.

It does what the authors' released code does (nsfzyzz/loss_landscape_taxonomy, `train.py`), but is
not copied from it: one network at a time; a `DataLoader` that shuffles, drops the incomplete batch
and transforms one sample after the other, as torchvision's datasets do; SGD with momentum and
weight decay; running means of loss and error that are read after every step; torch's default number
of threads. Sentences are padded when a batch is put together. The networks are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms  # type: ignore[import-untyped]

from landscape_catalog.datasets.bpe import PADDING
from landscape_catalog.training import Recipe

Arrays = Mapping[str, np.ndarray]
Batch = tuple[Tensor, Tensor]


class Images(Dataset):
    """Images as arrays; each sample becomes a PIL image that is transformed, as in torchvision."""

    def __init__(self, arrays: Arrays) -> None:
        images = arrays["train_images"]  # (n, channels, height, width) of uint8
        self.images = images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)
        self.labels = arrays["train_labels"].tolist()
        mean, std = arrays["mean"].tolist(), arrays["std"].tolist()
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(mean, std)]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(np.ascontiguousarray(self.images[index]))
        return self.transform(image), self.labels[index]


class Pairs(Dataset):
    """Tokens of sentence pairs, without padding."""

    def __init__(self, arrays: Arrays) -> None:
        self.pairs = [
            tuple(torch.tensor(side[side != PADDING], dtype=torch.int64) for side in pair)
            for pair in zip(arrays["train_sources"], arrays["train_targets"])
        ]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return self.pairs[index]


def padded(pairs: list[tuple[Tensor, Tensor]]) -> Batch:
    """A batch of sentence pairs, (n, longest source) and (n, longest target)."""
    sources, targets = (
        pad_sequence(list(side), batch_first=True, padding_value=PADDING) for side in zip(*pairs)
    )
    return sources, targets


@dataclass(frozen=True)
class PlainEpoch:
    """Running means over an epoch in train mode, and the number of steps."""

    loss: float
    error: float
    steps: int


class PlainLoop:
    """Trains one network with a plain loop.

    Args:
        network: trained in place.
        arrays: prepared data, as the product stores them: images or sentence pairs.
        recipe: optimiser, learning rate, momentum, weight decay, batch size, label smoothing.
        device: of the network, to which each batch is copied.
        workers: processes that load the data; 0: this one.
    """

    def __init__(
        self,
        network: nn.Module,
        arrays: Arrays,
        recipe: Recipe,
        *,
        device: str = "cpu",
        workers: int = 0,
    ) -> None:
        self.network, self.recipe, self.device = network, recipe, device
        self.is_text = "train_sources" in arrays
        dataset: Dataset = Pairs(arrays) if self.is_text else Images(arrays)
        collate: Callable[..., Any] | None = padded if self.is_text else None
        self.loader = DataLoader(
            dataset, recipe.batch_size, shuffle=True, drop_last=True, collate_fn=collate,
            num_workers=workers, pin_memory=device != "cpu", persistent_workers=workers > 0,
        )  # fmt: skip
        self.evaluation_loader = DataLoader(dataset, 128, collate_fn=collate)
        self.criterion = nn.CrossEntropyLoss(
            ignore_index=PADDING if self.is_text else -100, label_smoothing=recipe.label_smoothing
        )
        self.optimizer = _optimizer(network, recipe)

    def epoch(self, steps: int | None = None) -> PlainEpoch:
        """Train for one epoch, or for its first steps."""
        self.network.train()
        loss_sum = wrong = 0.0
        units = done = 0
        for batch in islice(self.loader, steps):
            inputs, targets = (side.to(self.device) for side in batch)
            self.optimizer.zero_grad()
            outputs, expected = self._outputs(inputs, targets)
            loss = self.criterion(outputs, expected)
            n, correct = self._counted(outputs, expected)
            loss_sum += loss.item() * n
            wrong += n - correct
            units += n
            done += 1
            loss.backward()
            self.optimizer.step()
        return PlainEpoch(loss_sum / units, 100 * wrong / units, done)

    @torch.no_grad()
    def train_loss(self) -> float:
        """Mean cross-entropy over the training data in eval mode, without label smoothing."""
        self.network.eval()
        loss_sum, units = 0.0, 0
        for batch in self.evaluation_loader:
            inputs, targets = (side.to(self.device) for side in batch)
            outputs, expected = self._outputs(inputs, targets)
            n, _ = self._counted(outputs, expected)
            ignored = self.criterion.ignore_index
            loss_sum += F.cross_entropy(outputs, expected, ignore_index=ignored).item() * n
            units += n
        return loss_sum / units

    def _outputs(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, (units, classes), and the expected classes, (units,)."""
        if not self.is_text:
            return self.network(inputs), targets
        logits = self.network(inputs, targets[:, :-1])
        return logits.flatten(0, 1), targets[:, 1:].flatten()

    def _counted(self, outputs: Tensor, expected: Tensor) -> tuple[int, int]:
        """Number of samples (or of tokens other than padding) in a batch, and of correct ones."""
        correct = outputs.argmax(1).eq(expected)
        if not self.is_text:
            return len(expected), int(correct.sum().item())
        real = expected != PADDING
        return int(real.sum().item()), int((correct & real).sum().item())


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """torch's optimiser with its default implementation, as a plain loop would use it."""
    if recipe.optimizer == "adam":
        return torch.optim.Adam(
            network.parameters(),
            lr=recipe.lr,
            betas=(recipe.beta1, recipe.beta2),
            eps=recipe.epsilon,
            weight_decay=recipe.weight_decay,
        )
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
