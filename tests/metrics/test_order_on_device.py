"""Loops over batches copy the order of a whole epoch to the device at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from landscape_catalog.metrics.numerics.batchnorm import recompute_batchnorm
from landscape_catalog.metrics.numerics.curves.fit import fit_curve
from landscape_catalog.metrics.numerics.curves.points import curve_points
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Recipe, train

N, BATCH_SIZES = 23, (4, 11)  # no other tensors of integers have as many rows and columns
TASK = Classification((0.5,), (0.25,))


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The devices that orders are copied to. A missing device shows as the default, a string."""
    devices: list[Any] = []
    to = Tensor.to

    def recorded(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.dtype == torch.int64 and self.shape in [(N // b, b) for b in BATCH_SIZES]:
            devices.extend(args)
        return to(self, *args, **kwargs)

    monkeypatch.setattr(Tensor, "to", recorded)
    yield devices
    assert all(isinstance(device, torch.device) for device in devices)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_an_order_is_copied_once_per_epoch(batch_size: int, copies: list[Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (N, 1, 4, 4), dtype=torch.uint8, generator=generator)
    data = Samples(images, torch.arange(N) % 3)
    networks = [
        build("resnet18", width=1, input_shape=(1, 4, 4), n_outputs=3, seed=seed) for seed in (0, 1)
    ]
    recipe = Recipe(batch_size=batch_size, epochs=2, stop_tolerance=0)
    train(networks[0], data, TASK, recipe, seed=0)
    assert len(copies) == 2
    ends = (networks[0].state_dict(), networks[1].state_dict())
    for length in ({"epochs": 2}, {"updates": N // batch_size + 1}):
        copies.clear()
        curve = fit_curve(
            networks[0], ends, data, TASK, CurveRecipe(batch_size=batch_size, **length), seed=0
        )
        assert len(copies) == 2
    copies.clear()
    recompute_batchnorm(networks[0], data, TASK, batch_size=batch_size, seed=0)
    assert len(copies) == 1
    curve_points(networks[0], curve, data, data, TASK, points=3, batch_size=batch_size, seed=0)
    assert len(copies) > 1
