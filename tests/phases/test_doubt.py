"""Doubts about a cell: training losses that depend on the batch-norm statistics."""

from __future__ import annotations

import math

import pytest

from landscape_catalog.phases import CellNumbers, differing_statistics

NAN = math.nan


@pytest.mark.parametrize(
    ("running", "recomputed", "differs"),
    [
        (0.09, 0.026, True),
        (0.026, 0.09, True),
        (0.06, 0.02, False),  # exactly three times
        (0.0601, 0.02, True),
        (0.02, 0.02, False),
        (NAN, 0.02, True),  # the running statistics have diverged
        (math.inf, 0.02, True),
        (NAN, NAN, False),  # not measured
    ],
)
def test_losses_that_differ_by_more_than_a_factor_of_three(
    running: float, recomputed: float, differs: bool
) -> None:
    means = {"train_loss_running": running, "train_loss_recomputed": recomputed}
    said = differing_statistics(CellNumbers(5, 5, means))
    assert (said is not None) == differs
    if said is not None:
        one, other = (
            f"{x:.3g}" if math.isfinite(x) else "not finite" for x in (running, recomputed)
        )
        assert f"{one} with running and {other} with recomputed" in said


def test_nothing_is_said_of_networks_without_batch_norm() -> None:
    assert differing_statistics(CellNumbers(5, 5, {"train_loss": 0.1})) is None
