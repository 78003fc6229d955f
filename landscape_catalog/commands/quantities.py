"""Sizes and durations as they are typed on the command line."""

from __future__ import annotations

import re

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{unit}i": 2 ** (10 * i) for i, unit in enumerate("kmgt", start=1)}
_SECONDS = {"h": 3600, "d": 86400, "w": 7 * 86400}


def bytes_of(given: str) -> int | None:
    """The bytes of a size such as 500MB or 2GiB; None if it is none.

    >>> bytes_of("1.5 GB"), bytes_of("512MiB"), bytes_of("7")
    (1500000000, 536870912, None)
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?|)b", given.strip().lower())
    return None if found is None else int(float(found[1]) * _UNITS[found[2]])


def seconds_of(given: str) -> int | None:
    """The seconds of a duration in hours, days or weeks, such as 30d; None if it is none.

    >>> seconds_of("12h"), seconds_of("30d"), seconds_of("8 w"), seconds_of("1 month")
    (43200, 2592000, 4838400, None)
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([hdw])", given.strip().lower())
    return None if found is None else round(float(found[1]) * _SECONDS[found[2]])
