"""Says how far the fits of curves are, and about how long the rest takes."""

from __future__ import annotations

import logging
from typing import Any

from landscape_catalog.metrics.connectivity.lengths import is_final
from landscape_catalog.metrics.connectivity.result import ModeConnectivity
from landscape_catalog.runner.progress import format_duration

log = logging.getLogger(__name__)
MEASURED = "measured"  # what the metric calls the result of a fit of one length


class CurveProgress:
    """A line for each curve, and one after each of its fits.

    Remaining times are upper limits: with `epochs: auto`, a curve that has converged needs no
    longer fits. They follow from the slowest speed so far.

    Args:
        settings: of the curves.
        n_curves: how many there are.
        seconds_per_length: predicted time of an epoch or update of one curve.
        together: whether curves are fitted side by side: the first takes the time of all.
    """

    def __init__(
        self, settings: Any, n_curves: int, seconds_per_length: float, *, together: bool = False
    ) -> None:
        self._settings, self._n, self._together = settings, n_curves, together
        self._rate = seconds_per_length * (n_curves if together else 1)
        self._curve = 0

    def start(self, pair: tuple[int, int]) -> None:
        """The curve of this pair is next."""
        self._curve += 1
        left = self._seconds(self._settings.lengths())
        words = f"curve {self._curve} of {self._n} (checkpoints {pair[0] + 1} and {pair[1] + 1})"
        if self._together and self._curve > 1:
            log.info("%s, side by side with the first", words)
        else:
            log.info("%s: at most about %s left for all curves", words, self._all(left))

    def fitted(self, key: tuple[Any, ...], found: Any, seconds: float) -> None:
        """Something was computed under this key; fits of curves get a line."""
        if key[0] != MEASURED or not isinstance(found, ModeConnectivity):
            return
        lengths = self._settings.lengths()
        place = lengths.index(found.fit_length)
        self._rate = max(self._rate, seconds / lengths[place])
        unit = self._settings.length_unit
        words = f"curve {self._curve} of {self._n}: mode connectivity "
        words += f"{found.mode_connectivity:.3g} after {lengths[place]} {unit} "
        words += f"({format_duration(seconds)})"
        if not lengths[place + 1 :] or is_final(found, self._settings):
            log.info("%s, done", words)
            return
        left = self._seconds(lengths[place + 1 :])
        log.info("%s; next %d, at most about %s left", words, lengths[place + 1], self._all(left))

    def _seconds(self, lengths: list[int]) -> float:
        return self._rate * sum(lengths)

    def _all(self, left: float) -> str:
        """The time of this curve and of all further ones."""
        curves = 0 if self._together else self._n - self._curve
        further = curves * self._seconds(self._settings.lengths())
        return format_duration(left + further)
