"""Translation of tokenised sentences, with masked padding and means over tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from landscape_catalog.datasets.bpe import N_SPECIAL, PADDING
from landscape_catalog.tasks.samples import Samples
from landscape_catalog.tasks.task import Network, Perturbation, Task


@dataclass(frozen=True)
class Translation(Task):
    """Cross-entropy of each target token given the source and the preceding target tokens.

    A target is (begin, w1, ..., wn, end, padding ...): the decoder reads all tokens but the last
    and predicts all but the first. Units are target tokens without padding, so a batch's loss is
    the mean over tokens, whatever the lengths of the sentences; the error is the percentage of
    wrong tokens. Mode connectivity uses the loss (Yang et al. 2021, section 2).
    """

    connectivity_by: Literal["error", "loss"] = "loss"
    has_classes = True
    evaluation_batch: int = 100  # a sentence has logits of about 50 positions times the vocabulary

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
        """Whether each target token is mispredicted, (tokens,) of bool; NaN counts as an error."""
        words = _trimmed(samples.targets)[:, 1:]
        real = words != PADDING
        logits = outputs[real]
        return (logits.argmax(dim=1) != words[real]) | torch.isnan(logits).any(dim=1)

    def features(self, outputs: Tensor, samples: Samples) -> Tensor:
        """The softmax at one target position of each sentence, (samples, vocabulary).

        `perturb` draws one position per sentence uniformly, so that rows are independent.
        """
        return F.softmax(_at(outputs, samples), dim=1)

    def layer_features(self, activations: Tensor, samples: Samples) -> Tensor:
        """A decoder layer at the same positions, or an encoder layer's mean over the source."""
        source, target = _sides(samples)
        if activations.ndim == 3 and activations.shape[1] == target.shape[1] - 1:
            return _at(activations, samples)
        if activations.ndim == 3 and activations.shape[1] == source.shape[1]:
            real = (source != PADDING).unsqueeze(2)
            return (activations * real).sum(1) / real.sum(1)
        raise ValueError(f"an output of shape {tuple(activations.shape)} has no token positions")

    def perturb(self, samples: Samples, perturbation: Perturbation, *, seed: int) -> Samples:
        """Sentences in which some tokens are replaced by other tokens of the training set.

        Tokens cannot be mixed, so this is used instead of mixup: each word token of the source and
        of the decoder's input is replaced with probability `rate` by a word token drawn according
        to its frequency in the training set.

        Raises:
            ValueError: for another kind of perturbation.
        """
        if perturbation.kind != "token_noise":
            raise ValueError(f"{perturbation.kind} is not defined for tokens")
        generator = np.random.Generator(np.random.Philox(key=seed))
        rows = generator.integers(len(samples), size=perturbation.samples)
        parts = []
        for tokens in (samples.inputs, samples.targets):
            corpus = tokens.cpu().numpy()
            words = corpus[corpus >= N_SPECIAL]
            chosen = corpus[rows]
            replaced = (generator.random(chosen.shape) < perturbation.rate) & (chosen >= N_SPECIAL)
            others = words[generator.integers(len(words), size=chosen.shape)]
            parts.append(torch.from_numpy(np.where(replaced, others, chosen)).to(tokens.device))
        lengths = (parts[1] != PADDING).sum(1).cpu().numpy() - 1  # predicted positions
        positions = np.floor(generator.random(len(rows)) * lengths).astype(np.int64)
        source, target = parts
        return Samples(source, target, torch.from_numpy(positions).to(samples.inputs.device))


def _sides(samples: Samples) -> tuple[Tensor, Tensor]:
    """Source and target tokens, trimmed.

    `layer_features` distinguishes encoder and decoder layers by the length of their output. So for
    CKA, a source as long as the decoder's input gets an additional column of padding.
    """
    source, target = _trimmed(samples.inputs), _trimmed(samples.targets)
    if samples.positions is not None and source.shape[1] == target.shape[1] - 1:
        source = F.pad(source, (0, 1), value=PADDING)
    return source, target


def _trimmed(tokens: Tensor) -> Tensor:
    """Tokens without the columns that are padding in all sentences; int64, for embeddings."""
    longest = int((tokens != PADDING).sum(1).max())
    return tokens[:, :longest].to(torch.int64)


def _at(values: Tensor, samples: Samples) -> Tensor:
    """(samples, positions, d) -> (samples, d) at each sample's position."""
    if samples.positions is None:
        raise ValueError("samples without positions: features need perturbed sentences")
    return values[torch.arange(len(samples), device=values.device), samples.positions]
