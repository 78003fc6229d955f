"""Claims about training: double descent, training to zero loss, and learning-rate decay."""

from __future__ import annotations

import numpy as np

from landscape_catalog.phases.claims.claim import (
    Claim,
    Needs,
    Part,
    each_temperature,
    only,
)
from landscape_catalog.phases.claims.decay import gain_at_boundary, mean_gain
from landscape_catalog.phases.claims.fluctuation import mean_ridge
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.lines import best_difference
from landscape_catalog.phases.claims.margins import ACCURACY, BETTER
from landscape_catalog.phases.claims.resampling import Jackknifed

WIDTH, SAMPLES = "load.width", "load.samples"
ERROR_POINTS, POINTS = "points of test error", "points of test accuracy"

DOUBLE_DESCENT = Claim(
    "double-descent-noisy",
    "With noisy labels, test accuracy shows double descent along width and along temperature: a "
    "band of high error at the transition between sharp and flat landscapes.",
    "section 3.2; Figures 4a and 17a",
    (
        Part(
            "error at the transition over the higher of both sides, along width",
            ERROR_POINTS,
            ACCURACY,
            lambda grid, path: mean_ridge(grid, path, grid.noisy),
            along=only(WIDTH),
        ),
        Part(
            "error at the transition over the higher of both sides, along temperature",
            ERROR_POINTS,
            ACCURACY,
            lambda grid, path: mean_ridge(grid, path, grid.noisy),
            along=each_temperature,
        ),
    ),
    Needs(axes=(WIDTH,), temperature=True, phases=True, percent=True, label_noise=True),
)

DATA_DOUBLE_DESCENT = Claim(
    "double-descent-data",
    "Test accuracy shows double descent along the amount of data, with and without noisy labels.",
    "section 3.3; Figure 7",
    (
        Part(
            "error at the transition over the higher of both sides, along the amount of data",
            ERROR_POINTS,
            ACCURACY,
            lambda grid, path: mean_ridge(grid, path, np.ones(len(grid), dtype=bool)),
            along=only(SAMPLES),
        ),
    ),
    Needs(axes=(SAMPLES,), phases=True, percent=True),
)


def sharp_over_flat(grid: Grid, path: str, *, equal_numbers: bool) -> Jackknifed:
    """The best of I and II less the best of III, in landscapes whose flat cells are mostly in III.

    Of such a landscape, cells in IV are left out.
    """
    poor, connected = grid.among("III"), grid.among("IV-A", "IV-B")
    landscape = grid.diagram.landscapes
    excess = np.bincount(landscape, poor.astype(float) - connected)
    column = excess[landscape] > 0
    return best_difference(
        grid,
        path,
        grid.accuracy,
        grid.among("I", "II") & column,
        poor & column,
        units="landscapes with sharp cells whose flat ones are mostly in III",
        equal_numbers=equal_numbers,
    )


ZERO_LOSS_HURTS = Claim(
    "zero-loss-hurts",
    "In a poorly connected landscape, training to zero loss hurts: the best accuracy of a column "
    "that cuts through Phase III is in Phase I or II.",
    "section 3.2 and appendix D.3; Figures 4a and 17a (constant learning rate)",
    (
        Part(
            "best accuracy in I and II less the best in III, in the same landscape",
            POINTS,
            ACCURACY,
            lambda grid, path: sharp_over_flat(grid, path, equal_numbers=False),
            along=each_temperature,
        ),
        Part(
            "best accuracy in I and II less the best in III, of equally many cells",
            POINTS,
            BETTER,
            lambda grid, path: sharp_over_flat(grid, path, equal_numbers=True),
            along=each_temperature,
        ),
    ),
    Needs(temperature=True, phases=True, percent=True),
)

DECAY_AT_BOUNDARY = Claim(
    "decay-helps-at-boundary",
    "Learning-rate decay helps most where the landscape is close to being well connected.",
    "appendix C; Figure 13",
    (
        Part(
            "gain near the boundary of connectivity over the larger gain farther away on either "
            "side",
            POINTS,
            ACCURACY,
            lambda grid, _: gain_at_boundary(grid),
            "landscapes",
        ),
    ),
    Needs(load=True, temperature=True, phases=True, percent=True, decay=True),
)

DECAY_HELPS = Claim(
    "decay-helps",
    "The best test accuracy over temperatures is higher with learning-rate decay.",
    "section 3.2; Figures 3a and 13",
    (
        Part(
            "best accuracy with decay less that without, in the same landscape",
            POINTS,
            ACCURACY,
            lambda grid, _: mean_gain(grid),
            "landscapes",
        ),
    ),
    Needs(load=True, percent=True, decay=True),
)
