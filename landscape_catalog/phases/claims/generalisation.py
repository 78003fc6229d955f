"""Claims about where test accuracy is best, and which metrics rank it."""

from __future__ import annotations

import numpy as np

from landscape_catalog.phases.claims.claim import (
    Axes,
    Claim,
    Needs,
    Part,
    each_load,
    each_temperature,
)
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.lines import best_difference, group_difference
from landscape_catalog.phases.claims.margins import (
    ACCURACY,
    BETTER,
    DOES_NOT_RANK,
    MORE_INFORMATIVE,
    RANKS,
)
from landscape_catalog.phases.claims.ranking import ranking_by, ranking_gain
from landscape_catalog.phases.claims.resampling import Jackknifed

POINTS = "points of test accuracy"
CORRELATION = "rank correlation"
LOCAL, GLOBAL = ("top_eigenvalue",), ("top_eigenvalue", "mode_connectivity", "cka")
CLASSIFIED = ("I", "II", "III", "IV-A", "IV-B")
SAMPLES = "load.samples"
FIXED_LENGTH = (
    "runs are compared as they were trained: at a fixed number of epochs and a high temperature, a "
    "larger training set may not be fitted"
)


def best_in_iv_b(grid: Grid, path: str, *, equal_numbers: bool, note: str = "") -> Jackknifed:
    """The best cell of IV-B less the best of all other phases, in lines that have both."""
    inside = grid.among("IV-B")
    return best_difference(
        grid,
        path,
        grid.accuracy,
        inside,
        grid.among(*CLASSIFIED) & ~inside,
        units="lines with cells in IV-B and in other phases",
        equal_numbers=equal_numbers,
        note=note,
    )


def _where_the_best_is(grid: Grid) -> str:
    """The phase of the best cell of the whole grid, as a sentence."""
    if not np.isfinite(grid.accuracy).any():
        return ""
    return f"the best cell of the whole grid is in phase {grid.phases[np.nanargmax(grid.accuracy)]}"


def _best_part(along: Axes, equal_numbers: bool) -> Part:
    def measure(grid: Grid, path: str) -> Jackknifed:
        notes = [] if equal_numbers else [_where_the_best_is(grid)]
        notes += [FIXED_LENGTH] if path == SAMPLES else []
        note = "; ".join(filter(None, notes))
        return best_in_iv_b(grid, path, equal_numbers=equal_numbers, note=note)

    same = "in the same landscape" if along is each_temperature else "at the same temperature"
    number = ", of equally many cells" if equal_numbers else ""
    return Part(
        f"best accuracy in IV-B less the best elsewhere {same}{number}",
        POINTS,
        ACCURACY if equal_numbers else BETTER,
        measure,
        along=along,
    )


BEST_IN_IV_B = Claim(
    "best-in-iv-b",
    "The best test accuracy lies in Phase IV-B: where the landscape is globally well connected, "
    "trained models are similar, and minima are locally flat.",
    "section 3.1, central claim; Figures 2 to 6",
    (
        _best_part(each_temperature, False),
        _best_part(each_load, False),
        _best_part(each_temperature, True),
        _best_part(each_load, True),
    ),
    Needs(temperature=True, load=True, phases=True, percent=True),
)

CONNECTED_FLAT_BETTER = Claim(
    "connected-flat-better",
    "Among locally flat landscapes the globally well-connected ones generalise better: accuracy in "
    "Phase III is lower than in Phase IV although the Hessian is almost the same.",
    "section 3.1; Figure 2a, 2c, 2e",
    (
        Part(
            "accuracy in IV less that in III at the same temperature",
            POINTS,
            ACCURACY,
            lambda grid, path: group_difference(
                grid,
                path,
                grid.accuracy,
                grid.among("IV-A", "IV-B"),
                grid.among("III"),
                units="lines with cells in III and in IV",
            ),
            along=each_load,
        ),
    ),
    Needs(load=True, phases=True, percent=True),
)

HESSIAN_INSUFFICIENT = Claim(
    "hessian-insufficient",
    "The Hessian alone does not rank test accuracy; the Hessian, mode connectivity and CKA "
    "together do.",
    "sections 3.1 and 3.3; Figures 2, 5 and 6",
    (
        Part(
            "by the Hessian, mode connectivity and CKA, fitted on other blocks",
            CORRELATION,
            RANKS,
            lambda grid, _: ranking_by(grid, GLOBAL, GLOBAL),
            "cells",
        ),
        Part(
            "gain of all three, fitted on other blocks, over the Hessian alone at its best",
            CORRELATION,
            MORE_INFORMATIVE,
            lambda grid, _: ranking_gain(grid, GLOBAL, LOCAL),
            "cells",
        ),
        Part(
            "by the Hessian alone, at its best",
            CORRELATION,
            DOES_NOT_RANK,
            lambda grid, _: ranking_by(grid, LOCAL, GLOBAL, held_out=False),
            "cells",
        ),
    ),
    Needs(metrics=("performance", *GLOBAL)),
)

L2_LESS_INFORMATIVE = Claim(
    "l2-less-informative",
    "The L2 distance between trained networks is less informative of test accuracy than their CKA.",
    "section 3.1; Figure 2f, 2g",
    (
        Part(
            "gain of CKA, fitted on other blocks, over the L2 distance at its best",
            CORRELATION,
            MORE_INFORMATIVE,
            lambda grid, _: ranking_gain(grid, ("cka",), ("l2_distance",)),
            "cells",
        ),
    ),
    Needs(metrics=("performance", "cka", "l2_distance")),
)
