"""What a part of the GPU benchmark is given, and how it notes what it finds."""

from __future__ import annotations

import traceback
from collections.abc import Callable
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


def attempt(note: Note, name: str, check: Callable[[], object]) -> bool:
    """Make a check; one that raises is noted with the last frame, and hides no other.

    Returns:
        Whether it ended without an exception.
    """
    try:
        check()
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno} {last.name}"
        note(f"{name}: failed", ok=False, error=f"{type(error).__name__}: {error}"[:1000], at=place)
        traceback.clear_frames(error.__traceback__)  # they hold tensors
        return False
    return True
