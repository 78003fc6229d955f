"""PyHessian's top eigenvalue and trace against the dense float64 Hessian of tiny networks."""

from __future__ import annotations

import gc
import math
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from landscape_catalog.metrics.hessian.result import HessianEstimate
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.metrics.numerics.parameters import flatten, unflatten
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples, Translation
from landscape_catalog.training import Recipe, train
from tests.metrics.hessians import Bowl, dense_hessian, network


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

    The Hessian is positive semi-definite, so that PyHessian's stopping rule works as intended.
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


def test_translation_against_the_dense_hessian() -> None:
    """With respect to a transformer's trainable parameters, for the mean loss per token."""
    sentences = Samples(
        torch.tensor([[4, 5, 6, 2], [5, 2, 0, 0], [6, 6, 2, 0]]),
        torch.tensor([[1, 7, 8, 2, 0], [1, 9, 2, 0, 0], [1, 8, 8, 7, 2]]),
    )
    args = {"n_layers": 1, "n_heads": 2, "feed_forward": 1}
    net = build("transformer", width=4, input_shape=(), n_outputs=10, args=args, seed=1).double()
    # At a minimum, because PyHessian stops immediately if a running mean of the trace is negative.
    recipe = Recipe(batch_size=3, optimizer="adam", lr=0.03, stopping="updates", updates=60)
    train(net, sentences, Translation(), recipe, seed=0)
    net.eval()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.startswith(("embedding", "encoder.0.attention.value")))
    shapes = {name: value.shape for name, value in net.named_parameters() if value.requires_grad}

    def loss(vector: Tensor) -> Tensor:
        """The mean of -log p over the nine tokens, sentence by sentence."""
        total = torch.zeros((), dtype=torch.float64)
        for source, target in zip(sentences.inputs, sentences.targets):
            read, said = source[source > 0][None], target[target > 0][None]
            logits = functional_call(net, unflatten(vector, shapes), (read, said[:, :-1]))[0]
            total = total - logits.log_softmax(1)[torch.arange(len(logits)), said[0, 1:]].sum()
        return total / 9

    dense = torch.autograd.functional.hessian(loss, flatten(net.state_dict(), shapes))
    assert len(dense) == 60
    values = torch.linalg.eigvalsh(dense)
    top = float(values[values.abs().argmax()])
    estimate = pyhessian_estimate(
        net, sentences, Translation(), max_iterations=150, tolerance=1e-9, seed=0
    )
    assert estimate.top_eigenvalue == pytest.approx(top, rel=1e-3)
    assert estimate.top_residual < 0.05 * abs(top)
    error = estimate.trace_sd / math.sqrt(estimate.trace_n)
    assert estimate.trace_n == 150
    assert abs(estimate.trace - float(dense.trace())) < 4 * error
    expected = 2 * float(dense.square().sum() - dense.diag().square().sum())
    assert estimate.trace_sd**2 == pytest.approx(expected, rel=0.4)


def bowl(curvature: Tensor, **options: float) -> HessianEstimate:
    net = nn.Linear(len(curvature), 1, bias=False).double()
    data = Samples(torch.zeros(5, 1), torch.zeros(5))
    return pyhessian_estimate(net, data, Bowl(curvature), seed=0, **options)  # type: ignore[arg-type]


def test_a_custom_task() -> None:
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    values = torch.tensor([9.0, 4.0, 2.0, 1.0, 0.5, 0.0], dtype=torch.float64)
    curvature = rotation @ values.diag() @ rotation.T
    found = bowl(curvature, max_iterations=500, tolerance=1e-13)
    assert found.top_eigenvalue == pytest.approx(9, rel=1e-5)
    assert found.top_residual < 1e-4
    assert found.top_converged
    assert abs(found.trace - 16.5) < 4 * found.trace_sd / math.sqrt(found.trace_n)


def test_the_top_eigenvalue_may_be_negative() -> None:
    """For a diagonal Hessian every probe is the exact trace; it stops early if this is negative."""
    found = bowl(torch.tensor([-8.0, 3.0, 1.0], dtype=torch.float64).diag(), max_iterations=300)
    assert found.top_eigenvalue == pytest.approx(-8, rel=1e-3)
    assert found.trace == pytest.approx(-4)
    assert found.trace_sd == pytest.approx(0, abs=1e-12)
    assert (found.trace_n, found.trace_converged) == (2, False)
    upwards = bowl(torch.tensor([8.0, 3.0, 1.0], dtype=torch.float64).diag(), max_iterations=300)
    assert upwards.trace == pytest.approx(12)
    assert (upwards.trace_n, upwards.trace_converged) == (2, True)


class Idle(nn.Linear):
    """Has parameters on which the loss does not depend, or only linearly."""

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs, 1, bias=False)
        self.after = nn.Parameter(torch.ones(7))
        self.slope = nn.Parameter(torch.ones(()))


class Tilted(Bowl):
    def losses(self, outputs: Tensor, samples: Samples, *, label_smoothing: float = 0.0) -> Tensor:
        return super().losses(outputs, samples) + self.network.slope

    def outputs(self, network: nn.Module, samples: Samples, dtype: torch.dtype) -> Tensor:
        self.network = network[-1]
        return super().outputs(self.network, samples, dtype)


def test_parameters_without_curvature_count_as_zero() -> None:
    net = nn.Sequential(nn.Linear(2, 2), Idle(3)).double()  # the first layer is not used at all
    data = Samples(torch.zeros(5, 1), torch.zeros(5))
    curvature = torch.tensor([8.0, 3.0, 1.0], dtype=torch.float64).diag()
    found = pyhessian_estimate(
        net, data, Tilted(curvature), max_iterations=300, tolerance=1e-9, seed=0
    )
    assert found.top_eigenvalue == pytest.approx(8, rel=1e-3)
    assert 1 < found.top_products < 100
    assert found.trace == pytest.approx(12)
    assert found.trace_sd == pytest.approx(0, abs=1e-12)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_estimation_has_no_side_effects(task: Classification, tiny_data: Samples) -> None:
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


def test_estimates_depend_only_on_the_seed(task: Classification, tiny_data: Samples) -> None:
    one, same, other = (
        pyhessian_estimate(network(), tiny_data, task, max_iterations=4, seed=seed)
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one.trace != other.trace
