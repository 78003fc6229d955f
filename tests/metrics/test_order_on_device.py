"""What goes through the data in batches copies the order of an epoch to their device at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.numerics.curves.fit import CurveRecipe, fit_curve
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Recipe, train

N = 23  # samples: an order is the one vector of so many whole numbers
TASK = Classification((0.5,), (0.25,))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Where orders are sent. On the CPU a forgotten device shows as the default, a string."""
    found: list[Any] = []
    to = Tensor.to

    def recorded(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.shape == (N,) and self.dtype == torch.int64:
            found.extend(args)
        return to(self, *args, **kwargs)

    monkeypatch.setattr(Tensor, "to", recorded)
    yield found
    assert all(isinstance(device, torch.device) for device in found)


@pytest.mark.parametrize("batch_size", [4, 11])
def test_an_order_is_sent_once_an_epoch(batch_size: int, sent: list[Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (N, 1, 4, 4), dtype=torch.uint8, generator=generator)
    data = Samples(images, torch.arange(N) % 3)
    networks = [
        build("resnet18", width=1, input_shape=(1, 4, 4), n_outputs=3, seed=seed) for seed in (0, 1)
    ]
    recipe = Recipe(batch_size=batch_size, epochs=2, stop_tolerance=0)
    train(networks[0], data, TASK, recipe, seed=0)
    assert len(sent) == 2
    ends = (networks[0].state_dict(), networks[1].state_dict())
    for how in ({"epochs": 2}, {"updates": N // batch_size + 1}):
        sent.clear()
        curve = fit_curve(
            networks[0], ends, data, TASK, CurveRecipe(batch_size=batch_size, **how), seed=0
        )
        assert len(sent) == 2
    sent.clear()
    recompute_batchnorm(networks[0], data, TASK, batch_size=batch_size, seed=0)
    assert len(sent) == 1
    curve_points(networks[0], curve, data, data, TASK, points=3, batch_size=batch_size, seed=0)
    assert len(sent) > 1
