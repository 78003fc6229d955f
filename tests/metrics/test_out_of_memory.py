"""A lack of memory is never taken for a network that a faster way does not support."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from landscape_catalog.graphs.batching import BatchingStrategy, stable_graph
from landscape_catalog.graphs.trace import trace_network
from landscape_catalog.metrics.connectivity import compute
from landscape_catalog.metrics.numerics.curves.gradients import (
    gradients_agree,
    supports_memory_format,
)
from landscape_catalog.metrics.numerics.curves.sweep import evaluate_all
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.tasks.task import Network

TASK = Classification((0.5,), (0.25,))
DATA = Samples(torch.zeros(16, 1, 8, 8, dtype=torch.uint8), torch.zeros(16, dtype=torch.int64))


class Short(Classification):
    """There is no memory to call a network."""

    error: Exception = RuntimeError("not set")

    def outputs(self, network: Network, samples: Samples, dtype: torch.dtype) -> Tensor:
        raise self.error

    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        raise self.error


class ShortOfLosses(Short):
    """Memory suffices for the outputs, but not for the losses."""

    def outputs(self, network: Network, samples: Samples, dtype: torch.dtype) -> Tensor:
        return Classification.outputs(self, network, samples, dtype)


def traced(task: Classification) -> object:
    return trace_network(network(), DATA, task)


def compared_gradients(task: Classification) -> object:
    graph = stable_graph(network(), DATA, TASK, 16)
    assert graph is not None
    return gradients_agree(network(), graph, DATA, task)


def tried_format(task: Classification) -> object:
    return supports_memory_format(network(), BatchingStrategy(1, channels_last=True), DATA, task)


def compared_evaluations(task: Classification) -> object:
    short = ShortOfLosses((0.5,), (0.25,))
    state = {name: value.detach() for name, value in network().named_parameters()}
    return evaluate_all(network(), [state], [DATA], short, batch_size=8, seed=0)


def network() -> torch.nn.Module:
    return build("resnet18", width=1, input_shape=(1, 8, 8), n_outputs=10).train()


@pytest.mark.parametrize("way", [traced, compared_gradients, tried_format, compared_evaluations])
def test_a_lack_of_memory_is_raised_where_other_errors_mean_a_slower_way(
    way: Callable[[Classification], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Short, "error", torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(torch.OutOfMemoryError):
        way(Short((0.5,), (0.25,)))
    monkeypatch.setattr(Short, "error", NotImplementedError("no kernel"))
    if way is compared_evaluations:  # the network itself fails next
        with pytest.raises(NotImplementedError):
            way(Short((0.5,), (0.25,)))
    else:
        assert not way(Short((0.5,), (0.25,)))


@pytest.mark.parametrize(
    ("error", "separately"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (ValueError("cannot be fitted side by side"), True),
        (KeyError("a mistake"), False),
    ],
)
def test_curves_without_memory_for_all_are_fitted_separately(
    error: Exception, separately: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(group: Any, place: int) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(compute, "_fit", fit)
    if separately:
        assert compute._fit_group([], 0) == {}
    else:
        with pytest.raises(KeyError):
            compute._fit_group([], 0)
