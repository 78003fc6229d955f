"""Whether data fit into the memory of this machine, asked before they are unpacked."""

from __future__ import annotations

from landscape_catalog.errors import DataError
from landscape_catalog.machine import beyond_memory, shown_bytes

COPIES = 2  # data as read, and as prepared from it; what is written is a further, shorter-lived one


def require_memory(size: int, what: str) -> None:
    """Reject data that this machine cannot hold.

    Args:
        size: bytes of the unpacked data.
        what: the data, for the message.

    Raises:
        DataError: names the sizes.
    """
    reason = beyond_memory(COPIES * size)
    if reason:
        raise DataError(f"{what} take {shown_bytes(size)}; {COPIES} copies, as needed, {reason}")
