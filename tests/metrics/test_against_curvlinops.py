"""The native Hessian against curvlinops, an independent library."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe, hessian_estimate
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.metrics.numerics.hessian.trace import half_width
from landscape_catalog.tasks import Classification, Samples
from tests.metrics.hessians import network


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_products_eigenvalue_and_trace(task: Classification, tiny_data: Samples) -> None:
    curvlinops = pytest.importorskip("curvlinops")
    from scipy.sparse.linalg import eigsh

    net = network().eval()
    inputs = task.inputs(tiny_data.inputs, torch.float64)
    theirs = curvlinops.HessianLinearOperator(
        net, nn.CrossEntropyLoss(), list(net.parameters()), [(inputs, tiny_data.targets)]
    )
    ours = BatchHessian(net, tiny_data, task)
    vector = torch.randn(ours.size, dtype=torch.float64)
    torch.testing.assert_close(ours(vector), theirs @ vector, rtol=1e-9, atol=1e-12)
    (top,) = eigsh(theirs.to_scipy(), k=1, which="LM", return_eigenvectors=False)
    recipe = HessianRecipe(tolerance=1e-9, trace_tolerance=0.01, max_iterations=400)
    found = hessian_estimate(net, tiny_data, task, recipe, seed=(0, 1))
    assert found.top_eigenvalue == pytest.approx(float(top), rel=1e-8)
    exact = float((theirs @ torch.eye(ours.size, dtype=torch.float64)).trace())
    assert abs(found.trace - exact) <= 1.5 * half_width(found.trace_sd, found.trace_n) + 1e-9
