"""What a call of `landscape collect` has found."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from landscape_catalog.exchange.collect.unusable import Reason


@dataclass(frozen=True)
class Skipped:
    """A revision, folder or experiment that gave no catalog.

    Attributes:
        name: of the revision.
        detail: what exactly is wrong with it.
    """

    name: str
    detail: str


@dataclass
class Outcome:
    """What was found.

    Attributes:
        experiments: for each folder below `data/collected`, the revisions and folders that hold its
            content.
        new: those of these folders that did not exist before.
        mended: those that were damaged and are written anew.
        current: the revisions that hold what `data/catalog` holds.
        skipped: what gave no catalog, by reason.
    """

    experiments: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    new: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    skipped: dict[Reason, list[Skipped]] = field(default_factory=lambda: defaultdict(list))

    @property
    def revisions(self) -> int:
        """Number of revisions and folders that hold a catalog."""
        return len(self.current) + sum(map(len, self.experiments.values()))
