"""Why a revision gives no catalog."""

from __future__ import annotations

import enum


class Reason(enum.StrEnum):
    """What is wrong with it, in the words of the summary."""

    NONE = "no catalog"
    COMMIT = "missing commit"
    LOCK = "unreadable dvc.lock"
    MISSING = "missing cache"
    DAMAGED = "damaged catalog"
    OLDER = "older schema"
    NEWER = "newer schema"
    UNCLASSIFIED = "not classified"
    QUEUED = "queued experiment"
    FAILED = "failed experiment"


class UnusableError(Exception):
    """A catalog that cannot be collected; it is skipped and named.

    Attributes:
        reason: the kind of fault.
        detail: what exactly was found.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


class UnreachableError(UnusableError):
    """A catalog whose DVC remote cannot be reached, so that it is not asked for others either."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.MISSING, detail)
