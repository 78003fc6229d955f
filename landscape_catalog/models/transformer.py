"""An encoder-decoder transformer of any embedding dimension, for translation.

Attention is implemented with matrix products and a softmax, because torch's fused kernels cannot be
differentiated twice, which Hessian-vector products require.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.datasets.bpe import PADDING
from landscape_catalog.models.registry import NETWORKS
from landscape_catalog.models.sizes import require_positive

DECLARED = NETWORKS["transformer"]


class Attention(nn.Module):
    """Multi-head attention, softmax(Q Kᵀ / sqrt(d / heads)) V in each head (Vaswani et al. 2017).

    Q, K and V are linear functions of the queries' and the memory's vectors. The heads' results are
    concatenated and passed through a fourth linear layer. A query without any allowed key gets the
    zero vector.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, queries: Tensor, memory: Tensor, allowed: Tensor) -> Tensor:
        """(n, Q, d) attend to (n, K, d); `allowed` is bool, (n, 1, 1 or Q, K) -> (n, Q, d)."""
        query = self._heads(self.query(queries))  # (n, heads, Q, d / heads)
        key, value = self._heads(self.key(memory)), self._heads(self.value(memory))
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (n, heads, Q, K)
        # The smallest finite number, because minus infinity gives NaN if a whole row is masked.
        scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        weights = F.softmax(scores, dim=3).masked_fill(~allowed, 0.0)
        return self.output((weights @ value).transpose(1, 2).flatten(2))

    def _heads(self, vectors: Tensor) -> Tensor:
        """(n, positions, d) -> (n, heads, positions, d / heads)."""
        return vectors.unflatten(2, (self.n_heads, -1)).transpose(1, 2)


