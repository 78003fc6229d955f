"""Our metrics on the networks that the paper authors' code trained and measured.

The files are for developers; the tests skip where they are absent.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from landscape_catalog.metrics import (
    HessianRecipe,
    evaluate,
    hessian_estimate,
    l2_distance,
    linear_cka,
    pyhessian_estimate,
    recompute_batchnorm,
)
from landscape_catalog.metrics.hessian import BatchHessian
from landscape_catalog.models import resnet18
from landscape_catalog.tasks import Classification, Samples
from tests.conftest import SHARED

FOLDER = SHARED / "golden"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the authors' networks are not here")


class Normalised(Classification):
    """Inputs that are normalised already."""

    def inputs(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        return images.to(dtype)


TASK = Normalised((0.0,), (1.0,))


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(FOLDER / "authors_code.safetensors")


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    return json.loads((FOLDER / "authors_code.json").read_text())


def network(tensors: dict[str, Tensor], index: int) -> nn.Module:
    prefix = f"network{index}."
    state = {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    net = resnet18(width=8)
    net.load_state_dict(state)
    return net.eval()


def test_a_product_with_the_hessian(tensors: dict[str, Tensor]) -> None:
    batch = Samples(tensors["hessian_inputs"], tensors["hessian_labels"])
    theirs = tensors["probe_Hv"].flatten()
    ours = BatchHessian(network(tensors, 0), batch, TASK)(tensors["probe_v"].flatten())
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-4


def test_hessian(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Also against 328.927, the trace of the Gauss-Newton matrix, which a ReLU network's trace is.

    It is exact: a sum over all samples and classes (tests/metrics/test_hessian.py has the proof on
    a small network).
    """
    golden = numbers["hessian_network0"]
    batch = Samples(tensors["hessian_inputs"], tensors["hessian_labels"])
    found = hessian_estimate(network(tensors, 0), batch, TASK, HessianRecipe(), seed=(0, 1))
    converged = golden["top_eigenvalue_converged_f64"]
    assert found.top_eigenvalue == pytest.approx(converged, rel=1e-5)
    assert abs(found.top_eigenvalue - converged) <= found.top_residual
    error = found.trace_sd / found.trace_n**0.5
    combined = (error**2 + golden["trace_300_se"] ** 2) ** 0.5
    assert abs(found.trace - golden["trace_300"]) < 3 * combined
    assert abs(found.trace - 328.927) < 3 * error
    assert error < 0.025 * found.trace


def test_pyhessian(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    golden = numbers["hessian_network0"]
    estimate = pyhessian_estimate(
        network(tensors, 0),
        Samples(tensors["hessian_inputs"], tensors["hessian_labels"]),
        TASK,
        max_iterations=20,
        seed=0,
    )
    converged = golden["top_eigenvalue_converged_f64"]
    assert estimate.top_eigenvalue == pytest.approx(converged, rel=0.01)
    combined = (estimate.trace_sd**2 / estimate.trace_n + golden["trace_300_se"] ** 2) ** 0.5
    assert abs(estimate.trace - golden["trace_300"]) < 4 * combined


def test_similarity(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    with torch.no_grad():
        logits = [network(tensors, i)(tensors["mixup_inputs"]).double() for i in (0, 1)]
    assert linear_cka(*logits) == pytest.approx(numbers["cka_logits"], abs=1e-4)
    softmax = [rows.softmax(1) for rows in logits]
    assert linear_cka(*softmax) == pytest.approx(numbers["cka_softmax"], abs=1e-4)


def test_distance(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    one, other = network(tensors, 0), network(tensors, 1)
    names = [name for name, _ in one.named_parameters()]
    found = l2_distance(one.state_dict(), other.state_dict(), names)
    assert found.n == numbers["n_params"]
    assert found.l2 == pytest.approx(numbers["l2_distance"], rel=1e-5)
    assert [found.norm, found.other_norm] == pytest.approx(numbers["param_norms"], rel=1e-5)


def test_the_middle_of_their_curve(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Training error at t = 0.5, statistics recomputed; other shuffles move theirs by 0.06."""
    cifar = Classification((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    with np.load(SHARED / "data" / "cifar10" / "batch_1.npz") as batch:
        images = torch.from_numpy(batch["images"][:5000])
        labels = torch.from_numpy(batch["labels"][:5000].astype(np.int64))
    one, other, net = network(tensors, 0), network(tensors, 1), network(tensors, 0)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            ends = one.state_dict()[name] + other.state_dict()[name]
            parameter.copy_(0.25 * ends + 0.5 * tensors[f"midpoint.{name}"])
    data = Samples(images, labels)
    recompute_batchnorm(net, data, cifar, batch_size=128, seed=0)
    measured = evaluate(net, data, cifar)
    assert measured.error == pytest.approx(numbers["curve"]["train_error_pct"][2], abs=0.1)
    assert measured.loss == pytest.approx(numbers["curve"]["train_nll"][2], rel=2e-3)
