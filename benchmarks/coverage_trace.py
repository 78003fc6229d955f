"""Coverage of the intervals for the Hessian's trace, over known spectra.

    python benchmarks/coverage_trace.py [--quick]

From each family 1,000 spectra are drawn, and the trace is estimated with the native backend's
defaults (at least 20 Lanczos steps, or as many as the top eigenvalue needs, then probes until the
standard error is 2.5% of the trace, at most 100). Probes are uniform on a sphere, so the error
depends only on the eigenvalues, and diagonal matrices are sufficient. Required: the 95% interval
covers the true value in at least 93%, and its mean half-width is at most 1.5 times the 95% quantile
of the errors.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import table
from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe, estimate
from landscape_catalog.metrics.numerics.hessian.trace import half_width

SIZE = 500
FAMILIES = ("power law", "outliers", "equal outliers", "indefinite", "nearly flat", "low rank")


@dataclass
class Diagonal:
    """A diagonal matrix."""

    values: Tensor
    products: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.values)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the eigenvalues."""
        return self.values.dtype

    def __call__(self, vector: Tensor) -> Tensor:
        """The product with a vector."""
        self.products += 1
        return self.values * vector


def spectrum(family: str, rng: np.random.Generator) -> np.ndarray:
    """One spectrum of a family, (SIZE,)."""
    ranks = np.arange(1, SIZE + 1)
    bulk = np.abs(rng.normal(size=SIZE))
    if family == "power law":
        return ranks ** -rng.uniform(0.5, 2.5) * rng.uniform(1, 100)
    if family == "outliers":
        bulk *= rng.uniform(0.001, 0.1)
        n = int(rng.integers(1, 20))
        bulk[:n] += rng.uniform(5, 60, size=n)
        return bulk
    if family == "equal outliers":
        bulk *= rng.uniform(0.001, 0.02)
        bulk[: int(rng.integers(1, 6))] += 50
        return bulk
    if family == "indefinite":
        return ranks ** -rng.uniform(0.3, 1.5) * rng.choice([-1, 1], size=SIZE, p=[0.3, 0.7])
    if family == "nearly flat":
        return 1 + rng.uniform(0.001, 0.2) * rng.normal(size=SIZE)
    return np.where(ranks <= rng.integers(2, 100), 1.0, 0.0)


def row(family: str, count: int, recipe: HessianRecipe) -> list[str]:
    """Coverage, width, error and cost of one family."""
    rng = np.random.default_rng(0)
    errors, halves, products = [], [], []
    for index in range(count):
        values = torch.from_numpy(spectrum(family, rng)).float()
        found = estimate(Diagonal(values), recipe, seed=(2 * index, 2 * index + 1))
        truth, scale = float(values.double().sum()), float(values.double().abs().sum())
        errors.append(abs(found.trace - truth) / scale)
        # Allow for float32 rounding, which is not sampling error: 1e-6 of the sum of magnitudes.
        halves.append(half_width(found.trace_sd, found.trace_n) / scale + 1e-6)
        products.append(found.products)
    error, half = np.array(errors), np.array(halves)
    return [
        family,
        f"{(error <= half).mean():.1%}",
        f"{half.mean() / max(np.quantile(error, 0.95), 1e-6):.2f}",
        f"{np.sqrt((error**2).mean()):.2%}",
        f"{np.mean(products):.0f}",
        f"{np.max(products)}",
    ]


def main() -> None:
    """Print the table with one row per family."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 spectra of each family")
    count = 100 if parser.parse_args().quick else 1000
    torch.set_num_threads(1)
    head = ["family", "95% interval covers", "half-width / 95% quantile of the error",
            "error / sum of magnitudes", "products, mean", "products, max"]  # fmt: skip
    print(table(head, [row(family, count, HessianRecipe()) for family in FAMILIES]))


if __name__ == "__main__":
    main()