class Residual(nn.Module):
    """The residual connection of a sub-layer, norm(x + dropout(f(x))): post-norm, as originally."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, vectors: Tensor, update: Tensor) -> Tensor:
        """x and f(x), both (n, positions, d) -> (n, positions, d)."""
        return self.norm(vectors + self.dropout(update))


def _feed_forward(width: int, multiple: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, multiple * width), nn.ReLU(), nn.Linear(multiple * width, width)
    )


class EncoderLayer(nn.Module):
    """Self-attention over the source, then a feed-forward layer, each with a `Residual`."""

    def __init__(self, width: int, n_heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, n_heads)
        self.feed_forward = _feed_forward(width, feed_forward)
        self.after_attention = Residual(width, dropout)
        self.after_feed_forward = Residual(width, dropout)

    def forward(self, vectors: Tensor, allowed: Tensor) -> Tensor:
        """(n, S, d) -> (n, S, d)."""
        vectors = self.after_attention(vectors, self.attention(vectors, vectors, allowed))
        return self.after_feed_forward(vectors, self.feed_forward(vectors))


class DecoderLayer(nn.Module):
    """Causal self-attention, cross-attention to the encoded source, then a feed-forward layer."""

    def __init__(self, width: int, n_heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, n_heads)
        self.cross_attention = Attention(width, n_heads)
        self.feed_forward = _feed_forward(width, feed_forward)
        self.after_attention = Residual(width, dropout)
        self.after_cross_attention = Residual(width, dropout)
        self.after_feed_forward = Residual(width, dropout)

    def forward(
        self, vectors: Tensor, memory: Tensor, allowed: Tensor, allowed_memory: Tensor
    ) -> Tensor:
        """(n, T, d), with `memory` (n, S, d) -> (n, T, d)."""
        vectors = self.after_attention(vectors, self.attention(vectors, vectors, allowed))
        update = self.cross_attention(vectors, memory, allowed_memory)
        vectors = self.after_cross_attention(vectors, update)
        return self.after_feed_forward(vectors, self.feed_forward(vectors))


class Transformer(nn.Module):
    """Encoder and decoder with `n_layers` layers each, and a joint vocabulary for both languages.

    Implementations differ in the following choices:

    - *One embedding* is shared by source, target and, transposed, the output projection (without
      bias), as in Vaswani et al. 2017, section 3.4. (fairseq, on which Nakkiran et al. 2019 build,
      has three matrices in `transformer_iwslt_de_en` by default; its recipe for IWSLT ties target
      and output. A single matrix requires a joint vocabulary, as used here.)
    - *Post-norm*, as in Vaswani et al. and by default in fairseq: each sub-layer is
      norm(x + f(x)), without a further norm after the last layer.
    - Embeddings are scaled by sqrt(d) and initialised from normal(0, 1 / d); all other matrices
      have Xavier's uniform initialisation, and biases are zero.
    - Positional encodings are the sinusoids of Vaswani et al., so sentences may have any length.
    - Dropout, if any, is applied to the embedded sentences and to the output of each sub-layer.

    The token `PADDING` (0) is masked in all attention, so padded positions do not influence any
    other position.

    Args:
        width: d, the embedding dimension; a multiple of `n_heads`.
        vocabulary: number of tokens, including padding.
        n_layers: number of layers of the encoder, and of the decoder.
        n_heads: number of attention heads.
        feed_forward: width of the feed-forward layers in units of d.
        dropout: dropout probability in training.

    Source: Vaswani et al. 2017; Nakkiran et al. 2019 and Yang et al. 2021 (appendices B.2, D.4):
    six layers, eight heads, feed-forward 4d, no dropout. With these and a vocabulary of 8,000 it
    has 76,288 parameters at d = 8 and 48,234,496 at d = 512.
    """

    def __init__(
        self,
        *,
        width: int,
        vocabulary: int,
        n_layers: int,
        n_heads: int,
        feed_forward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        shape = (width, n_heads, feed_forward, dropout)
        self.embedding = nn.Embedding(vocabulary, width)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.ModuleList([EncoderLayer(*shape) for _ in range(n_layers)])
        self.decoder = nn.ModuleList([DecoderLayer(*shape) for _ in range(n_layers)])
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.embedding.weight, std=self.embedding.embedding_dim**-0.5)

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """(n, S) and (n, T) of int64 tokens -> logits (n, T, vocabulary).

        `targets` is the decoder's input. The logits at a position predict the next token, given the
        source and the target tokens up to that position.
        """
        allowed = (sources != PADDING)[:, None, None, :]  # (n, 1, 1, S)
        memory = self._embedded(sources)
        for encode in self.encoder:
            memory = encode(memory, allowed)
        length = targets.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=targets.device).tril()
        read = (targets != PADDING)[:, None, None, :] & causal  # (n, 1, T, T)
        vectors = self._embedded(targets)
        for decode in self.decoder:
            vectors = decode(vectors, memory, read, allowed)
        return F.linear(vectors, self.embedding.weight)

    def _embedded(self, tokens: Tensor) -> Tensor:
        """(n, positions) -> (n, positions, d)."""
        vectors = self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)
        return self.dropout(vectors + sinusoids(tokens.shape[1], like=vectors))


def sinusoids(length: int, *, like: Tensor) -> Tensor:
    """Positional encodings, (length, d): sin and cos of p / 10000^(2i / d), interleaved.

    d, dtype and device are those of `like`, (..., d). Source: Vaswani et al. 2017, section 3.5.
    """
    width = like.shape[-1]
    positions = torch.arange(length, dtype=like.dtype, device=like.device)
    exponents = torch.arange(0, width, 2, dtype=like.dtype, device=like.device) / width
    angles = positions[:, None] * 10_000.0**-exponents  # (length, ceil(d / 2))
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1)[:, :width]


def transformer(
    *,
    width: int,
    vocabulary: int,
    n_layers: int,
    n_heads: int,
    feed_forward: int,
    dropout: float,
) -> Transformer:
    """Build a `Transformer`.

    Raises:
        ValueError: for a width below one, a vocabulary below two, a width that is not a multiple
            of the number of heads, or any other argument outside the limits in `registry`.

    >>> sizes = {"n_layers": 6, "n_heads": 8, "feed_forward": 4, "dropout": 0.0}
    >>> sum(p.numel() for p in transformer(width=8, vocabulary=8_000, **sizes).parameters())
    76288
    """
    require_positive(width=width)
    if vocabulary < 2:
        raise ValueError(f"vocabulary must be at least 2, got {vocabulary}")
    args: dict[str, Any] = {
        "n_layers": n_layers,
        "n_heads": n_heads,
        "feed_forward": feed_forward,
        "dropout": dropout,
    }
    for name, spec in DECLARED.args.items():
        if not spec.admits(args[name]):
            raise ValueError(f"{name} must be {spec.allowed}, got {args[name]}")
    allowed = DECLARED.wrong_width(width, args)
    if allowed is not None:
        raise ValueError(f"width: allowed are {allowed}, got {width}")
    return Transformer(width=width, vocabulary=vocabulary, **args)
