"""Units in which a table may give the project's metrics, and the values that they may have."""

from __future__ import annotations

import math

from landscape_catalog.exchange.imports.grid import LOGARITHM

Factors = dict[str | None, float]
_PERCENT: Factors = {"%": 1.0, "share": 100.0}
_NATS: Factors = {"nats": 1.0, "bits": math.log(2)}
_LOGARITHMS: Factors = {LOGARITHM: 1.0, "ln": 1.0, "log10": math.log(10)}
_SHARE: Factors = {None: 1.0, "share": 1.0, "%": 0.01}
_NO_UNIT: Factors = {None: 1.0}
_OF_A_WHOLE = ("train_accuracy", "test_accuracy", "train_error", "test_error", "peak_error")
_OF_CURVES = (
    "mode_connectivity", "connectivity_lowest", "connectivity_highest", "curve_area",
    "line_barrier",
)  # fmt: skip
_LOSSES = ("train_loss", "test_loss", "train_loss_running", "train_loss_recomputed")
_DIMENSIONLESS = (
    "top_eigenvalue", "trace", "cka", "cka_debiased", "l2_distance", "relative_distance", "norm",
)  # fmt: skip
# By what values in each unit are multiplied; the first unit is that in the catalog.
UNITS: dict[str, Factors] = {
    **dict.fromkeys((*_OF_A_WHOLE, *_OF_CURVES), _PERCENT),
    **dict.fromkeys(_LOSSES, _NATS),
    **dict.fromkeys(("log_top_eigenvalue", "log_trace"), _LOGARITHMS),
    "disagreement": _SHARE,
    **dict.fromkeys(_DIMENSIONLESS, _NO_UNIT),
    "n_epochs": {"epochs": 1.0, None: 1.0},
}
# The least and largest value in that unit: what lies outside was not in the unit that the map says.
_LIMITS = {
    **dict.fromkeys(_OF_A_WHOLE, (0.0, 100.0)),
    **dict.fromkeys(_OF_CURVES, (-100.0, 100.0)),
    **dict.fromkeys(_LOSSES, (0.0, math.inf)),
    "disagreement": (0.0, 1.0),
}
_ROUNDING = 1e-6


def stored_unit(metric: str, given: str | None) -> str | None:
    """The unit in which the catalog stores a metric; as given for a metric that is not known."""
    known = UNITS.get(metric)
    return given if known is None else next(iter(known))


def factor(metric: str, unit: str | None) -> float:
    """By what values in a unit are multiplied."""
    return UNITS.get(metric, {}).get(unit, 1.0)


def impossible(metric: str, value: float) -> str:
    """Why a metric cannot have a value, in the unit in which it is stored; empty if it can.

    >>> impossible("train_error", 4200.0)
    'is 4200 %; allowed: 0 to 100 %'
    """
    least, most = _LIMITS.get(metric, (-math.inf, math.inf))
    if math.isnan(value) or least - _ROUNDING <= value <= most + _ROUNDING:
        return ""
    unit = stored_unit(metric, None)
    words = "" if unit is None else f" {unit}"
    limits = f"{least:g} or more" if math.isinf(most) else f"{least:g} to {most:g}"
    return f"is {value:g}{words}; allowed: {limits}{words}"
