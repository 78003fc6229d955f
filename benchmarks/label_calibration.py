"""Whether stated probabilities of labels are right, by simulation with planted truth.

    python benchmarks/label_calibration.py [--cells 20000] [--scenario NAME]

A simulated grid has 20 cells of known means and spreads. Each cell gets two independent maps: from
the first, `label_distributions` states the probability of each phase; the second, of as many fresh
runs with fresh shared draws, is the outcome. Statements are sorted into bins by probability: all
phases of all cells, and the labels alone. In each bin the mean of what was stated is compared with
how often it happened.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from landscape_catalog.phases import Yang2021
from landscape_catalog.phases.predictive.draws import Drawn
from landscape_catalog.phases.predictive.labels import draw_grid
from landscape_catalog.phases.predictive.observed import (
    ObservedCell,
    PairChoice,
    Values,
    incidence,
    members_of,
)

RULE = Yang2021.model_validate({"hessian": {"threshold": 38.0}})
METRICS = ("train_loss", "top_eigenvalue", "mode_connectivity", "cka")
PHASES = ("I", "II", "III", "IV-A", "IV-B", "NC")
BINS = np.array([0.0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0])
CELLS, DRAWS = 20, 1000
OUTLYING = 5.0  # times the usual deviation


@dataclass(frozen=True)
class Scenario:
    """Planted truth.

    Attributes:
        name: of the scenario.
        centres: mean over cells of (log loss, log eigenvalue, mc, CKA).
        between: standard deviation over cells of the same.
        within: median over cells of the standard deviation of a value within a cell.
        tau: standard deviation over cells of the logarithm of the variance.
        share: run effects' share r of the variance of pairs' values: its range over cells.
        correlation: of the run effects in different metrics.
        outlying: share of the cells of a map in which one run deviates five times as much.
        failing: mean probability that a run does not converge.
        shared_error: of CKA.
    """

    name: str
    centres: tuple[float, ...] = (np.log(0.03), np.log(8.0), -1.0, 0.5)
    between: tuple[float, ...] = (1.2, 0.7, 2.5, 0.08)
    within: tuple[float, ...] = (0.4, 0.3, 1.0, 0.025)
    tau: float = 1.0
    share: tuple[float, float] = (0.0, 0.5)
    correlation: float = 0.4
    outlying: float = 0.0
    failing: float = 0.01
    shared_error: float = 0.01


SCENARIOS = (
    Scenario("usual"),
    Scenario("heavy tails", outlying=0.2),
    Scenario("near thresholds", between=(0.3, 0.7, 0.6, 0.02)),
    Scenario("unequal variances", tau=2.5),
    Scenario("equal variances", tau=0.0),
    Scenario("pairs vary by runs", share=(0.4, 0.5)),
    Scenario("pairs vary by themselves", share=(0.0, 0.05)),
    Scenario("runs fail", failing=0.2),
)


@dataclass(frozen=True)
class Truth:
    """Of one cell."""

    means: np.ndarray  # (metrics,)
    sds: np.ndarray
    share: float
    failing: float


def plant(scenario: Scenario, generator: np.random.Generator) -> Truth:
    """A cell."""
    k = len(METRICS)
    means = np.array(scenario.centres) + np.array(scenario.between) * generator.standard_normal(k)
    sds = np.array(scenario.within) * np.exp(scenario.tau / 2 * generator.standard_normal(k))
    share = generator.uniform(*scenario.share)
    return Truth(
        means, sds, share, generator.beta(0.5 * scenario.failing, 0.5 * (1 - scenario.failing))
    )


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
        effects[generator.integers(c)] *= OUTLYING
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


def labels(n_runs: int, n_converged: int, means: dict[str, np.ndarray]) -> np.ndarray:
    """Indices into `PHASES` of many cells, by the rule of `docs/thresholds.md`."""
    mc, cka = means["mode_connectivity"], means["cka"]
    poorly = mc < -RULE.connectivity.tolerance
    sharp = (means["top_eigenvalue"] > RULE.hessian.threshold) | (mc > RULE.connectivity.tolerance)
    sharp |= means["train_loss"] > (RULE.train_loss or np.inf)
    found = np.where(
        sharp, np.where(poorly, 0, 1), np.where(poorly, 2, 3 + (cka >= RULE.cka.threshold))
    )
    return np.full(len(mc), 5) if 2 * (n_runs - n_converged) > n_runs else found


def label_of(cell: ObservedCell) -> int:
    """The label of a map's cell."""
    means = {m: np.array([np.mean(cell.metrics[m].values)]) for m in METRICS if m in cell.metrics}
    if 2 * (cell.n_runs - cell.n_converged) > cell.n_runs:
        return 5
    return int(labels(cell.n_runs, cell.n_converged, means)[0])


def stated(drawn: list[Drawn], n_runs: int) -> np.ndarray:
    """The probability of each phase."""
    counts = np.zeros(len(PHASES))
    for group in drawn:
        counts += np.bincount(
            labels(n_runs, group.n_converged, dict(group.means)), minlength=len(PHASES)
        )
    return counts / counts.sum()


def simulate(
    scenario: Scenario, n: int, pairs: PairChoice, n_cells: int, seed: int = 0
) -> Iterator[tuple[np.ndarray, int, int]]:
    """For each cell what was stated, its label, and the label of the fresh map."""
    generator = np.random.default_rng([seed, n, len(pairs)])
    for grid in range(-(-n_cells // CELLS)):
        truths = [plant(scenario, generator) for _ in range(CELLS)]
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


def table(found: list[tuple[np.ndarray, int, int]]) -> list[str]:
    """Lines with the bins: count, stated, happened, for all phases and for labels alone."""
    p = np.array([one for one, _, _ in found])
    label = np.array([one for _, one, _ in found])
    fresh = np.array([one for _, _, one in found])
    every = (p.ravel(), (np.arange(p.shape[1]) == fresh[:, None]).ravel())
    alone = (p[np.arange(len(p)), label], label == fresh)
    lines = []
    for low, high in itertools.pairwise(BINS):
        line = f"{low:5.2f}-{high:4.2f}"
        for said, came in (every, alone):
            inside = (said >= low) & ((said < high) | ((high == 1) & (said <= 1)))
            n = inside.sum()
            if n:
                gap = 100 * (came[inside].mean() - said[inside].mean())
                line += f"  {n:7d} {100 * said[inside].mean():6.1f} {100 * came[inside].mean():6.1f} {gap:+5.1f}{'*' if abs(gap) > 3 and n >= 1000 else ' '}"
            else:
                line += " " * 31
        lines.append(line)
    sure = alone[0] >= 0.9
    lines.append(
        f"labels: stated {100 * alone[0].mean():.1f} came again {100 * alone[1].mean():.1f}; sure {100 * sure.mean():.0f}%, "
        f"of them stated {100 * alone[0][sure].mean():.1f} came again {100 * alone[1][sure].mean():.1f}"
    )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=20000)
    parser.add_argument("--scenario")
    parser.add_argument("--runs", type=int, nargs="*", default=[3, 5, 10])
    arguments = parser.parse_args()
    with threadpool_limits(1):
        for scenario in SCENARIOS:
            if arguments.scenario in (None, scenario.name):
                for n, pairs in itertools.product(arguments.runs, ("ring", "all")):
                    print(f"\n{scenario.name}, {n} runs, {pairs}", flush=True)
                    print(
                        "\n".join(table(list(simulate(scenario, n, pairs, arguments.cells)))),
                        flush=True,
                    )


if __name__ == "__main__":
    main()
