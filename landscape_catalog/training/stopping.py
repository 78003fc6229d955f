"""Early stopping at a plateau of the training loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class StoppingRule:
    """Detects a plateau of the training loss.

    That is `patience` consecutive epochs in each of which the loss changes by less than
    `tolerance`. No plateau is reported before epoch `not_before`.

    Source: Yang et al. 2021, appendix B.3 (1e-4 and 5); the authors' code waits for epoch 30.

    >>> rule = StoppingRule(tolerance=0.1, patience=2)
    >>> [rule.update(loss) for loss in (3.0, 1.0, 0.99, 0.98)]
    [False, False, False, True]
    """

    tolerance: float
    patience: int
    not_before: int = 0
    _previous: float = field(default=math.inf, repr=False)
    _plateau_epochs: int = field(default=0, repr=False)
    _epoch: int = field(default=0, repr=False)

    def update(self, loss: float) -> bool:
        """Record the loss of another epoch; True if the loss is on a plateau."""
        is_flat = abs(loss - self._previous) < self.tolerance
        self._plateau_epochs = self._plateau_epochs + 1 if is_flat else 0
        self._previous = loss
        self._epoch += 1
        return self._plateau_epochs >= self.patience and self._epoch >= self.not_before

    def state(self) -> list[float]:
        """What the rule remembers, for a checkpoint."""
        return [self._previous, self._plateau_epochs, self._epoch]

    def load(self, state: Sequence[float]) -> None:
        """Restore what `state` returned."""
        self._previous = float(state[0])
        self._plateau_epochs, self._epoch = int(state[1]), int(state[2])
