"""Calling a metric of the user's own, and checking what it returns."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any

from landscape_catalog.errors import CodeError
from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.custom.spec import CustomSettings, CustomValues
from landscape_catalog.metrics.estimate import Estimate
from landscape_catalog.tasks import Data

_NAME = re.compile(r"[A-Za-z_]\w*")


def compute(context: Context) -> CustomValues:
    """Call the function on networks of its own, which it may change.

    Raises:
        CodeError: if it fails, or returns anything but names with numbers or `Estimate`s.
    """
    settings: CustomSettings = context.settings
    count = 1 if settings.scope == "run" else 2
    networks = [context.network(which, fresh=True) for which in range(count)]
    seed = context.seed("custom metric", settings.function)
    data = Data(context.train, context.test)
    try:
        found = context.function(*networks, data, context.task, seed=seed, **settings.args)
    except (Exception, SystemExit) as error:  # whatever a user's function does
        raise CodeError(f"{settings.function} failed: {type(error).__name__}: {error}") from error
    return CustomValues(checked_values(settings.function, found))


def checked_values(function: str, found: Any) -> dict[str, Estimate]:
    """What a metric of the user's own returned, each number as an `Estimate`.

    Raises:
        CodeError: if it is no mapping from names to numbers or `Estimate`s, or is empty.
    """
    if not isinstance(found, Mapping) or not found:
        given = "an empty mapping" if isinstance(found, Mapping) else type(found).__name__
        raise CodeError(
            f"{function} returned {given}; it must return a mapping from names to numbers or "
            "landscape_catalog.Estimate"
        )
    values = {}
    for name, value in found.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise CodeError(f"{function} returned the name {name!r}; give letters, digits and `_`")
        values[name] = _estimate(function, name, value)
    return values


def _estimate(function: str, name: str, value: Any) -> Estimate:
    estimate = value if isinstance(value, Estimate) else Estimate(value)
    return dataclasses.replace(
        estimate,
        value=_number(function, f"the value of {name}", estimate.value),
        error=_number(function, f"the error of {name}", estimate.error),
    )


def _number(function: str, what: str, given: Any) -> float:
    item = getattr(given, "item", None)  # of a tensor or a NumPy array of one number
    plain = item() if callable(item) and getattr(given, "ndim", 0) == 0 else given
    if not isinstance(plain, Real) or isinstance(plain, bool):
        raise CodeError(f"{function} returned {given!r} as {what}; give a number")
    return float(plain)
