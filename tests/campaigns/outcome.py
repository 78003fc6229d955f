"""How a case of a campaign ends."""

from __future__ import annotations

import signal
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from landscape_catalog.errors import LandscapeError
from landscape_catalog.terminal import printable

Kind = Literal["right", "refused", "traceback", "hang", "wrong"]
GOOD: tuple[Kind, ...] = ("right", "refused")
LONGEST_MESSAGE = 8000
HIDDEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, surrogates, line and paragraph ends


@dataclass(frozen=True)
class Outcome:
    """How one case ended.

    Attributes:
        case: what was tried, in a line.
        kind: right or refused in words; or a traceback, no end, a wrong result.
        said: the message of a refusal, or what went wrong.
    """

    case: str
    kind: Kind
    said: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the case ended well."""
        return self.kind in GOOD


class WrongResultError(AssertionError):
    """Raised by a case whose result is not what it has to be."""


class _NoEnd(BaseException):
    """The time of a case is over. No `except Exception` stops it."""


def observe(case: str, action: Callable[[], object], seconds: float) -> Outcome:
    """Run a case in this process and tell how it ended.

    Args:
        case: what is tried.
        action: raises `WrongResultError` where its result is not right.
        seconds: after which it counts as a hang.
    """
    try:
        with _limited(seconds):
            action()
    except LandscapeError as error:
        return _refused(case, error)
    except WrongResultError as error:
        return Outcome(case, "wrong", str(error))
    except _NoEnd:
        return Outcome(case, "hang", f"no end after {seconds} s")
    except BaseException:
        return Outcome(case, "traceback", traceback.format_exc())
    return Outcome(case, "right")


def _refused(case: str, error: LandscapeError) -> Outcome:
    message = printable(str(error))
    if not message.strip() or len(message) > LONGEST_MESSAGE:
        return Outcome(case, "wrong", f"a message of {len(message)} characters: {message[:500]}")
    hidden = [c for c in message if unicodedata.category(c) in HIDDEN and c not in "\n\t"]
    if hidden:
        return Outcome(case, "wrong", f"a message with {hidden[:5]!r}: {message!r}")
    return Outcome(case, "refused", message)


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def end(_: int, __: object) -> None:
        raise _NoEnd

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
