"""How alike two networks of yours are, on plain tensors: in their outputs and in their weights."""

from __future__ import annotations

import torch  # noqa: F401 (used in the doctests)
from torch import Tensor, nn

from landscape_catalog.api.tensors import LossTask, copied, samples_of, state_of
from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.metrics.numerics.distance import l2_distance as _l2_distance
from landscape_catalog.metrics.numerics.features import network_features
from landscape_catalog.metrics.numerics.parameters import trainable_shapes
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.metrics.similarity.spec import OutputSimilarity
from landscape_catalog.runner.settings import reproducible


def cka(
    one: Tensor | nn.Module,
    other: Tensor | nn.Module,
    inputs: Tensor | None = None,
    *,
    layer: str | None = None,
) -> OutputSimilarity:
    """Linear CKA of two networks on the same samples, biased and debiased, with their errors.

    s = ||X' Y||_F^2 / (||X' X||_F ||Y' Y||_F) of centred features X and Y, between 0 and 1; the
    debiased form takes the unbiased estimator of HSIC instead, is at most 1, and reads 0 for
    independent features.

    Networks, their modes, and torch's settings and random state stay as they are.

    Args:
        one: features (n, d), or a network whose outputs are the features.
        other: features (n, d') of the same samples, or a network.
        inputs: (n, ...) that the networks are called on, in eval mode; only with networks.
        layer: name of an inner module of the networks whose output is compared instead.

    Returns:
        `cka` and `debiased`, each with its delete-one jackknife standard error over the `n`
        samples; NaN with a `reason` where features are constant or not finite. No unit.

    Raises:
        ValueError: if the sample counts differ, there is no sample, networks come without inputs,
            or there is no such layer.

    Source: Kornblith et al. 2019; Song et al. 2012; Yang et al. 2021, Eq. 3, which compares softmax
    outputs: `cka(one(x).softmax(1), other(x).softmax(1))`.

    CKA sees no scale, shift or rotation:

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [4.0, 4.0], [7.0, 1.0]])
    >>> found = cka(x, 3 * x.flip(1) + 1)
    >>> round(found.cka, 6), round(found.standard_error, 6)
    (1.0, 0.0)
    """
    with reproducible():
        return similarity(*(_features(side, inputs, layer) for side in (one, other)))


def _features(side: Tensor | nn.Module, inputs: Tensor | None, layer: str | None) -> Tensor:
    if isinstance(side, Tensor):
        return side
    if inputs is None:
        raise ValueError("give the inputs on which the networks are compared")
    task = LossTask(lambda outputs, _: outputs)  # no loss is computed
    return network_features(copied(side), samples_of((inputs, inputs)), task, layer=layer)


def l2_distance(one: nn.Module, other: nn.Module) -> WeightDistance:
    """L2 distance of the weights of two networks, ||theta - theta'||_2, summed in float64.

    Args:
        one: its trainable parameters are compared.
        other: has the same.

    Returns:
        `l2`, the `norm` of the one and the `other_norm` of the other, and `relative`, the distance
        as a share of the mean norm. Exact but for rounding; NaN with a `reason` where weights are
        not finite.

    Raises:
        ValueError: if the networks differ in shape, or one lacks a parameter.

    >>> one, other = (torch.nn.Linear(2, 1, bias=False) for _ in range(2))
    >>> _ = torch.nn.init.zeros_(one.weight)
    >>> _ = other.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
    >>> l2_distance(one, other).l2
    5.0
    """
    with reproducible():
        return _l2_distance(state_of(one), state_of(other), list(trainable_shapes(one)))
