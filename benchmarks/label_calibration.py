"""Whether stated probabilities of labels are right, by simulation with planted truth.

    python benchmarks/label_calibration.py [--cells 2000] [--scenario 0 1 ...]

A simulated grid has 20 cells of known means and spreads. Each cell gets two independent maps: from
the first, `label_distributions` states the probability of each phase; the second, of as many fresh
runs with fresh shared draws, is the outcome. Statements are sorted into bins by probability: all
phases of all cells, and the labels alone. In each bin the mean of what was stated is compared with
how often it happened.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from landscape_catalog.phases import CellNumbers, Yang2021
from landscape_catalog.phases.predictive.draws import Drawn
from landscape_catalog.phases.predictive.grid import draw_grid
from landscape_catalog.phases.predictive.observed import (
    ObservedCell,
    Values,
    incidence,
    members_of,
)
from landscape_catalog.schema.pairs import PairChoice

RULE = Yang2021.model_validate({"hessian": {"threshold": 38.0}})
METRICS = ("train_loss", "top_eigenvalue", "mode_connectivity", "cka")
PHASES = ("I", "II", "III", "IV-A", "IV-B", "NC")
BINS = np.array([0.0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0])
CELLS, DRAWS = 20, 1000
SURE, FEWEST = 0.9, 1000
PAIRS: tuple[PairChoice, ...] = ("ring", "all")
Outcome = tuple[np.ndarray, int, int]  # what was stated, the label, that of the fresh map


# Mean and standard deviation over runs or pairs of (log training loss, log top eigenvalue, mc, CKA)
# in 20 cells of ResNet18 on digits: widths 1, 2, 4, 8 by batch sizes 16 to 256, lr 0.1, 40 epochs,
# seeds 0 to 4, a ring of 50-epoch curves.
# fmt: off
DIGITS = np.array([
    ((-1.11, 0.0927), (5.75, 1.43), (-2.44, 7.1), (0.357, 0.0286)),
    ((-1.93, 0.303), (5.29, 1.11), (-5.57, 1.4), (0.434, 0.0519)),
    ((-2.27, 0.658), (5.31, 1.22), (-9.95, 4.52), (0.36, 0.0655)),
    ((-2.75, 0.222), (4.17, 0.321), (-6.19, 2.32), (0.329, 0.0505)),
    ((-0.863, 0.454), (6, 0.701), (-8.81, 3.91), (0.267, 0.0351)),
    ((-1.71, 0.524), (1.87, 0.563), (1.61, 4.02), (0.39, 0.0561)),
    ((-3.26, 0.226), (2, 0.653), (-1.39, 1.3), (0.434, 0.0317)),
    ((-3.68, 0.697), (3.01, 0.743), (-1.42, 0.655), (0.35, 0.0479)),
    ((-4.46, 0.628), (3.15, 0.633), (-1.92, 0.555), (0.379, 0.0514)),
    ((-5.31, 0.649), (3.39, 1.3), (-1.18, 0.397), (0.296, 0.042)),
    ((-4.03, 0.667), (0.876, 0.366), (0.195, 0.495), (0.569, 0.0417)),
    ((-4.19, 0.719), (1.34, 0.772), (0.0418, 0.353), (0.461, 0.0697)),
    ((-6.43, 1.08), (0.976, 0.522), (-0.376, 0.263), (0.461, 0.0604)),
    ((-6.59, 0.717), (0.613, 1.06), (-0.111, 0.0831), (0.443, 0.0333)),
    ((-6.94, 0.513), (0.998, 2.12), (-0.153, 0.0907), (0.39, 0.108)),
    ((-4.14, 1.01), (0.389, 0.384), (0.445, 0.254), (0.565, 0.0435)),
    ((-5.19, 1.12), (1.73, 0.699), (0.0418, 0.131), (0.512, 0.0599)),
    ((-7.43, 0.586), (-0.869, 1.02), (-0.0278, 0.0381), (0.576, 0.0505)),
    ((-7.37, 0.308), (0.417, 1.35), (-0.0418, 0.0381), (0.489, 0.0338)),
    ((-7.39, 0.233), (1.46, 0.964), (0, 0), (0.456, 0.0687)),
])
# fmt: on
SMALLEST_SD = 0.03  # of mc, where all five curves were alike


@dataclass(frozen=True)
class Scenario:
    """Planted truth. Each tuple is of (log training loss, log top eigenvalue, mc, CKA).

    Without `centres`, the means and spreads of a grid are those of `DIGITS`, moved by one standard
    deviation of a value and by a factor of e^N(0, 0.3^2). Otherwise means and spreads of the cells
    are independent and normal, and the defaults are about the moments of `DIGITS`.

    Attributes:
        name: of the scenario.
        centres: mean over cells.
        between: standard deviation over cells.
        within: median over cells of the standard deviation of a value within a cell.
        taus: standard deviation over cells of the logarithm of the variance.
        share: run effects' share r of the variance of pairs' values: its range over cells.
        correlation: of the run effects in different metrics.
        outlying: share of the cells of a map in which one run deviates more than usual.
        factor: how many times as much.
        failing: mean probability that a run does not converge.
        shared_error: of CKA.
        barriers: probability that a cell has a mode connectivity of -4 +- 2 that varies by 2. If it
            is not 0, the others are on a plateau: 0 +- 0.05, and vary by 0.05.
    """

    name: str
    centres: tuple[float, ...] = ()
    between: tuple[float, ...] = (2.0, 1.6, 2.5, 0.09)
    within: tuple[float, ...] = (0.6, 0.8, 0.5, 0.05)
    taus: tuple[float, ...] = (1.0, 1.0, 3.0, 0.6)
    share: tuple[float, float] = (0.0, 0.5)
    correlation: float = 0.4
    outlying: float = 0.0
    factor: float = 5.0
    failing: float = 0.02
    shared_error: float = 0.01
    barriers: float = 0.0


MEANS = (-4.3, 2.2, -1.5, 0.45)
EQUAL, LITTLE = (0.0, 0.0, 0.0, 0.0), (0.6, 0.6, 0.8, 0.03)
SCENARIOS = (
    Scenario("as on digits"),
    Scenario("as on digits, one outlying run in a fifth of the cells", outlying=0.2),
    Scenario("means near thresholds", (-3.0, 3.0, -1.0, 0.5), LITTLE),
    Scenario("means and spreads independent", MEANS),
    Scenario("equal variances", MEANS, within=(0.6, 0.8, 1.0, 0.05), taus=EQUAL),
    Scenario("very unequal variances", MEANS, taus=(3.0, 3.0, 4.0, 3.0)),
    Scenario("pairs vary by their runs", share=(0.4, 0.5)),
    Scenario("pairs vary by themselves", share=(0.0, 0.05)),
    Scenario("outlying by a factor of 15", outlying=0.2, factor=15.0),
    Scenario("a fifth of the runs fails", failing=0.2),
    Scenario("barriers in a quarter of a plateau", barriers=0.25),
)


@dataclass(frozen=True)
class Truth:
    """Of one cell: means and spreads, (metrics,), the share r and the probability of failing."""

    means: np.ndarray
    sds: np.ndarray
    share: float
    failing: float


def plant(scenario: Scenario, generator: np.random.Generator) -> list[Truth]:
    """The cells of a grid."""
    shape = (CELLS, len(METRICS))
    means: np.ndarray
    sds: np.ndarray
    if scenario.centres:
        means = np.array(scenario.centres) + np.array(scenario.between) * generator.standard_normal(
            shape
        )
        sds = np.array(scenario.within) * np.exp(
            np.array(scenario.taus) / 2 * generator.standard_normal(shape)
        )
    else:
        sds = np.maximum(DIGITS[:, :, 1], [0, 0, SMALLEST_SD, 0])
        means = DIGITS[:, :, 0] + sds * generator.standard_normal(shape)
        sds = sds * np.exp(0.3 * generator.standard_normal(shape))
    if scenario.barriers:
        poor = generator.random(CELLS) < scenario.barriers
        normal = generator.standard_normal(CELLS)
        means[:, 2] = np.where(poor, -4 + 2 * normal, 0.05 * normal)
        sds[:, 2] = np.where(poor, 2.0, 0.05)
    failing = generator.beta(0.5 * scenario.failing, 0.5 * (1 - scenario.failing), CELLS)
    shares = generator.uniform(*scenario.share, CELLS)
    return [Truth(means[i], sds[i], float(shares[i]), float(failing[i])) for i in range(CELLS)]


def observe(
    truth: Truth,
    scenario: Scenario,
    n: int,
    pairs: PairChoice,
    name: str,
    generator: np.random.Generator,
) -> ObservedCell:
    """A map's view of a cell."""
    c = int((generator.random(n) >= truth.failing).sum())
    k = len(METRICS)
    root = np.linalg.cholesky(
        (1 - scenario.correlation) * np.eye(k) + scenario.correlation * np.ones((k, k))
    )
    effects = generator.standard_normal((c, k)) @ root.T
    if c and generator.random() < scenario.outlying:
        effects[generator.integers(c)] *= scenario.factor
    shared = scenario.shared_error * generator.standard_normal()
    metrics = {}
    for i, metric in enumerate(METRICS):
        choice = (None, None, pairs, "all")[i]
        members = members_of(c, choice)
        if not members:
            continue
        r = truth.share if choice else 1.0
        found = np.sqrt(r) * (effects[:, i] @ incidence(members).T)
        if choice:
            found = found + np.sqrt(1 - 2 * r) * generator.standard_normal(len(members))
        found = truth.means[i] + truth.sds[i] * found + (shared if metric == "cka" else 0)
        logarithmic = i < 2
        metrics[metric] = Values(
            tuple(np.exp(found) if logarithmic else found),
            members,
            choice,
            logarithmic,
            scenario.shared_error if metric == "cka" else 0.0,
        )
    return ObservedCell(name, n, c, metrics)


