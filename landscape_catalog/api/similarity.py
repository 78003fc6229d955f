"""Similarity of two networks, on plain tensors: of their outputs and of their weights.

No function in this module modifies its networks or torch's settings and random state.
"""

from __future__ import annotations

import torch  # noqa: F401 (used in the doctests)
from torch import Tensor, nn

from landscape_catalog.api.arguments import checked
from landscape_catalog.api.tensors import (
    LossTask,
    check_network,
    check_trainable,
    samples_of,
    state_of,
)
from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.metrics.numerics.distance import l2_distance as _l2_distance
from landscape_catalog.metrics.numerics.features import network_features
from landscape_catalog.metrics.numerics.parameters import trainable_shapes
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.metrics.similarity.result import OutputSimilarity
from landscape_catalog.models.copying import copied
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.tasks import Samples


def cka(
    one: Tensor | nn.Module,
    other: Tensor | nn.Module,
    inputs: Tensor | None = None,
    *,
    layer: str | None = None,
) -> OutputSimilarity:
    """Linear CKA of two networks on the same samples, biased and debiased, with their errors.

    s = ||X' Y||_F^2 / (||X' X||_F ||Y' Y||_F) for centred features X and Y, between 0 and 1. The
    debiased form uses the unbiased estimator of HSIC; it is at most 1, and 0 on average for
    independent features.

    Args:
        one: features (n, d), or a network whose outputs are the features.
        other: features (n, d') of the same samples, or a network.
        inputs: inputs (n, ...) of the networks, which are called in eval mode; only for networks.
        layer: name of a submodule of the networks, to compare its outputs instead of theirs.

    Returns:
        `cka` and `debiased`, each with its delete-one jackknife standard error over the `n`
        samples; NaN with a `reason` if features are constant or not finite. Dimensionless.

    Raises:
        ValueError: if the numbers of samples differ, there are no samples, a network is given
            without inputs, inputs or a layer are given without a network, or there is no such
            layer.
        TypeError: if an argument is of another type, or the outputs are not a tensor.

    Source: Kornblith et al. 2019; Song et al. 2012; Yang et al. 2021, Eq. 3, which compares softmax
    outputs: `cka(one(x).softmax(1), other(x).softmax(1))`.

    CKA is invariant to scaling, shifts and rotations:

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [4.0, 4.0], [7.0, 1.0]])
    >>> found = cka(x, 3 * x.flip(1) + 1)
    >>> round(found.cka, 6), round(found.standard_error, 6)
    (1.0, 0.0)
    """
    checked("cka", layer=layer)
    for name, side in (("one", one), ("other", other)):
        if not isinstance(side, (Tensor, nn.Module)):
            given = type(side).__name__
            raise TypeError(f"{name}: got {given}; allowed: a tensor of features, or a network")
        if isinstance(side, nn.Module):
            check_network(**{name: side})
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        for name, value in (("inputs", inputs), ("layer", layer)):
            if value is not None:
                raise ValueError(f"{name}: allowed only with networks, got two tensors of features")
    samples = None if inputs is None else samples_of((inputs, inputs), "inputs")
    with reproducible():
        return similarity(*(_features(side, samples, layer) for side in (one, other)))


def _features(side: Tensor | nn.Module, samples: Samples | None, layer: str | None) -> Tensor:
    if isinstance(side, Tensor):
        return side
    if samples is None:
        raise ValueError("give the inputs on which the networks are compared")
    task = LossTask(lambda outputs, _: outputs)  # no loss is computed
    return network_features(copied(side), samples, task, layer=layer)


def l2_distance(one: nn.Module, other: nn.Module) -> WeightDistance:
    """L2 distance between the weights of two networks, ||theta - theta'||_2, summed in float64.

    Args:
        one: the network whose trainable parameters are compared.
        other: of the same architecture.

    Returns:
        The distance `l2`, the norms `norm` and `other_norm` of the two networks, and `relative`,
        the distance divided by the mean norm. Exact up to rounding; NaN with a `reason` if weights
        are not finite.

    Raises:
        ValueError: if the networks differ in shape, one lacks a parameter, or the first has no
            trainable parameters.
        TypeError: if an argument is not a network.

    >>> one, other = (torch.nn.Linear(2, 1, bias=False) for _ in range(2))
    >>> _ = torch.nn.init.zeros_(one.weight)
    >>> _ = other.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
    >>> l2_distance(one, other).l2
    5.0
    """
    check_network(one=one, other=other)
    check_trainable(one)
    with reproducible():
        return _l2_distance(state_of(one), state_of(other), list(trainable_shapes(one)))
