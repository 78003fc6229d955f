"""Coverage of the intervals of 1.96 standard errors of CKA, by simulation.

    python benchmarks/coverage_cka.py [--quick]

For debiased CKA the true value is that of the population, for biased CKA the expectation of the
estimator at this n (the mean over the draws). Gaussian features: y = r x + sqrt(1 - r^2) e, so that
the population's CKA is r^2 (with equal or decaying variances, the same for x and y). Softmax
outputs: 10 clustered classes; the population's CKA is computed from a million samples. Four
standard errors are compared:

- jackknife: leaves out one sample at a time, in closed form, as `similarity` does;
- groups: leaves out a tenth of the samples at a time, the former method;
- bootstrap: 200 draws of multinomial counts w. Repeated rows would be paired with themselves, which
  adds terms to HSIC that no two samples of a population have. So sums run over distinct rows only,
  weighted by products of their counts, and biased HSIC is computed from the unbiased one and a term
  of each row with itself, weighted by w_i instead of w_i^2;
- rows repeat: the same for biased CKA, with rows repeated as drawn.

To save time, the last three are computed only for n = 128, on the first 150 draws. Columns give the
coverage in %, and in parentheses the mean standard error relative to the actual standard deviation;
`atanh` is the coverage of the jackknife interval on the scale of atanh(CKA). All on one thread.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from landscape_catalog.metrics.numerics.cka import debiased_cka, linear_cka
from landscape_catalog.metrics.numerics.similarity import similarity

REPLICATES, GROUPS = 200, 10
COMPARED = 150  # number of draws for which the other errors are computed as well, at n = 128
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def gaussian(d: int, population: float, decaying: bool) -> Draw:
    """Features whose population CKA is `population`."""
    sizes = np.arange(1, d + 1) ** -0.5 if decaying else np.ones(d)

    def draw(generator: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        x, noise = generator.standard_normal((2, n, d))
        y = math.sqrt(population) * x + math.sqrt(1 - population) * noise
        return x * sizes, y * sizes

    return draw


def softmax(noise: float, sharpness: float) -> Draw:
    """Outputs of two networks with common logits and independent noise in the logits."""

    def draw(generator: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        common = 2 * np.eye(10)[generator.integers(10, size=n)]
        common += 0.7 * generator.standard_normal((n, 10))
        logits = sharpness * (common + noise * generator.standard_normal((2, n, 10)))
        exponentials = np.exp(logits - logits.max(2, keepdims=True))
        one, other = exponentials / exponentials.sum(2, keepdims=True)
        return one, other

    return draw


def collapsed(draw: Draw) -> Draw:
    """The same outputs, made nearly uniform except for one sample in twenty."""

    def drawn(generator: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        one, other = draw(generator, n)
        alive = (generator.random(n) < 0.05)[:, None]
        return tuple(np.where(alive, z, 0.001 * z + 0.0999) for z in (one, other))  # type: ignore

    return drawn


def large_sample(draw: Draw) -> float:
    """The population's CKA, estimated from a million samples."""
    generator = np.random.Generator(np.random.Philox(key=99))
    parts = [draw(generator, 100_000) for _ in range(10)]
    x, y = (np.concatenate(side) for side in zip(*parts))
    return linear_cka(torch.from_numpy(x), torch.from_numpy(y))


