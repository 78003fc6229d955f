"""Perturbed samples: the moments of mixtures and noise."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from landscape_catalog.tasks import Perturbation, Samples, perturbed_inputs

# Two samples, (1, 0) and (0, 1), with targets 0 and 1: a mixture of both has its coefficient at the
# index of its target.
CORNERS = Samples(torch.eye(2), torch.tensor([0, 1]))


def coefficients(how: Perturbation, *, seed: int = 0) -> Tensor:
    """The coefficient of each mixture; NaN if the two partners are the same sample."""
    mixed = perturbed_inputs(CORNERS, how, seed=seed)
    assert mixed.inputs.shape == (how.samples, 2)
    torch.testing.assert_close(mixed.inputs.sum(1), torch.ones(how.samples))
    found = mixed.inputs.double()[torch.arange(how.samples), mixed.targets]
    return torch.where(found == 1, torch.nan, found)


def test_one_coefficient_per_batch_of_128() -> None:
    found = coefficients(Perturbation(samples=300, coefficient="batch", alpha=1.0))
    blocks = [block[~block.isnan()] for block in found.split(128)]
    assert [len(block) > 10 for block in blocks] == [True] * 3  # the last has 44 samples
    for block in blocks:
        assert len(block.unique()) == 1
    assert len(torch.cat(blocks).unique()) == 3


def test_one_coefficient_per_sample() -> None:
    found = coefficients(Perturbation(samples=300, alpha=1.0))
    mixed = found[~found.isnan()]
    assert len(mixed.unique()) == len(mixed)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 16.0])
@pytest.mark.parametrize("coefficient", ["sample", "batch"])
def test_coefficients_are_beta_distributed(alpha: float, coefficient: str) -> None:
    """Mean 1/2, variance 1 / (4 (2 alpha + 1)); half of the pairs are two different samples."""
    draws, stride = (40_000, 1) if coefficient == "sample" else (20_000, 128)
    how = Perturbation(samples=draws * stride, alpha=alpha, coefficient=coefficient)  # type: ignore[arg-type]
    found = coefficients(how)[::stride]
    both = found[~found.isnan()]
    variance = 1 / (4 * (2 * alpha + 1))
    assert len(both) / draws == pytest.approx(0.5, abs=0.018)
    assert abs(float(both.mean()) - 0.5) < 5 * math.sqrt(variance / len(both))
    assert float(both.var()) == pytest.approx(variance, rel=0.05)


def test_mixtures_of_bytes() -> None:
    """On the 0-255 scale, without rounding; the target is that of the first partner."""
    images = torch.tensor([0, 200], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 2, 2)
    mixed = perturbed_inputs(
        Samples(images, torch.tensor([7, 9])), Perturbation(samples=4000), seed=0
    )
    assert mixed.inputs.dtype == torch.float32
    flat = mixed.inputs.flatten(1)
    assert torch.equal(flat, flat[:, :1].expand(-1, 12))
    assert flat.min() == 0
    assert float(flat.max()) == pytest.approx(200)
    assert ((flat % 1) != 0).any()
    # Beta(16, 16) is above 1/2 half of the time: the first partner has no larger weight on average.
    bright = flat[(flat[:, 0] > 1) & (flat[:, 0] < 199) & (mixed.targets == 9), 0]
    assert float(bright.mean()) == pytest.approx(100, abs=3)


NOISE = Perturbation(kind="pixel_noise", samples=500, noise=40.0)


def test_noise_is_uniform() -> None:
    """Independent for each pixel: mean u/2 and variance u^2/12, within five standard errors."""
    dark = Samples(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), torch.arange(3))
    found = perturbed_inputs(dark, NOISE, seed=0).inputs
    assert found.shape == (500, 1, 4, 4)
    assert found.dtype == torch.float32
    assert (found >= 0).all()
    assert (found <= 40).all()
    values = found.double().flatten()
    assert abs(float(values.mean()) - 20) < 5 * 40 / math.sqrt(12 * 8000)
    # The variance of a uniform variable's squared deviation is u^4 / 180.
    assert abs(float(values.var()) - 1600 / 12) < 5 * 1600 / math.sqrt(180 * 8000)
    assert len(values.unique()) > 7900


def test_bytes_are_clipped_and_floats_are_not() -> None:
    bytes_ = Samples(torch.full((2, 1, 2, 2), 250, dtype=torch.uint8), torch.arange(2))
    clipped = perturbed_inputs(bytes_, NOISE, seed=1).inputs
    assert clipped.max() == 255
    assert clipped.min() >= 250
    assert float((clipped == 255).double().mean()) == pytest.approx(35 / 40, abs=0.05)
    floats = Samples(torch.full((2, 1, 2, 2), 250.0), torch.arange(2))
    free = perturbed_inputs(floats, NOISE, seed=1).inputs
    assert free.max() > 285
    torch.testing.assert_close(free.clamp(max=255), clipped)


def test_noise_keeps_samples_with_their_targets() -> None:
    data = Samples(10.0 * torch.arange(20.0).view(-1, 1), torch.arange(20))
    found = perturbed_inputs(data, Perturbation(kind="pixel_noise", samples=900, noise=9.0), seed=2)
    assert torch.equal((found.inputs[:, 0] / 10).floor().long(), found.targets)
    counts = found.targets.bincount(minlength=20)
    assert int(counts.sum()) == 900
    assert float(((counts - 45) ** 2 / 45).sum()) < 43.8  # chi-squared, 19 degrees, 0.1%


@pytest.mark.parametrize("kind", ["mixup", "pixel_noise"])
@pytest.mark.parametrize("samples", [1, 128, 641])
def test_counts_and_seeds(kind: str, samples: int) -> None:
    how = Perturbation(kind=kind, samples=samples)  # type: ignore[arg-type]
    data = Samples(torch.rand(30, 2, 3), torch.arange(30))
    one, same, other = (perturbed_inputs(data, how, seed=seed) for seed in (0, 0, 1))
    assert one.inputs.shape == (samples, 2, 3)
    assert one.targets.shape == (samples,)
    assert torch.equal(one.inputs, same.inputs)
    assert torch.equal(one.targets, same.targets)
    assert not torch.equal(one.inputs, other.inputs)


def test_token_noise_is_rejected() -> None:
    with pytest.raises(ValueError, match="token_noise is not defined for numeric inputs"):
        perturbed_inputs(CORNERS, Perturbation(kind="token_noise"), seed=0)
