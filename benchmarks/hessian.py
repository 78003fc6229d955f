"""Top eigenvalue and trace of one network: the native backend, PyHessian and curvlinops.

    python benchmarks/hessian.py [--quick] [--golden FOLDER]

ResNet18 k = 8 at 32 x 32, 200 samples. With `--golden`, the first network and the batch in that
folder's authors_code.safetensors (trained by the paper's authors' code); without it, a network that
is trained briefly on upscaled digits. The reference values are known: a ReLU network's trace is
that of its Gauss-Newton matrix, a sum over samples and classes, and the eigenvalue is taken from 60
Lanczos steps. All methods are timed in turn in one run, on all of torch's threads.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe, seconds, table
from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe, hessian_estimate
from landscape_catalog.metrics.numerics.hessian.lanczos import krylov_space
from landscape_catalog.metrics.numerics.hessian.products import BatchHessian
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.models.resnet import resnet18
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Recipe, train


class Normalised(Classification):
    """Takes inputs that are already normalised."""

    def inputs(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """The images without further normalisation."""
        return images.to(dtype)


TASK = Normalised((0.0,), (1.0,))


@dataclass(frozen=True)
class Estimate:
    """The result of one run of a method."""

    top: float
    trace: float
    products: int


def golden(folder: Path) -> tuple[nn.Module, Samples]:
    """The first network and the batch from the authors' files."""
    tensors = load_file(folder / "authors_code.safetensors")
    state = {n.removeprefix("network0."): v for n, v in tensors.items() if n[:9] == "network0."}
    network = resnet18(width=8)
    network.load_state_dict(state)
    return network.eval(), Samples(tensors["hessian_inputs"], tensors["hessian_labels"].long())


def trained_here() -> tuple[nn.Module, Samples]:
    """A network after three epochs on a thousand digits, upscaled to 3 x 32 x 32."""
    digits = load_digits()
    images = torch.from_numpy(digits.images[:1000]).float()[:, None] / 8 - 1
    images = F.interpolate(images, size=32, mode="bilinear").expand(-1, 3, -1, -1).contiguous()
    data = Samples(images, torch.from_numpy(digits.target[:1000]))
    network = resnet18(width=8)
    run = train(network, data, TASK, Recipe(batch_size=50, epochs=3), seed=0)
    network.load_state_dict(run.snapshots["best_train_loss"].state)
    return network.eval(), data[:200]


def gauss_newton_trace(network: nn.Module, data: Samples) -> float:
    """(1/n) sum_i [sum_c p_ic ||J_ic||^2 - ||sum_c p_ic J_ic||^2], with the logits' Jacobian J."""
    parameters, total = list(network.parameters()), 0.0
    for i in range(len(data)):
        logits = network(data.inputs[i : i + 1])[0]
        p = logits.softmax(0).detach()
        slopes = torch.autograd.grad(
            logits, parameters, grad_outputs=torch.eye(len(p)), is_grads_batched=True
        )
        J = torch.cat([slope.reshape(len(p), -1) for slope in slopes], dim=1)
        total += float(p @ J.square().sum(1) - (p @ J).square().sum())
    return total / len(data)


def ours(network: nn.Module, data: Samples, tolerance: float, seed: int) -> Estimate:
    """The native backend."""
    recipe = HessianRecipe(trace_tolerance=tolerance, max_iterations=500)
    found = hessian_estimate(network, data, TASK, recipe, seed=(2 * seed, 2 * seed + 1))
    return Estimate(found.top_eigenvalue, found.trace, found.products)


def theirs(network: nn.Module, data: Samples, seed: int) -> Estimate:
    """PyHessian with its defaults."""
    found = pyhessian_estimate(network, data, TASK, seed=seed)
    return Estimate(found.top_eigenvalue, found.trace, found.products)