def grouped(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Delete-a-group jackknife errors of biased and debiased CKA."""
    group = torch.arange(len(x)) % GROUPS
    errors = []
    for of in (linear_cka, debiased_cka):
        left = np.array([of(x[group != g], y[group != g]) for g in range(GROUPS)])
        errors.append(math.sqrt((GROUPS - 1) / GROUPS * ((left - left.mean()) ** 2).sum()))
    return errors[0], errors[1]


def bootstrap(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Bootstrap errors of biased and debiased CKA over distinct rows, and biased with repeats."""
    n = len(x)
    generator = np.random.Generator(np.random.Philox(key=seed))
    w = generator.multinomial(n, np.full(n, 1 / n), size=REPLICATES).astype(float)
    k, other = ((z - z.mean(0)) @ (z - z.mean(0)).T for z in (x, y))
    pairs = ((k, other), (k, k), (other, other))
    with np.errstate(invalid="ignore"):  # HSIC(X, X) of weighted sums can be negative
        found = []
        for statistic in (_biased, _unbiased, _repeated):
            cross, one, two = (statistic(a, b, w) for a, b in pairs)
            found.append(float(np.std(cross / np.sqrt(one * two), ddof=1)))
    return found[0], found[1], found[2]


def _unbiased(k: np.ndarray, other: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Weighted HSIC_u: each sum over distinct i, j, q, r is divided by the sum of its weights."""
    k, other = (matrix - np.diag(np.diag(matrix)) for matrix in (k, other))
    both, w2 = k * other, w * w
    one, two = w @ k, w @ other
    pairs = ((w @ both) * w).sum(1)
    square = ((w2 @ both) * w).sum(1)
    squares = ((w2 @ both) * w2).sum(1)
    triples = (w * one * two).sum(1) - square
    quadruples = (w * one).sum(1) * (w * two).sum(1) - 4 * (w2 * one * two).sum(1) + 2 * squares
    p1, p2, p3, p4 = (np.sum(w**power, 1) for power in (1, 2, 3, 4))
    e2, e3 = p1**2 - p2, p1**3 - 3 * p1 * p2 + 2 * p3
    e4 = p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4
    result: np.ndarray = pairs / e2 - 2 * triples / e3 + quadruples / e4
    return result


def _biased(k: np.ndarray, other: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(n-1)^2 HSIC from the unbiased form and the terms of each row with itself."""
    n = w.shape[1]
    squares = []
    for matrix in (k, other):  # squared distances of rows to the weighted mean
        rows = w @ matrix / n
        squares.append(np.diag(matrix) - 2 * rows + ((w * rows).sum(1) / n)[:, None])
    products = (w * squares[0] * squares[1]).sum(1)
    traces = (w * squares[0]).sum(1) * (w * squares[1]).sum(1)
    whole = n * (n - 3) * _unbiased(k, other, w)
    result: np.ndarray = whole + n / (n - 2) * products - traces / ((n - 1) * (n - 2))
    return result


def _repeated(k: np.ndarray, other: np.ndarray, w: np.ndarray) -> np.ndarray:
    """tr(KHLH) / n^2 with rows repeated as drawn."""
    n = w.shape[1]
    one, two = w @ k, w @ other
    result: np.ndarray = (
        ((w @ (k * other)) * w).sum(1) / n**2
        - 2 * (w * one * two).sum(1) / n**3
        + (w * one).sum(1) * (w * two).sum(1) / n**4
    )
    return result


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    name: str
    n: int
    draw: Draw
    population: float
    draws: int


def covered(values: np.ndarray, errors: np.ndarray, truth: float) -> str:
    """Coverage in percent, and the mean error relative to the standard deviation."""
    coverage = 100 * np.mean(np.abs(values[: len(errors)] - truth) < 1.96 * errors)
    finite = errors[np.isfinite(errors)]
    ratio = finite.mean() / values.std(ddof=1) if len(finite) else math.nan
    return f"{coverage:.1f} ({ratio:.2f})"


def on_atanh(values: np.ndarray, errors: np.ndarray, truth: float) -> str:
    """Coverage of the interval atanh(s) +- 1.96 se / (1 - s^2)."""
    deviations = np.abs(np.arctanh(values) - math.atanh(truth))
    return f"{100 * np.mean(deviations < 1.96 * errors / (1 - values**2)):.1f}"


def measure(row: Row) -> None:
    """Print the two rows of a setting."""
    generator = np.random.Generator(np.random.Philox(key=1))
    names = ("cka", "standard_error", "debiased", "debiased_standard_error")
    with_others = row.n <= 128
    ours, groups, boots = [], [], []
    for seed in range(row.draws):
        x, y = row.draw(generator, row.n)
        one, other = torch.from_numpy(x), torch.from_numpy(y)
        found = similarity(one, other)
        ours.append([getattr(found, name) for name in names])
        if with_others and seed < COMPARED:
            groups.append(grouped(one, other))
            boots.append(bootstrap(x, y, seed))
    values = np.array(ours).T
    for form, column in (("biased", 0), ("debiased", 2)):
        estimates, errors = values[column], values[column + 1]
        truth = float(estimates.mean()) if column == 0 else row.population
        cells = [covered(estimates, errors, truth), on_atanh(estimates, errors, truth)]
        if with_others:
            which = column // 2
            cells.append(covered(estimates, np.array(groups)[:, which], truth))
            cells.append(covered(estimates, np.array(boots)[:, which], truth))
            cells.append(covered(estimates, np.array(boots)[:, 2], truth) if which == 0 else "")
        else:
            cells += [""] * 3
        print(
            f"| {row.name} | {row.n} | {form} | {row.draws} | {truth:.3f} | {estimates.mean():.3f} "
            f"| {' | '.join(cells)} |",
            flush=True,
        )


def rows(quick: bool) -> list[Row]:
    """The simulated settings."""
    found = []
    for n, d, draws in ((128, 10, 1000), (128, 512, 400), (640, 10, 4000), (640, 512, 150)):
        if quick and (n, d) != (128, 10):
            continue
        for population in (0.0, 0.3, 0.9):
            name = f"Gaussian, d = {d}, CKA {population}"
            found.append(Row(name, n, gaussian(d, population, False), population, draws))
        name = f"Gaussian, d = {d}, decaying, CKA 0.3"
        found.append(Row(name, n, gaussian(d, 0.3, True), 0.3, draws))
    for name, draw in (
        ("softmax, dissimilar", softmax(1.0, 5.0)),
        ("softmax, nearly uniform", softmax(0.3, 0.1)),
        ("softmax, nearly equal", softmax(0.05, 3.0)),
        ("softmax, 19 of 20 uniform", collapsed(softmax(0.5, 3.0))),
    ):
        population = large_sample(draw)
        found += [Row(name, n, draw, population, 1000) for n in ((128,) if quick else (128, 640))]
    if quick:
        found = [Row(row.name, row.n, row.draw, row.population, 200) for row in found]
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="n = 128, d = 10, 200 draws")
    torch.set_num_threads(1)
    table = rows(parser.parse_args().quick)
    print("| features | n | form | draws | truth | mean | jackknife | atanh | groups", end="")
    print(" | bootstrap | rows repeat |")
    print("|---" * 11 + "|")
    with threadpool_limits(1):
        for row in table:
            measure(row)


if __name__ == "__main__":
    main()
