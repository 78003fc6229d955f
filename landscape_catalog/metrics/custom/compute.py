"""Calls a custom metric and checks what it returns."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, get_args

from torch import nn

from landscape_catalog.errors import CodeError, described, own_code, shown
from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.custom.spec import POSITIONAL, CustomSettings, CustomValues
from landscape_catalog.metrics.estimate import ErrorKind, Estimate, joined
from landscape_catalog.models.randomness import SEEDS
from landscape_catalog.tasks import Data, Samples, Task, seeded

NETWORKS = {scope: len(names) - 2 for scope, names in POSITIONAL.items()}  # without data and task
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def compute(context: Context) -> CustomValues:
    """Call the function on copies of the networks and the data, which it may modify.

    Raises:
        CodeError: see `call_metric`.
    """
    settings: CustomSettings = context.settings
    networks = [context.network(which, fresh=True) for which in range(NETWORKS[settings.scope])]
    data = Data(context.train, context.test)
    seed = context.seed("custom metric", settings.function) % SEEDS
    return CustomValues(
        call_metric(settings, context.function, networks, data, context.task, seed=seed)
    )


def call_metric(
    settings: CustomSettings,
    function: Callable[..., Any],
    networks: Sequence[nn.Module],
    data: Data,
    task: Task,
    *,
    seed: int,
) -> dict[str, Estimate]:
    """Call a custom metric, with the global random generators of torch, NumPy and Python seeded.

    Args:
        settings: its name, scope and arguments.
        function: the metric itself.
        networks: one for a run, two for a pair, in eval mode; the metric may modify them.
        data: the metric receives a copy.
        task: loss and error.
        seed: passed to the metric, and the seed of each global generator.

    Raises:
        CodeError: if the metric fails, or does not return a mapping from names to numbers or
            `Estimate`s.
    """
    copied = Data(_copied(data.train), _copied(data.test))
    try:
        with seeded(seed, data.train.inputs.device):
            found = function(*networks, copied, task, seed=seed, **settings.args)
    except (Exception, SystemExit) as error:  # a user's function may raise anything
        raise refused(settings, f"failed: {described(error)}") from error
    return checked_values(settings, found)


def refused(settings: CustomSettings, words: str) -> CodeError:
    """The error for a custom metric that cannot be used."""
    return CodeError(f"measure.custom: {settings.function}: {words}")


def _copied(samples: Samples) -> Samples:
    """A copy, because the worker reuses its samples for later jobs."""
    positions = None if samples.positions is None else samples.positions.clone()
    return Samples(samples.inputs.clone(), samples.targets.clone(), positions)


def checked_values(settings: CustomSettings, found: Any) -> dict[str, Estimate]:
    """The values that a custom metric returned, each as an `Estimate`.

    Raises:
        CodeError: if this is not a mapping from names to numbers or `Estimate`s, or is empty.
    """
    with own_code(f"measure.custom: {settings.function}", ": reading what it returned"):
        return _checked_values(settings, found)


def _checked_values(settings: CustomSettings, found: Any) -> dict[str, Estimate]:
    if not isinstance(found, Mapping) or not found:
        given = "an empty mapping" if isinstance(found, Mapping) else f"`{type(found).__name__}`"
        raise refused(
            settings,
            f"returned {given}; it must return a mapping from names to numbers or Estimates",
        )
    for name in found:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise refused(
                settings,
                f"returned the name {shown(name)}; names consist of letters, digits and `_`",
            )
    return {name: _estimate(settings, name, value) for name, value in found.items()}


def _estimate(settings: CustomSettings, name: str, given: Any) -> Estimate:
    """A number as an `Estimate`, with a reason if it is missing or has not converged.

    The fields are checked here because a dataclass does not check them, and an invalid one would
    make the stored record unreadable.
    """
    estimate = given if isinstance(given, Estimate) else Estimate(given)

    def wrong(what: str, value: Any, allowed: str) -> CodeError:
        return refused(
            settings, f"returned {shown(value)} as the {what} of `{name}`; give {allowed}"
        )

    def number(what: str, value: Any) -> float:
        plain = _plain(value)
        if not isinstance(plain, Real) or isinstance(plain, bool):
            raise wrong(what, value, "a number")
        try:
            return float(plain)
        except OverflowError:
            raise wrong(what, value, "a number that a float can hold") from None

    value, error = number("value", estimate.value), number("error", estimate.error)
    if error < 0:
        raise wrong("error", error, "a number that is not negative, or NaN")
    if estimate.kind not in get_args(ErrorKind):
        raise wrong("kind", estimate.kind, f"one of {', '.join(get_args(ErrorKind))}")
    n, converged, reason = _plain(estimate.n), _plain(estimate.converged), estimate.reason
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 0:
        raise wrong("n", estimate.n, "a count")
    if not isinstance(converged, bool):
        raise wrong("converged", estimate.converged, "True or False")
    if not isinstance(estimate.shared_draw, bool):
        raise wrong("shared_draw", estimate.shared_draw, "True or False")
    influences = estimate.influences
    if influences is not None:
        if isinstance(influences, str) or not isinstance(influences, Iterable):
            raise wrong("influences", influences, "numbers, or None")
        influences = tuple(number("influences", each) for each in influences)
        if not all(map(math.isfinite, influences)):
            raise wrong("influences", influences, "finite numbers, or None")
    for what in ("n_unit", "unit"):
        if not isinstance(getattr(estimate, what), str):
            raise wrong(what, getattr(estimate, what), "text")
    if not isinstance(reason, str | None):
        raise wrong("reason", reason, "text or None")
    if not math.isfinite(value):
        returned = f"the function returned {value}"
        reason = (reason or returned) if math.isnan(value) else joined(returned, reason)
        value, error, influences = math.nan, math.nan, None
    elif not converged:
        reason = reason or "the function reports that it has not converged"
    return dataclasses.replace(
        estimate,
        value=value,
        error=error,
        n=int(n),
        converged=converged,
        reason=reason,
        influences=influences,
    )


def _plain(given: Any) -> Any:
    """The number in a scalar tensor or NumPy array; anything else unchanged."""
    item = getattr(given, "item", None)
    return item() if callable(item) and getattr(given, "ndim", 0) == 0 else given
