"""When training stops before its last epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class StoppingRule:
    """Calm: the training loss moves by less than `tolerance` for `patience` epochs in a row.

    Never before epoch `not_before`.

    Source: Yang et al. 2021, appendix B.3 (1e-4 and 5); the authors' code waits for epoch 30.

    >>> rule = StoppingRule(tolerance=0.1, patience=2)
    >>> [rule.update(loss) for loss in (3.0, 1.0, 0.99, 0.98)]
    [False, False, False, True]
    """

    tolerance: float
    patience: int
    not_before: int = 0
    _previous: float = field(default=math.inf, repr=False)
    _calm: int = field(default=0, repr=False)
    _epoch: int = field(default=0, repr=False)

    def update(self, loss: float) -> bool:
        """Take the loss of one more epoch; True if training may stop now."""
        self._calm = self._calm + 1 if abs(loss - self._previous) < self.tolerance else 0
        self._previous = loss
        self._epoch += 1
        return self._calm >= self.patience and self._epoch >= self.not_before
