"""Shifts and flips: every augmented image against all allowed variants of the original."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor

from landscape_catalog.tasks import Samples, augmented

Move = tuple[int, int, bool]


def images(n: int, *shape: int, seed: int = 0) -> Tensor:
    generator = np.random.Generator(np.random.Philox(key=seed))
    return torch.from_numpy(generator.integers(1, 256, size=(n, *shape), dtype=np.uint8))


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


def variants(image: np.ndarray, down: int, right: int) -> dict[bytes, Move]:
    """All shifts of (c, h, w) by up to `down` and `right`, zero-padded, with and without a flip."""
    _, height, width = image.shape
    found = {}
    for dy in range(-down, down + 1):
        for dx in range(-right, right + 1):
            moved = np.zeros_like(image)
            to = np.s_[:, max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
            source = np.s_[:, max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
            moved[to] = image[source]
            found[moved.tobytes()] = (dy, dx, False)
            found[np.ascontiguousarray(moved[:, :, ::-1]).tobytes()] = (dy, dx, True)
    assert len(found) == 2 * (2 * down + 1) * (2 * right + 1)
    return found


def moves(before: Tensor, after: Tensor, down: int, right: int) -> list[Move]:
    """The move of each image; fails for any but the allowed moves."""
    assert after.shape == before.shape
    return [
        variants(one.numpy(), down, right)[other.contiguous().numpy().tobytes()]
        for one, other in zip(before, after)
    ]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_images_of_32_pixels_move_by_up_to_four(dtype: torch.dtype) -> None:
    before = images(40, 3, 32, 32).to(dtype)
    targets = torch.arange(40)
    after = augmented(Samples(before, targets), generator())
    assert after.inputs.dtype == dtype
    assert torch.equal(after.targets, targets)
    found = moves(before, after.inputs, 4, 4)
    assert {dy for dy, _, _ in found} == set(range(-4, 5))  # 40 draws of 9
    assert {dx for _, dx, _ in found} == set(range(-4, 5))


def test_moves_are_uniform() -> None:
    """Images of 8 pixels move by one: 3 x 3 shifts, flipped or not."""
    before = images(1800, 1, 8, 8)
    after = augmented(Samples(before, torch.zeros(1800)), generator(1)).inputs
    counts = Counter(moves(before, after, 1, 1))
    assert len(counts) == 18
    assert sum((count - 100) ** 2 / 100 for count in counts.values()) < 40.8  # 17 degrees, 0.1%
    flipped = sum(count for (_, _, flip), count in counts.items() if flip)
    assert abs(flipped - 900) < 5 * (1800 / 4) ** 0.5


@pytest.mark.parametrize(
    ("height", "width", "down", "right"), [(32, 8, 4, 1), (8, 32, 1, 4), (4, 16, 1, 2)]
)
def test_each_side_moves_by_up_to_an_eighth(height: int, width: int, down: int, right: int) -> None:
    before = images(120, 2, height, width)
    after = augmented(Samples(before, torch.zeros(120)), generator(2)).inputs
    found = moves(before, after, down, right)
    assert max(abs(dy) for dy, _, _ in found) == down
    assert max(abs(dx) for _, dx, _ in found) == right


def test_successive_calls_differ() -> None:
    samples = Samples(images(20, 1, 16, 16), torch.zeros(20), torch.arange(20))
    shared = generator()
    first, second = augmented(samples, shared), augmented(samples, shared)
    assert torch.equal(first.inputs, augmented(samples, generator()).inputs)
    assert not torch.equal(first.inputs, second.inputs)
    assert torch.equal(samples.inputs, images(20, 1, 16, 16)), "the original images were modified"
    assert first.positions is samples.positions
