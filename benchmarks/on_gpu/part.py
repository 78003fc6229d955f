"""What a part of the GPU benchmark is given, and how it notes what it finds."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Settings:
    """How a part is run.

    Attributes:
        device: `cuda`, or `cpu` to try the part's logic without a GPU.
        toy: whether to use the smallest sizes, whose figures mean nothing.
        seconds: time after which the part is stopped; what it has noted until then is kept.
        golden: folder with `authors_code.safetensors` and `authors_code.json`; None: not at hand.
        cifar: folder with batches of CIFAR-10 (`batch_1.npz`, ...); None: not at hand.
    """

    device: str
    toy: bool
    seconds: float
    golden: Path | None = None
    cifar: Path | None = None


class Note(Protocol):
    """Keeps one finding at once, as a line of JSON, so that a part that is stopped loses nothing.

    A check has `ok`, its `value` and what is `allowed`; a timing has `ms` (a median) and `spread`.
    """

    def __call__(self, name: str, **facts: Any) -> None:
        """Keep a finding under a name that is unique in its part."""


@contextmanager
def going_on(note: Note, name: str) -> Iterator[None]:
    """Make a check; one that raises is noted as failed, and hides no other."""
    try:
        yield
    except Exception as error:
        note(f"{name}: failed", ok=False, error=described(error))
        traceback.clear_frames(error.__traceback__)  # they hold tensors


def described(error: Exception) -> str:
    """The type and message of an exception, and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    message = " ".join(str(error).split())[:1000]
    place = f"{Path(last.filename).name}:{last.lineno} in {last.name}"
    return f"{type(error).__name__}: {message} at {place}"
