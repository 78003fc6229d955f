"""Whether a run has converged."""

from __future__ import annotations

import math


def not_converged_reason(
    *, stop_reason: str, train_loss: float, frequency_loss: float
) -> str | None:
    """Why a run counts as NC (not converged), or None if it does not.

    NC: training diverged, or the training loss in eval mode is not finite or no better than that
    of predicting the frequencies of the training labels (which covers the 1e8 of a dead channel).

    Args:
        stop_reason: why training ended; `diverged` if its loss became infinite or NaN.
        train_loss: mean cross-entropy in eval mode over the training data, in nats.
        frequency_loss: -sum p ln p of the training labels, in nats.
    """
    if stop_reason == "diverged":
        return "the loss became infinite or NaN in training"
    if not math.isfinite(train_loss):
        return f"training loss is {train_loss}"
    if train_loss >= frequency_loss:
        return (
            f"training loss {train_loss:.4g} is no better than guessing by the labels' "
            f"frequencies ({frequency_loss:.4g})"
        )
    return None
