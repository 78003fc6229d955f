"""The metrics on networks that the paper's authors' code trained and measured.

The files are available to developers only; without them the tests are skipped.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from landscape_catalog.metrics.numerics.cka import linear_cka
from landscape_catalog.metrics.numerics.curves.bezier import Curve
from landscape_catalog.metrics.numerics.curves.connectivity import mode_connectivity
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.distance import l2_distance
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe, hessian_estimate
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.metrics.numerics.parameters import flatten
from landscape_catalog.models.resnet import resnet18
from landscape_catalog.tasks import Classification, Samples
from tests.conftest import SHARED
from tests.thorough import either

FOLDER = SHARED / "golden"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the authors' networks are missing")


class Normalised(Classification):
    """Takes inputs that are already normalised."""

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


def test_hessian_vector_product(tensors: dict[str, Tensor]) -> None:
    batch = Samples(tensors["hessian_inputs"], tensors["hessian_labels"])
    theirs = tensors["probe_Hv"].flatten()
    ours = BatchHessian(network(tensors, 0), batch, TASK)(tensors["probe_v"].flatten())
    assert float((ours - theirs).norm() / theirs.norm()) < 1e-4


@pytest.mark.slow
def test_hessian(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Also against 328.927, the trace of the Gauss-Newton matrix, which equals a ReLU network's.

    It is exact, a sum over all samples and classes (tests/metrics/test_hessian.py verifies this on
    a small network).
    """
    golden = numbers["hessian_network0"]
    batch = Samples(tensors["hessian_inputs"], tensors["hessian_labels"])
    recipe = either(HessianRecipe(max_iterations=12), HessianRecipe())
    found = hessian_estimate(network(tensors, 0), batch, TASK, recipe, seed=(0, 1))
    converged = golden["top_eigenvalue_converged_f64"]
    assert found.top_eigenvalue == pytest.approx(converged, rel=1e-5)
    assert abs(found.top_eigenvalue - converged) <= found.top_residual
    error = found.trace_sd / found.trace_n**0.5
    combined = (error**2 + golden["trace_300_se"] ** 2) ** 0.5
    assert abs(found.trace - golden["trace_300"]) < 3 * combined
    assert abs(found.trace - 328.927) < 3 * error
    assert error < either(0.04, recipe.trace_tolerance) * found.trace


@pytest.mark.slow
def test_pyhessian(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    golden = numbers["hessian_network0"]
    estimate = pyhessian_estimate(
        network(tensors, 0),
        Samples(tensors["hessian_inputs"], tensors["hessian_labels"]),
        TASK,
        max_iterations=either(12, 20),
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


def cifar(name: str, count: int) -> Samples:
    """The first images of a batch."""
    with np.load(SHARED / "data" / "cifar10" / f"{name}.npz") as batch:
        images = torch.from_numpy(batch["images"][:count])
        return Samples(images, torch.from_numpy(batch["labels"][:count].astype(np.int64)))


CIFAR = Classification((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


@pytest.mark.parametrize("index", [0, 1])
def test_loss_and_error(index: int, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Equal error counts on the first 5,000 training images and on 1,000 test images."""
    for side, name, count in (("train", "batch_1", 5000), ("test", "batch_5", 1000)):
        theirs = numbers[f"{side}_network{index}"]
        found = evaluate(network(tensors, index), cifar(name, count), CIFAR)
        assert found.n_wrong == round(count * (100 - theirs["accuracy"]) / 100)
        assert found.loss == pytest.approx(theirs["nll"], abs=1e-5)


@pytest.mark.slow
def test_the_authors_curve(tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    """Errors at each t with recomputed statistics; other shuffles change theirs by 0.06."""
    data = [cifar("batch_1", 5000), cifar("batch_5", 1000)]
    one, other = network(tensors, 0), network(tensors, 1)
    shapes = {name: value.shape for name, value in one.named_parameters()}
    middle = {name: tensors[f"midpoint.{name}"] for name in shapes}
    states = (one.state_dict(), middle, other.state_dict())
    curve = Curve(torch.stack([flatten(state, shapes) for state in states]), shapes)
    golden = numbers["curve"]
    every = either(2, 1)  # of the five points
    theirs = {name: values[::every] for name, values in golden.items() if isinstance(values, list)}
    points = curve_points(
        one, curve, data[0], data[1], CIFAR, points=len(theirs["ts"]), batch_size=128, seed=0
    )
    assert [point.t for point in points] == theirs["ts"]
    found = [point.train.error_value for point in points]
    assert found == pytest.approx(theirs["train_error_pct"], abs=0.1)
    assert [p.train.loss for p in points] == pytest.approx(theirs["train_nll"], rel=2e-3)
    assert [p.test.error_value for p in points] == pytest.approx(theirs["test_error_pct"], abs=0.31)
    measured = mode_connectivity(theirs["ts"], found)
    assert measured.mode_connectivity == pytest.approx(golden["mc_train_pct"], abs=0.1)
    assert measured.t == 0.5
