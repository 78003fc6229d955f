"""Numbers, parameters and settings as words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from landscape_catalog.schema.parameters import parameter


def shown(value: Any) -> str:
    """A number with three significant digits, or any other value as text.

    >>> shown(0.12345), shown(50000), shown(90.5), shown(181.02), shown("relu"), shown(None)
    ('0.123', '50000', '90.5', '181', 'relu', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value) or float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def share(fraction: float) -> str:
    """A fraction in percent.

    >>> share(0.25), share(0.004), share(0.0)
    ('25%', '0.4%', '0%')
    """
    return f"{fraction:.1%}" if 0 < fraction < 0.0095 else f"{fraction:.0%}"


def title(path: str) -> str:
    """A parameter in words."""
    return parameter(path).title


def setting_words(settings: Mapping[str, Any], variant: str = "") -> str:
    """Values of parameters in words; empty if there are none.

    >>> setting_words({"load.width": 8, "temperature.batch_size": 64}, "decay")
    'width 8, batch size 64, variant decay'
    """
    parts = [f"{title(path)} {shown(value)}" for path, value in settings.items()]
    return ", ".join([*parts, *([f"variant {variant}"] if variant else [])])


def in_percent(metric: str) -> bool:
    """Whether a metric is in percent, so that its differences are percentage points."""
    return metric.endswith(("_accuracy", "_error"))


def amount(value: float, metric: str) -> str:
    """A value of a metric with its unit.

    >>> amount(91.234, "test_accuracy"), amount(0.5012, "test_loss")
    ('91.2%', '0.501')
    """
    return f"{value:.1f}%" if in_percent(metric) else f"{value:.3g}"


def difference(value: float, metric: str) -> str:
    """A difference of a metric with its unit.

    >>> difference(1.234, "test_error"), difference(0.02, "test_loss")
    ('1.2 points', '0.02')
    >>> difference(0.0123, "test_error"), difference(0.0, "test_error")
    ('0.01 points', '0.0 points')
    """
    return f"{_points(value)} points" if in_percent(metric) else f"{value:.2g}"


def interval(value: float, half_width: float, metric: str) -> str:
    """The interval of a difference with its unit.

    >>> interval(1.234, 2.0, "test_error"), interval(0.02, 0.01, "test_loss")
    ('-0.8 to 3.2 points', '0.01 to 0.03')
    """
    low, high = value - half_width, value + half_width
    if not in_percent(metric):
        return f"{low:.2g} to {high:.2g}"
    return f"{_points(low)} to {_points(high)} points"


def _points(value: float) -> str:
    """Percentage points with one decimal, or with one digit if that would be zero."""
    return f"{value:.1f}" if abs(value) >= 0.05 or value == 0 else f"{value:.1g}"


def with_error(value: float, error: float | None, metric: str) -> str:
    """A difference of a metric with its standard error, if it is known.

    >>> with_error(5.27, 1.15, "test_error"), with_error(0.02, None, "test_loss")
    ('5.3 ± 1.1 points', '0.02')
    """
    if error is None:
        return difference(value, metric)
    number = _points(value) if in_percent(metric) else f"{value:.2g}"
    return f"{number} ± {difference(error, metric)}"
