"""Thresholds found from simulated grids whose truth is known, and from grids without a transition.

    python benchmarks/auto_thresholds.py [--cases 200] [--first 10000] [--noise 1.0]

The grids (`planted_grids.py`) have 4 to 14 loads, 5 to 15 temperatures and 2 to 5 runs per cell. In
each line along temperature, the boundary is the number of flat cells: by training loss and the
Hessian with the thresholds found, and planted. A case is right if it is within one cell in every
line. In grids without a transition, finding one is wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.planted_grids import Planted, planted_grid, smooth_grid
from landscape_catalog.phases import FoundThreshold, Yang2021

RULE = Yang2021.model_validate(
    {
        "connectivity": {"tolerance": "auto"},
        "hessian": {"threshold": "auto"},
        "cka": {"threshold": "auto"},
        "train_loss": "auto",
    }
)


@dataclass(frozen=True)
class Outcome:
    """What was found in one grid with a planted boundary.

    Attributes:
        off: (lines,), cells between the boundary found and the planted one.
        stray: number of cells on the wrong side that are not next to the planted boundary.
        fallbacks: names of the thresholds that fell back.
        connected: share of the truly flat cells whose barrier, or lack of one, is recognised.
        alike: share of truly flat and connected cells on the right side of the CKA threshold; NaN
            if these are all of one group.
    """

    off: np.ndarray
    stray: int
    fallbacks: tuple[str, ...]
    connected: float
    alike: float


def outcome(planted: Planted) -> Outcome:
    """Find the thresholds of a grid and compare them with its truth."""
    diagram, found = planted.diagram, _found(planted)
    lines = diagram.lines("temperature.batch_size")
    flat = diagram.mean("train_loss") <= found["train_loss"].value
    flat &= diagram.mean("top_eigenvalue") <= found["hessian.threshold"].value
    truly_flat = np.zeros(len(diagram), dtype=bool)
    far = truly_flat.copy()
    off = []
    for line, place in zip(lines, planted.boundary):
        steps = np.arange(len(line)) - place
        truly_flat[line], far[line] = steps < 0, (steps < -1) | (steps > 0)
        off.append(abs(int(flat[line].sum()) - int(place)))
    mc, cka = diagram.mean("mode_connectivity"), diagram.mean("cka")
    barrier = mc < -found["connectivity.tolerance"].value
    known = truly_flat & ~planted.barrier
    similar = (cka >= found["cka.threshold"].value) == planted.alike
    several = 0 < planted.alike[known].sum() < known.sum()
    return Outcome(
        off=np.array(off),
        stray=int((far & (flat != truly_flat)).sum()),
        fallbacks=tuple(name for name, one in found.items() if one.fallback),
        connected=float((barrier == planted.barrier)[truly_flat].mean()),
        alike=float(similar[known].mean()) if several else np.nan,
    )


def _found(planted: Planted) -> dict[str, FoundThreshold]:
    return {one.name: one for one in RULE.resolved(planted.diagram).found}


def report(n_cases: int, first: int, noise: float) -> Iterator[str]:
    """The rates over so many grids of each kind, as lines of text."""
    seeds = range(first, first + n_cases)
    cases = [outcome(planted_grid(seed, noise)) for seed in seeds]
    off = np.concatenate([case.off for case in cases])
    right = sum(bool((case.off <= 1).all()) for case in cases)
    yield f"grids with a planted boundary: {n_cases}, noise x {noise:g}"
    yield f"  transition found: {sum('train_loss' not in case.fallbacks for case in cases)}"
    yield f"  within one cell in every line: {right}"
    yield f"  lines: {len(off)}; exact {np.mean(off == 0):.1%}, within one {np.mean(off <= 1):.2%}"
    yield f"  no stray cell: {sum(case.stray == 0 for case in cases)}; stray cells per grid: " + (
        f"{np.mean([case.stray for case in cases]):.2f}"
    )
    known = [case for case in cases if "connectivity.tolerance" not in case.fallbacks]
    share = np.mean([case.connected for case in known])
    yield f"  tolerance found: {len(known)}; flat cells rightly connected or not: {share:.1%}"
    alike = np.array([case.alike for case in cases])
    split = [not np.isnan(case.alike) and "cka.threshold" not in case.fallbacks for case in cases]
    yield f"  two groups of CKA: {np.isfinite(alike).sum()}; split found: {sum(split)}, " + (
        f"flat, connected cells rightly alike or not: {np.mean(alike[split]):.1%}"
    )
    smooth = [_found(smooth_grid(seed, noise)) for seed in seeds]
    none = sum(found["train_loss"].fallback for found in smooth)
    yield f"grids without a transition: {n_cases}; none found: {none} ({none / n_cases:.1%})"


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--first", type=int, default=10_000)
    parser.add_argument("--noise", type=float, default=1.0)
    arguments = parser.parse_args()
    for line in report(arguments.cases, arguments.first, arguments.noise):
        print(line)


if __name__ == "__main__":
    main()
