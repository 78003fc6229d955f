"""CKA: how alike the outputs of two networks are."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from landscape_catalog.tasks import Samples, Task

JACKKNIFE_GROUPS = 10


@dataclass(frozen=True)
class Similarity:
    """CKA over `n` samples and its standard error over them; `reason` says why it is NaN."""

    cka: float
    standard_error: float
    n: int
    reason: str | None = None


@torch.no_grad()
def network_features(
    network: nn.Module, data: Samples, task: Task, *, layer: str | None = None
) -> Tensor:
    """Features of each sample in eval mode, (samples, features), in float64 on the CPU.

    Args:
        network: left in eval mode.
        data: perturbed samples.
        task: how the network is called, and what its features are.
        layer: name of an inner module whose output is taken; None takes the task's own features.

    Raises:
        ValueError: if there is no such module, or it gives no single tensor.
    """
    network.eval()
    dtype = next(network.parameters()).dtype
    seen: list[Tensor] = []
    watched: AbstractContextManager[object] = nullcontext()
    if layer is not None:
        modules = dict(network.named_modules())
        if layer not in modules or not layer:
            raise ValueError(f"no module `{layer}`; there are {', '.join(filter(None, modules))}")
        watched = modules[layer].register_forward_hook(lambda _, __, output: seen.append(output))
    rows = []
    with watched:
        for start in range(0, len(data), task.evaluation_batch):
            batch = data[start : start + task.evaluation_batch]
            outputs = task.outputs(network, batch, dtype)
            if layer is None:
                rows.append(task.features(outputs, batch))
            else:
                rows.append(task.layer_features(_single(seen, layer), batch))
                seen.clear()
    return torch.cat(rows).to("cpu", torch.float64)


def _single(seen: list[Tensor], layer: str) -> Tensor:
    if not seen or not isinstance(seen[-1], Tensor):
        raise ValueError(f"module `{layer}` gives no tensor")
    return seen[-1]


def linear_cka(features: Tensor, others: Tensor) -> float:
    """Linear CKA of two sets of features of the same samples, between 0 and 1.

    s(F, F') = Cov(F, F') / sqrt(Cov(F, F) Cov(F', F')) with
    Cov(X, Y) = (m-1)^-2 tr(X X' H Y Y' H), computed as squared Frobenius norms of cross-products of
    centred features, tr(XX'HYY'H) = ||(HX)' HY||_F^2, or, where there are more features than
    samples, as inner products of Gram matrices, <HXX'H, HYY'H>. The biased form, as in the paper:
    on few samples, independent features do not read 0.

    Args:
        features: (m, d) in float64.
        others: (m, d').

    Returns:
        CKA, or NaN where the features of one network are constant or not finite.

    Raises:
        ValueError: if the two have different sample counts.

    Source: Kornblith et al. 2019; Yang et al. 2021, Eq. 3.

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0]], dtype=torch.float64)
    >>> round(linear_cka(x, 3 * x + 1), 12)
    1.0
    """
    if len(features) != len(others):
        raise ValueError(f"{len(features)} samples on one side, {len(others)} on the other")
    if any(bool((rows == rows[:1]).all()) for rows in (features, others)):
        return math.nan  # their mean may be a rounding off, and what is left would be compared
    one = features - features.mean(dim=0)
    other = others - others.mean(dim=0)
    if max(one.shape[1], other.shape[1]) > len(one):
        gram, other_gram = one @ one.T, other @ other.T
        cross = float((gram * other_gram).sum())
        norms = float(gram.square().sum()) * float(other_gram.square().sum())
    else:
        cross = float((one.T @ other).square().sum())
        norms = float((one.T @ one).square().sum()) * float((other.T @ other).square().sum())
    return cross / math.sqrt(norms) if norms > 0 else math.nan


def similarity(features: Tensor, others: Tensor) -> Similarity:
    """`linear_cka` with a delete-a-group jackknife standard error over the samples.

    The error assumes that samples are independent; it is that of the biased estimator at this
    sample count, and says nothing of how pairs of runs vary. NaN comes with its reason.

    Args:
        features: (m, d) in float64.
        others: (m, d').
    """
    n = len(features)
    value = linear_cka(features, others)
    if math.isnan(value):
        finite = bool(torch.isfinite(features).all() and torch.isfinite(others).all())
        reason = "the outputs of a network are constant" if finite else "outputs are not finite"
        return Similarity(math.nan, math.nan, n, reason)
    group = torch.arange(n) % JACKKNIFE_GROUPS
    left_out = torch.tensor(
        [linear_cka(features[group != g], others[group != g]) for g in range(JACKKNIFE_GROUPS)]
    )
    variance = (
        (JACKKNIFE_GROUPS - 1) / JACKKNIFE_GROUPS * (left_out - left_out.mean()).square().sum()
    )
    return Similarity(value, float(variance.sqrt()), n)