def label_of(cell: ObservedCell) -> int:
    """The label of a map's cell."""
    means = {name: float(np.mean(values.values)) for name, values in cell.metrics.items()}
    return PHASES.index(RULE.classify(CellNumbers(cell.n_runs, cell.n_converged, means)).phase)


def stated(drawn: Sequence[Drawn], n_runs: int) -> np.ndarray:
    """The probability of each phase."""
    labels = [
        name
        for group in drawn
        for name in RULE.labels(n_runs, group.n_converged, group.means, group.values)
    ]
    return np.array([labels.count(name) for name in PHASES]) / len(labels)


def simulate(
    scenario: Scenario, n: int, pairs: PairChoice, n_cells: int, seed: int = 0
) -> Iterator[Outcome]:
    """For each cell what was stated, its label, and the label of the fresh map."""
    generator = np.random.default_rng([seed, n, len(pairs)])
    for grid in range(-(-n_cells // CELLS)):
        truths = plant(scenario, generator)
        old = [
            observe(t, scenario, n, pairs, f"{scenario.name} {n} {pairs} {grid} {i}", generator)
            for i, t in enumerate(truths)
        ]
        new = [observe(t, scenario, n, pairs, "", generator) for t in truths]
        known = [cell.n_converged >= 3 for cell in old]
        drawn = draw_grid(old, METRICS, known, DRAWS)
        for one, other, is_known in zip(old, new, known):
            if is_known:
                yield stated(next(drawn), n), label_of(one), label_of(other)


def table(found: Sequence[Outcome]) -> list[str]:
    """Lines with the bins: count, stated, happened, difference, for all phases and for labels."""
    p = np.array([one for one, _, _ in found])
    label = np.array([one for _, one, _ in found])
    fresh = np.array([one for _, _, one in found])
    every = (p.ravel(), (np.arange(p.shape[1]) == fresh[:, None]).ravel())
    alone = (p[np.arange(len(p)), label], label == fresh)
    lines = [f"{'':10}  {'all phases':^28}  {'labels':^28}"]
    for low, high in itertools.pairwise(BINS):
        parts = [_bin(said, came, low, high) for said, came in (every, alone)]
        lines.append(f"{100 * low:3.0f}-{100 * high:3.0f}%    {'  '.join(parts)}".rstrip())
    sure = alone[0] >= SURE
    lines.append(
        f"labels: stated {100 * alone[0].mean():.1f}%, came again {100 * alone[1].mean():.1f}%; "
        f"sure {100 * sure.mean():.0f}%, of them stated {100 * alone[0][sure].mean():.1f}%, "
        f"came again {100 * alone[1][sure].mean():.1f}%"
    )
    return lines


def _bin(stated: np.ndarray, came: np.ndarray, low: float, high: float) -> str:
    """Count, mean of what was stated, share that happened, difference; * for more than 3 points."""
    inside = (stated >= low) & ((stated < high) | (high == 1))
    if not inside.any():
        return " " * 28
    said, was = 100 * stated[inside].mean(), 100 * came[inside].mean()
    far = "*" if abs(was - said) > 3 and inside.sum() >= FEWEST else " "
    return f"{inside.sum():7d} {said:6.1f} {was:6.1f} {was - said:+5.1f}{far}"


def main() -> None:
    """Print the tables."""
    assert __doc__
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=2000, help="for each scenario and design")
    parser.add_argument("--scenario", type=int, nargs="*", default=range(len(SCENARIOS)))
    arguments = parser.parse_args()
    designs = list(itertools.product((3, 5, 10), PAIRS))
    of_designs: dict[tuple[int, PairChoice], list[Outcome]] = {one: [] for one in designs}
    with threadpool_limits(1):
        for i in arguments.scenario:
            found: list[Outcome] = []
            for n, pairs in designs:
                outcomes = list(simulate(SCENARIOS[i], n, pairs, arguments.cells))
                found += outcomes
                of_designs[n, pairs] += outcomes
            print(f"\n{SCENARIOS[i].name}", *table(found), sep="\n", flush=True)
    for (n, pairs), outcomes in of_designs.items():
        print(f"\nall scenarios, {n} runs, pairs: {pairs}", *table(outcomes), sep="\n", flush=True)


if __name__ == "__main__":
    main()
