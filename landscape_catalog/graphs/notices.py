"""Warnings about how a device computes, which are logged once in a process."""

from __future__ import annotations

import logging
from functools import cache

from landscape_catalog.errors import described

log = logging.getLogger(__name__)


@cache
def warn_once(message: str) -> None:
    """Log a warning, unless this process has logged the same one before."""
    log.warning(message)


def reason(error: BaseException) -> str:
    """What an error says, in one line.

    >>> reason(RuntimeError("Failed to find C compiler.\\nPlease specify one."))
    'RuntimeError: Failed to find C compiler. Please specify one.'
    """
    return " ".join(described(error, longest=300).split())
