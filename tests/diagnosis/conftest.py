"""The modules of made-up users, which a diagnosis loads from temporary folders."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from landscape_catalog.diagnosis import own_functions


@pytest.fixture(autouse=True, scope="module")
def _modules_of_users() -> Iterator[None]:
    """Take their folders off Python's path and unload them, which a process never does."""
    before = list(sys.path)
    yield
    sys.path[:] = before
    for top in own_functions._imported:
        own_functions._unload(top)
    own_functions._imported.clear()
