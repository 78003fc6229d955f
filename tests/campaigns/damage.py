"""Damage to a file: other content, none, or something else in its place."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def damage(path: Path, way: str, draw: random.Random, others: Sequence[Path] = ()) -> None:
    """Damage a file.

    Args:
        path: the file.
        way: one of the names below.
        draw: where, and what with.
        others: files of the same kind, for `swap`.
    """
    content = path.read_bytes()
    path.unlink()  # a store's file may be the same one by a hard link
    if way == "folder":
        path.mkdir()
    elif way == "pipe":
        os.mkfifo(path)
    elif way == "link":
        path.symlink_to(path.parent / "nowhere")
    elif way != "gone":
        at = draw.randrange(max(len(content), 1))
        path.write_bytes(
            {
                "flip": _flipped(content, [at], draw),
                "cut": content[:at],
                "empty": b"",
                "grow": content + draw.randbytes(7),
                "swap": draw.choice(others).read_bytes() if others else b"",
                "zeros": bytes(len(content)),
                "text": b'{"a": ' * 2000,
                "pointer": POINTER,
                "flips": _flipped(content, [at + 37 * i for i in range(20)], draw),
            }[way]
        )


def _flipped(content: bytes, places: Sequence[int], draw: random.Random) -> bytes:
    """The content with one bit changed at each of these places, counted around the end."""
    changed = bytearray(content or b"x")
    for place in places:
        changed[place % len(changed)] ^= 1 << draw.randrange(8)
    return bytes(changed)
