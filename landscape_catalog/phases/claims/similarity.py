"""Claims about CKA: how it orders the phases, and what it implies for connectivity."""

from __future__ import annotations

import numpy as np

from landscape_catalog.phases.claims.claim import (
    Claim,
    Needs,
    Part,
    UntestableError,
    each_load,
    each_temperature,
)
from landscape_catalog.phases.claims.frequency import Frequency, share_of_neighbourhoods
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.lines import change_along, group_difference
from landscape_catalog.phases.claims.margins import CKA, NOT_SEEN

SHARP, CONNECTED = ("I", "II"), ("IV-A", "IV-B")

CKA_ORDERS_PHASES = Claim(
    "cka-orders-phases",
    "CKA(I, II) < CKA(III) < CKA(IV).",
    "appendix D.3, of Figure 2; it says that the first need not hold with noisy labels",
    (
        Part(
            "CKA in III less that in I and II in the same landscape",
            "CKA",
            CKA,
            lambda grid, path: group_difference(
                grid,
                path,
                grid.metric("cka"),
                grid.among("III"),
                grid.among(*SHARP),
                units="landscapes with cells in III and in I or II",
            ),
            along=each_temperature,
        ),
        Part(
            "CKA in IV less that in III at the same temperature",
            "CKA",
            CKA,
            lambda grid, path: group_difference(
                grid,
                path,
                grid.metric("cka"),
                grid.among(*CONNECTED),
                grid.among("III"),
                units="lines with cells in III and in IV",
            ),
            along=each_load,
        ),
    ),
    Needs(metrics=("cka",), temperature=True, load=True, phases=True),
)

TEMPERATURE_IMPROVES_CKA = Claim(
    "temperature-improves-cka",
    "Within Phase IV a higher temperature makes trained models more similar.",
    "section 5; Figures 2f, 3f, 4f, 5d, 14d, 16d, 20d",
    (
        Part(
            "CKA of the hotter half of each landscape's cells in IV less that of the colder half",
            "CKA",
            CKA,
            lambda grid, path: change_along(
                grid, path, np.where(grid.among(*CONNECTED), grid.metric("cka"), np.nan)
            ),
            along=each_temperature,
        ),
    ),
    Needs(metrics=("cka",), temperature=True, phases=True),
)


def similar_but_disconnected(grid: Grid) -> Frequency:
    """The share of neighbourhoods with similar cells in which one is poorly connected.

    Similar are cells with at least the lowest CKA that is found in IV-B, which is where the phase
    rule cuts.
    """
    best = grid.metric("cka")[grid.among("IV-B")]
    if not len(best):
        raise UntestableError("no cell is in IV-B, so that it is unknown which CKA is high")
    known = grid.among("I", "II", "III", "IV-A", "IV-B")
    similar = known & (grid.metric("cka") >= np.nanmin(best))
    return share_of_neighbourhoods(grid, similar, grid.among("I", "III"))


SIMILAR_NOT_DISCONNECTED = Claim(
    "similar-not-disconnected",
    "Landscapes whose trained models are similar but that are globally poorly connected are not "
    "observed.",
    "section 1, footnote 1",
    (
        Part(
            "neighbourhoods with similar models of which some are poorly connected",
            "share",
            NOT_SEEN,
            lambda grid, _: similar_but_disconnected(grid),
            "neighbourhoods of two steps along each axis",
        ),
    ),
    Needs(metrics=("cka", "mode_connectivity"), phases=True),
)
