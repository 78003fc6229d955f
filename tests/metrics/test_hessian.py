"""Top eigenvalue and trace against the dense float64 Hessian of a tiny network."""

from __future__ import annotations

import gc
import math
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape_catalog.metrics import pyhessian_estimate
from landscape_catalog.metrics.parameters import flatten, unflatten
from landscape_catalog.tasks import Classification, Samples


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)
    ).double()


def dense_hessian(net: nn.Module, data: Samples, task: Classification) -> Tensor:
    """By double autograd over the flat vector: independent of Hessian-vector products."""
    net.eval()
    shapes = {name: value.shape for name, value in net.named_parameters()}
    x = task.inputs(data.inputs, torch.float64)

    def loss(vector: Tensor) -> Tensor:
        return task.loss(functional_call(net, unflatten(vector, shapes), (x,)), data)

    return torch.autograd.functional.hessian(loss, flatten(net.state_dict(), shapes))


def test_against_the_dense_hessian(task: Classification, tiny_data: Samples) -> None:
    net = network()
    dense = dense_hessian(net, tiny_data, task)
    values = torch.linalg.eigvalsh(dense)
    top = float(values[values.abs().argmax()])
    estimate = pyhessian_estimate(
        net, tiny_data, task, max_iterations=4000, tolerance=1e-14, seed=0
    )
    assert estimate.top_eigenvalue == pytest.approx(top, rel=1e-3)
    nearest = float((values - estimate.top_eigenvalue).abs().min())
    assert nearest <= estimate.top_residual + 1e-9


def test_the_trace_and_its_spread(task: Classification, tiny_data: Samples) -> None:
    """E[v'Hv] = tr H and Var(v'Hv) = 2 (||H||_F^2 - sum H_ii^2) for random signs v.

    On a positive semi-definite Hessian, where PyHessian's stopping rule means what it says.
    """
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).double()
    dense = dense_hessian(net, tiny_data, task)
    estimate = pyhessian_estimate(
        net, tiny_data, task, max_iterations=3000, tolerance=1e-14, seed=1
    )
    error = estimate.trace_sd / math.sqrt(estimate.trace_n)
    assert abs(estimate.trace - float(dense.trace())) < 4 * error
    assert error < 0.02 * float(dense.trace()), "too few probes for this test to mean anything"
    expected = 2 * float(dense.square().sum() - dense.diag().square().sum())
    assert estimate.trace_n > 1000
    assert estimate.trace_sd**2 == pytest.approx(expected, rel=0.2)


def test_it_leaves_no_trace_behind(task: Classification, tiny_data: Samples) -> None:
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pyhessian_estimate(net, tiny_data, task, max_iterations=5, seed=0)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(state, torch.random.get_rng_state())
    gc.collect()


def test_counts_and_convergence(task: Classification, tiny_data: Samples) -> None:
    short = pyhessian_estimate(
        network(), tiny_data, task, max_iterations=3, tolerance=1e-12, seed=1
    )
    assert (short.top_products, short.trace_n) == (3, 3)
    assert not short.top_converged
    assert not short.trace_converged
    long = pyhessian_estimate(
        network(), tiny_data, task, max_iterations=500, tolerance=1e-2, seed=0
    )
    assert long.top_converged
    assert 1 < long.top_products < 500


def test_a_seed_is_a_seed(task: Classification, tiny_data: Samples) -> None:
    one, same, other = (
        pyhessian_estimate(network(), tiny_data, task, max_iterations=4, seed=seed)
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one.trace != other.trace
