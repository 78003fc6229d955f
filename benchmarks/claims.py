"""How often `landscape claims` is right on simulated grids: false support, and power.

    python -m benchmarks.claims null [--worlds 400] [--shape NAME]
    python -m benchmarks.claims power [--worlds 50]

`null` draws worlds in which every metric is smooth noise around a constant (and hot cells are
sharp), whose neighbouring cells are correlated by 0, 0.5 and 0.8, and counts in how many of them at
least one claim is supported: it should be at most 5%. It also counts how many percentiles of a
bootstrap that draws the same blocks would have called supported. `power` draws worlds in which one
claim is true, or false, and counts the verdicts on it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace

import numpy as np

from landscape_catalog.phases.claims import CLAIMS, TAIL, judge_claims
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.load import WIDTH, WIDTH_IMPROVES_CKA
from landscape_catalog.phases.claims.resampling import blocks_of
from tests.phases.claims.truths import FALSE, NULL, TRUE
from tests.phases.claims.worlds import LARGE, World

DEPENDENCES = (0.0, 0.5, 0.8)
DRAWS = 2000
UNEVEN = {
    "width-improves-cka": World(cka_of_width=0.3, uneven=True),
    "width-improves-connectivity": World(mc_of_width=16.0, uneven=True),
    "data-improves-cka": World(axes=LARGE, cka_of_data=0.2, uneven=True),
}
FACTOR = 4  # as many worlds for a single interval, which takes no time


def false_support(world: World, n_worlds: int) -> Counter[str]:
    """In how many null worlds each claim is supported, under `any` how many have at least one."""
    found: Counter[str] = Counter()
    for seed in range(n_worlds):
        names = supported(world, seed)
        found.update([*names, *["any"] * bool(names)])
    return found


def supported(world: World, seed: int) -> list[str]:
    """Names of the claims that are supported in a world."""
    judged = judge_claims(world.diagram(seed))
    return [one.claim.name for one in judged if one.verdict == "supported"]


def both_intervals(world: World, seed: int) -> tuple[bool, bool]:
    """Whether the effect of width on CKA is found above 0, by our interval and by percentiles.

    Both with an error probability of 5% / 10, as if ten claims were tested.
    """
    tail = TAIL / 10
    grid = Grid(world.diagram(seed))
    low, _ = WIDTH_IMPROVES_CKA.parts[0].measure(grid, WIDTH).interval(tail)
    lines = grid.lines(WIDTH)
    values = grid.metric("cka")
    effects = np.array(
        [values[x][-(len(x) // 2) :].mean() - values[x][: len(x) // 2].mean() for x in lines]
    )
    blocks = blocks_of(np.array([grid.elsewhere(x[:1], WIDTH)[0] for x in lines]))
    sums = np.bincount(blocks, effects)
    sizes = np.bincount(blocks)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(DRAWS, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return low > 0, float(np.quantile(means, tail)) > 0


def print_null(n_worlds: int, shape: str | None) -> None:
    """A line for each shape of grid and each correlation of neighbours."""
    for name, world in NULL.items():
        if shape not in (None, name):
            continue
        for dependence in DEPENDENCES:
            here = replace(world, dependence=dependence)
            found = false_support(here, n_worlds)
            which = ", ".join(f"{k} {v}" for k, v in found.most_common() if k != "any")
            intervals = np.mean(
                [both_intervals(here, seed) for seed in range(FACTOR * n_worlds)], axis=0
            )
            print(
                f"{name}, neighbours {dependence}: {found['any']} of {n_worlds} worlds "
                f"({found['any'] / n_worlds:.1%}) {which}; width on CKA at 0.5%: "
                f"{intervals[0]:.1%} by t, {intervals[1]:.1%} by percentiles of a block bootstrap",
                flush=True,
            )


def print_power(n_worlds: int) -> None:
    """Two lines for each claim: verdicts where it is true, and where it is false."""
    for name, world in UNEVEN.items():
        found = [name in supported(world, seed) for seed in range(n_worlds)]
        print(f"{name}, true but absent when cold: supported {sum(found)} of {n_worlds}")
    for claim in CLAIMS:
        for truth, worlds in (("true", TRUE), ("false", FALSE)):
            world = worlds[claim.name]
            verdicts: Counter[str] = Counter()
            for seed in range(n_worlds):
                # Alone, a claim would have a narrower interval than among all others.
                found = {j.claim.name: j for j in judge_claims(world.diagram(seed))}[claim.name]
                finding = found.deciding.finding if found.deciding else found.verdict
                verdicts[finding] += 1
            print(f"{claim.name}, {truth}: {dict(verdicts.most_common())}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("null", "power"))
    parser.add_argument("--worlds", type=int, default=50)
    parser.add_argument("--shape")
    asked = parser.parse_args()
    if asked.what == "null":
        print_null(asked.worlds, asked.shape)
    else:
        print_power(asked.worlds)


if __name__ == "__main__":
    main()
