"""How much the longest tests try: less in `make test` than in `make thorough`."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")
THOROUGH = os.environ.get("LANDSCAPE_TESTS") == "thorough"


def either(usual: T, thorough: T) -> T:
    """The first in `make test`; the second with `LANDSCAPE_TESTS=thorough`, as at night."""
    return thorough if THOROUGH else usual
