"""Metrics on plain tensors: compared with dense computations, and without side effects."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape_catalog.api.curves import line_barrier, mode_connectivity
from landscape_catalog.api.networks import evaluate, hessian, spectral_density
from landscape_catalog.api.similarity import cka, l2_distance
from landscape_catalog.api.values import estimates
from landscape_catalog.tasks import Classification, Samples

Batch = tuple[Tensor, Tensor]


def network(seed: int, *, norm: bool = True) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Linear(3, 4), nn.BatchNorm1d(4) if norm else nn.Tanh(), nn.Tanh(), nn.Linear(4, 2)]
    return nn.Sequential(*layers)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(24, 3, generator=generator), torch.arange(24) % 2


def by_sample(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs, targets, reduction="none")


CALLS: dict[str, Callable[[nn.Module, nn.Module, Batch], Any]] = {
    "evaluate": lambda a, b, data: evaluate(a, F.cross_entropy, data),
    "hessian": lambda a, b, data: hessian(a, F.cross_entropy, data),
    "hessian in train mode": lambda a, b, data: hessian(a, F.cross_entropy, data, mode="train"),
    "density": lambda a, b, data: spectral_density(a, F.cross_entropy, data, steps=4),
    "curve": lambda a, b, data: mode_connectivity(
        a, b, F.cross_entropy, data, epochs=2, batch_size=8, points=3
    ),
    "random start": lambda a, b, data: mode_connectivity(
        a, b, F.cross_entropy, data, epochs=1, batch_size=8, points=3, init="random"
    ),
    "line": lambda a, b, data: line_barrier(a, b, F.cross_entropy, data, points=3, batch_size=8),
    "cka": lambda a, b, data: cka(a, b, data[0]),
    "layer": lambda a, b, data: cka(a, b, data[0], layer="1"),
    "distance": lambda a, b, data: l2_distance(a, b),
}


@pytest.fixture
def two_threads() -> Iterator[None]:
    former = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(former)


def settings() -> list[Any]:
    return [
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
    ]


def random_states() -> list[Any]:
    numpy_state = np.random.get_state()
    return [torch.get_rng_state().tolist(), str(numpy_state), random.getstate()]


def everything_of(network: nn.Module) -> list[Any]:
    values = {name: value.clone() for name, value in network.state_dict().items()}
    gradients = [None if p.grad is None else p.grad.tolist() for p in network.parameters()]
    modes = [module.training for module in network.modules()]
    hooks = [len(module._forward_hooks) for module in network.modules()]
    return [{n: v.tolist() for n, v in values.items()}, gradients, modes, hooks]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", CALLS)
def test_arguments_and_global_state_are_not_modified(name: str, batch: Batch) -> None:
    one, other = network(0), network(1).eval()
    F.cross_entropy(one(batch[0]), batch[1]).backward()
    before = [everything_of(one), everything_of(other), settings(), random_states()]
    inputs, targets = batch[0].clone(), batch[1].clone()
    CALLS[name](one, other, batch)
    assert [everything_of(one), everything_of(other), settings(), random_states()] == before
    assert torch.equal(inputs, batch[0])
    assert torch.equal(targets, batch[1])


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("name", CALLS)
def test_repeated_calls_are_bit_identical(name: str, batch: Batch) -> None:
    first = CALLS[name](network(0), network(1), batch)
    torch.manual_seed(99)
    with torch.no_grad():  # the caller's settings do not matter
        again = CALLS[name](network(0).eval(), network(1), batch)
    assert repr(again) == repr(first)


def test_networks_that_modify_their_inputs_in_place_get_a_copy(batch: Batch) -> None:
    greedy = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2))
    inputs = batch[0].clone()
    evaluate(greedy, F.cross_entropy, batch)
    cka(greedy, greedy, batch[0])
    assert torch.equal(inputs, batch[0])


def dense_hessian(model: nn.Module, batch: Batch) -> np.ndarray:
    """The Hessian by nested automatic differentiation in float64."""
    model = copy.deepcopy(model).double().eval()
    names = [name for name, _ in model.named_parameters()]
    shapes = [p.shape for p in model.parameters()]

    def loss(vector: Tensor) -> Tensor:
        pieces = vector.split([shape.numel() for shape in shapes])
        values = {n: piece.view(shape) for n, piece, shape in zip(names, pieces, shapes)}
        outputs = torch.func.functional_call(model, values, (batch[0].double(),))
        return F.cross_entropy(outputs, batch[1])

    start = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    return torch.autograd.functional.hessian(loss, start).numpy()


def test_the_hessian_agrees_with_nested_differentiation(batch: Batch) -> None:
    model = network(0)
    dense = dense_hessian(model, batch)
    eigenvalues = np.linalg.eigvalsh(dense)
    found = hessian(model, F.cross_entropy, batch)
    top = max(eigenvalues, key=abs)
    assert abs(found.top_eigenvalue - top) <= found.top_residual + 1e-5
    assert found.trace == pytest.approx(np.trace(dense), abs=6 * found.trace_standard_error + 1e-4)
    assert found.samples == 24


def test_the_density_integrates_to_1_and_has_the_mean_of_the_eigenvalues(batch: Batch) -> None:
    model = network(0)
    eigenvalues = np.linalg.eigvalsh(dense_hessian(model, batch))
    found = spectral_density(model, F.cross_entropy, batch, probes=40, steps=26)
    grid, density = np.array(found.eigenvalues), np.array(found.density)
    step = grid[1] - grid[0]
    assert (density * step).sum() == pytest.approx(1, abs=1e-3)
    mean_error = np.array(found.standard_error).sum() * step * abs(grid).max()
    assert (grid * density * step).sum() == pytest.approx(eigenvalues.mean(), abs=mean_error)


def test_a_mean_loss_and_losses_per_sample_give_the_same_results(batch: Batch) -> None:
    model, other = network(0), network(1)
    one, two = evaluate(model, F.cross_entropy, batch), evaluate(model, by_sample, batch)
    assert one.loss == pytest.approx(two.loss, rel=1e-6)
    assert one.loss_sd == pytest.approx(two.loss_sd, rel=1e-5)
    expected = by_sample(copy.deepcopy(model).eval()(batch[0]), batch[1])
    assert two.loss == pytest.approx(float(expected.detach().mean()), rel=1e-6)
    lines = [line_barrier(model, other, f, batch) for f in (F.cross_entropy, by_sample)]
    assert lines[0].barrier == pytest.approx(lines[1].barrier, rel=1e-4)


@pytest.mark.parametrize(
    "loss",
    [
        lambda outputs, targets: F.cross_entropy(outputs, targets, reduction="sum"),
        lambda outputs, targets: outputs,
        lambda outputs, targets: 0.5,
    ],
)
def test_a_loss_that_is_not_a_mean_over_samples_is_refused(
    loss: Callable[[Tensor, Tensor], Any], batch: Batch
) -> None:
    with pytest.raises(ValueError, match=r"mean"):
        evaluate(network(0), loss, batch)
    with pytest.raises(ValueError, match=r"mean"):
        hessian(network(0), loss, batch)


def test_empty_data_are_refused(batch: Batch) -> None:
    with pytest.raises(ValueError, match="no sample"):
        hessian(network(0), F.cross_entropy, (batch[0][:0], batch[1][:0]))


def test_a_convex_loss_has_no_barrier(batch: Batch) -> None:
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    straight = line_barrier(one, other, F.cross_entropy, batch)
    assert straight.barrier == 0
    found = mode_connectivity(one, other, F.cross_entropy, batch, epochs=40, lr=0.1)
    assert found.mode_connectivity > 0  # the curve dips below its endpoints, which are not minima
    assert found.unit == ""
    assert found.quantity == "loss"


def test_the_task_selects_the_quantity_of_connectivity(batch: Batch) -> None:
    found = line_barrier(network(0), network(1), Classification(), Samples(*batch), points=3)
    assert (found.unit, found.quantity) == ("%", "error")
    for point in found.points:
        assert point.train.n_wrong is not None
        assert point.train.error_value == pytest.approx(100 * point.train.n_wrong / 24)


def test_networks_of_different_shapes_are_refused(batch: Batch) -> None:
    wider = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 2))
    with pytest.raises(ValueError, match="shape"):
        line_barrier(network(0), wider, F.cross_entropy, batch)
    with pytest.raises(ValueError, match="shape"):
        l2_distance(network(0), wider)


def test_cka_of_networks_equals_that_of_their_outputs(batch: Batch) -> None:
    one, other = network(0).eval(), network(1).eval()
    with torch.no_grad():
        matrices = cka(one(batch[0]), other(batch[0]))
    assert cka(one, other, batch[0]).cka == pytest.approx(matrices.cka, rel=1e-6)
    with torch.no_grad():
        layer = cka(one[0](batch[0]), other[0](batch[0]))
    assert cka(one, other, batch[0], layer="0").cka == pytest.approx(layer.cka, rel=1e-6)


def test_cka_of_networks_needs_inputs() -> None:
    with pytest.raises(ValueError, match="inputs"):
        cka(network(0), network(1))


def test_estimates_have_the_errors_of_their_metric(batch: Batch) -> None:
    found = estimates(hessian(network(0), F.cross_entropy, batch))
    assert {name: item.kind for name, item in found.items()} == {
        "top_eigenvalue": "bound",
        "trace": "standard error",
    }
    fits = [
        mode_connectivity(
            network(0), network(1), F.cross_entropy, batch, epochs=1, batch_size=8, seed=seed
        )
        for seed in range(3)
    ]
    mean = estimates(*fits)["mode_connectivity"]
    values = [fit.mode_connectivity for fit in fits]
    assert mean.value == pytest.approx(np.mean(values))
    assert mean.error == pytest.approx(np.std(values, ddof=1) / 3**0.5)
    assert (mean.n, mean.n_unit) == (3, "fits")


def test_estimates_of_different_metrics_are_refused(batch: Batch) -> None:
    with pytest.raises(TypeError, match="one metric"):
        estimates()
    distance = l2_distance(network(0), network(1))
    with pytest.raises(TypeError, match="one metric"):
        estimates(distance, hessian(network(0), F.cross_entropy, batch))
