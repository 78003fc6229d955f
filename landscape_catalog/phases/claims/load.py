"""Claims about what width, data and noise do to a landscape, at the same temperature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from landscape_catalog.phases.claims.claim import Claim, Needs, Part, only
from landscape_catalog.phases.claims.grid import Grid
from landscape_catalog.phases.claims.lines import change_along
from landscape_catalog.phases.claims.margins import (
    BARRIER,
    CKA,
    SAME_BARRIER,
    SAME_HESSIAN,
    SHARPER,
    SMALL_LOSS,
    Margin,
)
from landscape_catalog.phases.claims.resampling import Jackknifed

WIDTH, SAMPLES = "load.width", "load.samples"
LABEL_NOISE, PIXEL_NOISE = "load.label_noise", "load.pixel_noise"
PERCENT = "points of barrier height"
LOGARITHM = "ln of the Hessian"


def _change(
    name: str, unit: str, margin: Margin, path: str, values: Callable[[Grid], np.ndarray]
) -> Part:
    """The change of a metric from the half of an axis with more load to the half with less."""

    def measure(grid: Grid, along: str) -> Jackknifed:
        return change_along(grid, along, values(grid))

    return Part(name, unit, margin, measure, along=only(path))


def _fitted_hessian(grid: Grid) -> np.ndarray:
    """The logarithm of the Hessian where the training set is fitted.

    The paper says it of small training losses (Figure 8e). The training loss selects, not the
    phase, which would leave out cells whose Hessian has grown.
    """
    return np.where(grid.metric("train_loss") <= SMALL_LOSS, grid.ln_hessian, np.nan)


WIDTH_CONNECTS = Claim(
    "width-improves-connectivity",
    "A larger width improves connectivity.",
    "section 5; Figures 2e, 3e, 4e, 5c, 14c, 16c, 20c",
    (
        _change(
            "barrier of the narrower half of the widths less that of the wider half",
            PERCENT,
            BARRIER,
            WIDTH,
            lambda grid: -grid.barrier,
        ),
    ),
    Needs(metrics=("mode_connectivity",), axes=(WIDTH,), percent=True),
)

WIDTH_IMPROVES_CKA = Claim(
    "width-improves-cka",
    "A larger width makes trained models more similar.",
    "section 5; Figures 2f, 3f, 4f, 5d, 14d, 16d, 20d",
    (
        _change(
            "CKA of the wider half of the widths less that of the narrower half",
            "CKA",
            CKA,
            WIDTH,
            lambda grid: grid.metric("cka"),
        ),
    ),
    Needs(metrics=("cka",), axes=(WIDTH,)),
)

DATA_IMPROVES_CKA = Claim(
    "data-improves-cka",
    "More data makes trained models more similar.",
    "sections 3.3 and 5; Figures 6 and 7",
    (
        _change(
            "CKA with the larger half of the amounts of data less that with the smaller half",
            "CKA",
            CKA,
            SAMPLES,
            lambda grid: grid.metric("cka"),
        ),
    ),
    Needs(metrics=("cka",), axes=(SAMPLES,)),
)

DATA_DISCONNECTS = Claim(
    "data-worsens-connectivity",
    "Connectivity becomes poorer with more data: larger models are needed to keep the landscape "
    "connected.",
    "section 3.3; Figure 6",
    (
        _change(
            "barrier with the larger half of the amounts of data less that with the smaller half",
            PERCENT,
            BARRIER,
            SAMPLES,
            lambda grid: grid.barrier,
        ),
    ),
    Needs(metrics=("mode_connectivity",), axes=(SAMPLES,), percent=True),
)

DATA_SHARPENS = Claim(
    "data-sharpens",
    "The Hessian increases with more data, so that alone it predicts the wrong trend of accuracy.",
    "section 3.3; Figure 6",
    (
        _change(
            "ln of the Hessian with the larger half of the amounts of data less that with the "
            "smaller half",
            LOGARITHM,
            SHARPER,
            SAMPLES,
            lambda grid: grid.ln_hessian,
        ),
    ),
    Needs(metrics=("trace|top_eigenvalue",), axes=(SAMPLES,)),
)

LABEL_NOISE_DISCONNECTS = Claim(
    "label-noise-worsens-global",
    "Noisy labels worsen connectivity and CKA, but hardly move the Hessian.",
    "section 3.3; Figure 8",
    (
        _change(
            "barrier with the noisier half of the labels less that with the cleaner half",
            PERCENT,
            BARRIER,
            LABEL_NOISE,
            lambda grid: -grid.barrier,
        ),
        _change(
            "CKA with the cleaner half of the labels less that with the noisier half",
            "CKA",
            CKA,
            LABEL_NOISE,
            lambda grid: grid.metric("cka"),
        ),
        _change(
            "ln of the Hessian with cleaner labels less that with noisier, where the training loss "
            f"is at most {SMALL_LOSS:g}",
            LOGARITHM,
            SAME_HESSIAN,
            LABEL_NOISE,
            _fitted_hessian,
        ),
    ),
    Needs(
        metrics=("mode_connectivity", "cka", "trace|top_eigenvalue", "train_loss"),
        axes=(LABEL_NOISE,),
        percent=True,
    ),
)

PIXEL_NOISE_LOWERS_CKA = Claim(
    "pixel-noise-lowers-cka",
    "Pixel noise lowers CKA, but leaves connectivity as it is.",
    "appendix D.6; Figure 21",
    (
        _change(
            "CKA with the less noisy half of the images less that with the noisier half",
            "CKA",
            CKA,
            PIXEL_NOISE,
            lambda grid: grid.metric("cka"),
        ),
        _change(
            "barrier with the noisier half of the images less that with the less noisy half",
            PERCENT,
            SAME_BARRIER,
            PIXEL_NOISE,
            lambda grid: -grid.barrier,
        ),
    ),
    Needs(metrics=("mode_connectivity", "cka"), axes=(PIXEL_NOISE,), percent=True),
)
