"""An independent computation of the combined checksum of several files."""

from __future__ import annotations

import hashlib


def checksum_of(*contents: bytes) -> str:
    """SHA-256 over the SHA-256 of each content, one per line."""
    lines = "".join(hashlib.sha256(content).hexdigest() + "\n" for content in contents)
    return hashlib.sha256(lines.encode()).hexdigest()
