"""Which batch-norm statistics a network is measured with, free of torch.

Training keeps running statistics: an exponential average over its last batches, of weights that
still moved. Statistics can be recomputed for the weights as they are: the cumulative mean over
train-mode batches of the training data. Along a curve there are no others. With running statistics
for the loss and recomputed ones for the curve, one cell's phase would mix two networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["running", "recomputed"]
Choice = Literal["recomputed", "running", "authors"]

LEGACY: Choice = "authors"  # the mixture under which the first measurements were made


@dataclass(frozen=True)
class Statistics:
    """The statistics of one measurement, where they are not those of the authors' code.

    Attributes:
        kind: `running` or `recomputed`.
        batch_size: samples per batch for recomputing, that of the primary connectivity probe.
    """

    kind: Kind
    batch_size: int | None = None

    @property
    def content(self) -> dict[str, Any]:
        """What the measurement's id hashes; the shuffle is a function of the data."""
        if self.kind == "running":
            return {"statistics": self.kind}
        return {"statistics": self.kind, "batch_size": self.batch_size}

    @property
    def recipes(self) -> tuple[str, ...]:
        """The recipe that recomputing adds to those of the measurement."""
        return ("batch_norm",) if self.kind == "recomputed" else ()


def statistics_in_effect(
    choice: Choice, authors: Kind | None, batch_size: int
) -> Statistics | None:
    """The statistics that a choice means for one metric; None where it changes nothing.

    Args:
        choice: the value of `measure.batch_norm`.
        authors: those that the metric uses in the authors' code; None if it uses none.
        batch_size: of the primary connectivity probe.

    >>> statistics_in_effect("recomputed", "running", 32)
    Statistics(kind='recomputed', batch_size=32)
    >>> statistics_in_effect("recomputed", "recomputed", 32) is None
    True
    """
    if authors is None or choice in ("authors", authors):
        return None
    if choice == "running":
        return Statistics("running")
    return Statistics("recomputed", batch_size)
