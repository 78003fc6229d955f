"""The recipe numbers before networks were computed side by side, under which older results exist."""

from __future__ import annotations

import pytest

from landscape_catalog.metrics.barrier.spec import BarrierMetric
from landscape_catalog.metrics.connectivity.spec import ConnectivityMetric
from landscape_catalog.schema.identity import GROUPED_RECIPES, RECIPES


def use_former_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash ids as before, without the numbers of what is computed side by side."""
    for grouped, alone in (
        (GROUPED_RECIPES, RECIPES),
        (ConnectivityMetric.grouped_recipes, ConnectivityMetric.recipes),
        (BarrierMetric.grouped_recipes, BarrierMetric.recipes),
    ):
        for name in grouped:
            monkeypatch.setitem(grouped, name, alone[name])
