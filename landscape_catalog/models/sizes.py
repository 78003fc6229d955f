"""What every size of a network must be."""

from __future__ import annotations


def require_positive(**sizes: int) -> None:
    """Refuse a size below one, by its name, with ValueError."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
