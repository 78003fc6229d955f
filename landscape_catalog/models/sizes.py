"""Validation of network sizes."""

from __future__ import annotations


def require_positive(**sizes: int) -> None:
    """Raise a ValueError that names the first size below one."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
