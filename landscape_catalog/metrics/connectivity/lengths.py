"""Fits of several lengths: in which order, when to stop, and what a result says of the shorter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from landscape_catalog.metrics.connectivity.result import ModeConnectivity
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings


def until_converged(
    settings: ConnectivitySettings, measured: Callable[[int], ModeConnectivity]
) -> ModeConnectivity:
    """The result of the last fit that the settings ask for.

    With `epochs: auto`, the first length at which mode connectivity no longer changes is the last.

    Args:
        settings: of the probe.
        measured: the result with the length at this place in `settings.lengths()`, as `compared`
            returns it. It is called for one place after another.
    """
    found = measured(0)
    for place in range(1, len(settings.lengths())):
        if is_final(found, settings):
            break
        found = measured(place)
    return found


def compared(
    found: ModeConnectivity,
    settings: ConnectivitySettings,
    place: int,
    shorter: ModeConnectivity | None,
) -> ModeConnectivity:
    """A result with the length of its fit, and with what a shorter fit gave.

    Args:
        found: the result with the length at this place.
        settings: of the probe.
        place: in `settings.lengths()`.
        shorter: the result with the length before; None for the first.
    """
    lengths = settings.lengths()
    found = dataclasses.replace(found, fit_length=lengths[place], length_unit=settings.length_unit)
    if shorter is None:
        return found
    return dataclasses.replace(
        found,
        shorter_length=lengths[place - 1],
        shorter_mode_connectivity=shorter.mode_connectivity,
        convergence=settings.convergence,
    )


def is_final(found: ModeConnectivity, settings: ConnectivitySettings) -> bool:
    """Whether `epochs: auto` makes no longer fit.

    A fit that has diverged is final as well, since longer ones keep the rate high for longer.
    """
    has_diverged = math.isnan(found.mode_connectivity)
    return settings.epochs == "auto" and (found.converged is True or has_diverged)
