"""Translation: pairs of sentences as tokens, padding masked, the mean over tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from landscape_catalog.models.transformer import PADDING
from landscape_catalog.tasks.samples import Samples
from landscape_catalog.tasks.task import Network, Perturbation, Task

FIRST_WORD = 4  # tokens below are padding, begin, end and unknown


@dataclass(frozen=True)
class Translation(Task):
    """Cross-entropy of each target token given the source and the target tokens before it.

    A target is (begin, w1, ..., wn, end, padding ...): the decoder reads all but the last token and
    is asked for all but the first. Units are target tokens without padding, so that a batch's loss
    is the mean a token, whatever the sentences' lengths; the error is the share of tokens wrong,
    in percent. Mode connectivity is of the loss (Yang et al. 2021, section 2).
    """

    connectivity_by: Literal["error", "loss"] = "loss"
    has_classes = True
    evaluation_batch: int = 100  # logits of a sentence: some 50 positions times the vocabulary

    def outputs(self, network: Network, samples: Samples, dtype: torch.dtype) -> Tensor:
        """Logits, (samples, longest target - 1, vocabulary)."""
        source, target = _sides(samples)
        return network(source, target[:, :-1])

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        """Cross-entropy of each target token in nats, (tokens,)."""
        words = _trimmed(samples.targets)[:, 1:]
        real = words != PADDING
        return F.cross_entropy(
            outputs[real], words[real], reduction="none", label_smoothing=label_smoothing
        )

    def errors(self, outputs: Tensor, samples: Samples) -> Tensor:
        """Whether each target token is not the likeliest, (tokens,) of bool; NaN is an error."""
        words = _trimmed(samples.targets)[:, 1:]
        real = words != PADDING
        chosen = outputs[real]
        return (chosen.argmax(dim=1) != words[real]) | torch.isnan(chosen).any(dim=1)

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The softmax at one target position of each sentence, (samples, vocabulary).

        One position a sentence, drawn uniformly in `perturb`, so that rows are independent.
        """
        return F.softmax(_at(outputs, samples), dim=1)

    def layer_features(self, activations: Tensor, samples: Samples) -> Tensor:
        """An inner layer at the same positions, or, of the encoder, its mean over the source."""
        source, target = _sides(samples)
        if activations.ndim == 3 and activations.shape[1] == target.shape[1] - 1:
            return _at(activations, samples)
        if activations.ndim == 3 and activations.shape[1] == source.shape[1]:
            real = (source != PADDING).unsqueeze(2)
            return (activations * real).sum(1) / real.sum(1)
        raise ValueError(f"an output of shape {tuple(activations.shape)} is of no position")

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        """Sentences in which a share of the tokens is replaced by others of the training set.

        Tokens cannot be mixed, so this replaces mixup: each word token of the source
        and of what the decoder reads is replaced with probability `rate` by a word token drawn by
        its frequency in the training set.

        Raises:
            ValueError: for a perturbation of another kind.
        """
        if perturbation.kind != "token_noise":
            raise ValueError(f"{perturbation.kind} has no meaning for tokens")
        generator = np.random.Generator(np.random.Philox(key=seed))
        rows = generator.integers(len(samples), size=perturbation.samples)
        parts = []
        for tokens in (samples.inputs, samples.targets):
            every = tokens.cpu().numpy()
            words = every[every >= FIRST_WORD]
            chosen = every[rows]
            replaced = (generator.random(chosen.shape) < perturbation.rate) & (chosen >= FIRST_WORD)
            others = words[generator.integers(len(words), size=chosen.shape)]
            parts.append(torch.from_numpy(np.where(replaced, others, chosen)).to(tokens.device))
        lengths = (parts[1] != PADDING).sum(1).cpu().numpy() - 1  # positions that are asked for
        positions = np.floor(generator.random(len(rows)) * lengths).astype(np.int64)
        source, target = parts
        return Samples(source, target, torch.from_numpy(positions).to(samples.inputs.device))


def _sides(samples: Samples) -> tuple[Tensor, Tensor]:
    """Source and target tokens, trimmed.

    Inner layers of encoder and decoder are told apart by their length. So where CKA looks at them,
    a source as long as what the decoder reads gets one more column of padding.
    """
    source, target = _trimmed(samples.inputs), _trimmed(samples.targets)
    if samples.positions is not None and source.shape[1] == target.shape[1] - 1:
        source = F.pad(source, (0, 1), value=PADDING)
    return source, target


def _trimmed(tokens: Tensor) -> Tensor:
    """Tokens without the columns that are padding in every sentence; int64, as embeddings want."""
    longest = int((tokens != PADDING).sum(1).max())
    return tokens[:, :longest].to(torch.int64)


def _at(values: Tensor, samples: Samples) -> Tensor:
    """(samples, positions, d) -> (samples, d) at each sample's own position."""
    if samples.positions is None:
        raise ValueError("samples without positions: features are of perturbed sentences")
    return values[torch.arange(len(samples), device=values.device), samples.positions]
