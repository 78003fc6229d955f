"""ResNet18(k): the paper's parameter counts, and agreement with torchvision's network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landscape_catalog.models.build import build
from landscape_catalog.models.resnet import resnet18


@pytest.mark.parametrize(("width", "count"), [(2, 11_420), (64, 11_173_962)])
def test_parameter_counts(width: int, count: int) -> None:
    assert sum(p.numel() for p in resnet18(width=width).parameters()) == count


def test_the_same_function_as_torchvision() -> None:
    """At k = 64 the layouts agree except for stem and max-pool: equal weights, equal outputs."""
    torchvision = pytest.importorskip("torchvision.models")
    reference = torchvision.resnet18(num_classes=10)
    reference.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    reference.maxpool = nn.Identity()
    ours = resnet18(width=64)
    with torch.no_grad():
        for value, theirs in zip(ours.parameters(), reference.parameters()):
            assert value.shape == theirs.shape
            theirs.copy_(value)
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ours.train(), reference.train()
    torch.testing.assert_close(ours(images), reference(images))


@pytest.mark.parametrize(("channels", "size"), [(1, 1), (1, 8), (3, 13), (2, 32)])
def test_any_image(channels: int, size: int) -> None:
    network = resnet18(width=1, in_channels=channels, num_classes=7).eval()
    assert network(torch.zeros(2, channels, size, size)).shape == (2, 7)


def test_initial_weights_depend_only_on_the_seed() -> None:
    def first(seed: int) -> torch.Tensor:
        return build(
            "resnet18", width=2, input_shape=(1, 8, 8), n_outputs=10, seed=seed
        ).conv1.weight  # type: ignore[return-value, union-attr]

    state = torch.random.get_rng_state()
    assert torch.equal(first(3), first(3))
    assert not torch.equal(first(3), first(4))
    assert torch.equal(state, torch.random.get_rng_state())


def test_bad_sizes() -> None:
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        resnet18(width=0)
