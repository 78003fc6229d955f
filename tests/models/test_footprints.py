"""The predicted numbers are those that autograd saves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from landscape_catalog.models.build import build
from landscape_catalog.models.registry import footprint

LENGTHS = (25, 30)
CASES = [
    ("resnet18", 2, (3, 32, 32), {}),
    ("resnet18", 8, (1, 8, 8), {}),
    ("resnet18", 3, (1, 9, 13), {}),
    ("vgg11", 8, (3, 32, 32), {"batch_norm": True}),
    ("vgg11", 4, (1, 40, 33), {"batch_norm": False}),
    ("transformer", 16, (), {"n_layers": 2, "n_heads": 8, "feed_forward": 4, "dropout": 0.0}),
    ("transformer", 8, (), {"n_layers": 3, "n_heads": 2, "feed_forward": 2, "dropout": 0.0}),
]


def saved_values(network: nn.Module, *inputs: Tensor) -> float:
    """Bytes that a forward pass saves besides parameters, per sample, in float32 values."""
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = network(*inputs).flatten(0, -2)
        nn.functional.cross_entropy(outputs, torch.zeros(len(outputs), dtype=torch.long))
    parameters = {p.untyped_storage().data_ptr() for p in network.parameters()}
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in kept}
    saved = sum(size for place, size in storages.items() if place not in parameters)
    return saved / 4 / len(inputs[0])


@pytest.mark.parametrize(("name", "width", "shape", "args"), CASES, ids=str)
def test_a_footprint_counts_what_is_saved(
    name: str, width: int, shape: tuple[int, ...], args: dict[str, Any]
) -> None:
    counted = footprint(
        name, width=width, input_shape=shape, n_outputs=100, args=args, lengths=LENGTHS
    )
    assert counted is not None
    network = build(name, width=width, input_shape=shape, n_outputs=100, args=args, seed=0)
    if shape:
        inputs = (torch.rand(16, *shape),)
    else:
        inputs = tuple(torch.randint(1, 100, (16, length)) for length in LENGTHS)
    assert counted.parameters == sum(p.numel() for p in network.parameters())
    assert counted.activations == pytest.approx(saved_values(network, *inputs), rel=0.05)