def curvlinops(network: nn.Module, data: Samples, products: int, seed: int) -> Estimate:
    """The top eigenvalue with SciPy's Lanczos and the trace with XTrace, in `products` products."""
    from curvlinops import HessianLinearOperator, xtrace
    from scipy.sparse.linalg import LinearOperator, eigsh

    torch.manual_seed(seed)
    parameters = [p for p in network.parameters() if p.requires_grad]
    operator = HessianLinearOperator(
        network, nn.CrossEntropyLoss(), parameters, [(data.inputs, data.targets)],
        check_deterministic=False,
    )  # fmt: skip
    inner, used = operator.to_scipy(), 0

    def counted(vector: np.ndarray) -> np.ndarray:
        nonlocal used
        used += 1
        return inner @ vector

    outer = LinearOperator(inner.shape, matvec=counted, dtype=inner.dtype)
    start = np.random.default_rng(seed).normal(size=inner.shape[0]).astype(np.float32)
    (top,) = eigsh(outer, k=1, which="LM", tol=1e-3, ncv=10, v0=start, return_eigenvectors=False)
    remaining = 2 * (max(products - used, 8) // 2)
    trace = float(xtrace(operator, num_matvecs=remaining))
    return Estimate(float(top), trace, used + remaining)


def summary(name: str, found: list[Estimate], times: list[float], base: list[float],
            top: float, trace: float) -> list[str]:  # fmt: skip
    """A row of the table: cost, and errors relative to the reference values."""
    errors = np.array([estimate.trace / trace - 1 for estimate in found])
    worst = max(abs(estimate.top / top - 1) for estimate in found)
    ratio = statistics.median(times) / statistics.median(base)
    return [
        name,
        f"{len(found)}",
        f"{np.mean([estimate.products for estimate in found]):.0f}",
        f"{statistics.median(times):.1f} s",
        f"{ratio:.2f}",
        f"{worst:.1e}",
        f"{np.sqrt((errors**2).mean()):.1%}",
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 repetitions instead of 20")
    parser.add_argument("--golden", type=Path, help="folder of the authors' networks")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    network, data = golden(options.golden) if options.golden else trained_here()
    print(describe())
    trace = gauss_newton_trace(network, data)
    operator = BatchHessian(network, data, TASK)
    space = krylov_space(operator, at_least=60, at_most=60, tolerance=0, seed=99)
    top = space.ritz()[0]
    one = math.sqrt(2 * float((space.projected**2).sum())) / trace
    print(f"{operator.size} parameters, top eigenvalue {top:.4f}, trace {trace:.3f}")
    print(
        f"one Hutchinson probe: sd sqrt(2) ||H||_F, at least {one:.0%} of the trace (from 60 "
        "directions only), so plain Hutchinson needs "
        f"{(one / 0.025) ** 2:.0f} products for 2.5%, {(one / 0.02) ** 2:.0f} for 2%, "
        f"{(one / 0.01) ** 2:.0f} for 1%"
    )
    methods: dict[str, tuple[Callable[[int], Estimate], int]] = {
        "PyHessian": (lambda seed: theirs(network, data, seed), 4),
        "ours, 2.5%": (lambda seed: ours(network, data, 0.025, seed), 20),
        "ours, 2%": (lambda seed: ours(network, data, 0.02, seed), 4),
        "ours, 1%": (lambda seed: ours(network, data, 0.01, seed), 4),
        "curvlinops": (lambda seed: curvlinops(network, data, 40, seed), 3),
    }
    found: dict[str, list[Estimate]] = {name: [] for name in methods}
    times: dict[str, list[float]] = {name: [] for name in methods}
    for seed in range(20):
        for name, (run, repeats) in methods.items():
            if seed < min(repeats, 3 if options.quick else repeats):
                times[name].append(
                    seconds(lambda run=run, name=name: found[name].append(run(seed)))  # noqa: B023
                )
    head = ["method", "repetitions", "products", "time", "relative to PyHessian",
            "eigenvalue error, max", "trace error, rms"]  # fmt: skip
    base = times["PyHessian"]
    print(table(head, [summary(m, found[m], times[m], base, top, trace) for m in methods]))


if __name__ == "__main__":
    main()
