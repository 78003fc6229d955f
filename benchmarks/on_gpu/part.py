"""What a part of the GPU benchmark is given, and how it notes what it finds."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Settings:
    """How a part is run.

    Attributes:
        device: `cuda`, or `cpu` to try the part's logic without a GPU.
        toy: whether to use the smallest sizes, whose figures mean nothing.
        seconds: time after which the part begins nothing new; a little later it is killed, and what
            it has noted until then is kept.
        golden: folder with `authors_code.safetensors` and `authors_code.json`; None: not at hand.
        cifar: images of CIFAR-10, as a file of `image_file` or a folder with `batch_1.npz`, ...;
            None: not at hand.
        began: when the part began, on the monotonic clock.
    """

    device: str
    toy: bool
    seconds: float
    golden: Path | None = None
    cifar: Path | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds that are left; at least a moment, to be waited for."""
        return max(self.began + self.seconds - time.monotonic(), 0.1)

    def has_time(self, note: Note, name: str) -> bool:
        """Whether there is time for another check; if there is none, note that it is skipped."""
        spent = time.monotonic() - self.began
        if spent < self.seconds:
            return True
        note(f"{name}: skipped", skipped=f"after {spent:.0f} s")
        return False


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
