"""Perturbed training samples: mixtures of two samples, or one sample with noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from landscape_catalog.tasks.samples import Samples
from landscape_catalog.tasks.task import Perturbation

COEFFICIENT_BATCH = 128  # samples that share a mixup coefficient in the authors' code


def perturbed_inputs(samples: Samples, how: Perturbation, *, seed: int) -> Samples:
    """Perturb numeric inputs with `mixup` or `pixel_noise`.

    A mixture has the target of its first sample.

    Args:
        samples: training samples; images are on the 0-255 scale.
        how: kind, number and size of the perturbations.
        seed: of the counter-based generator.

    Raises:
        ValueError: for another kind of perturbation.
    """
    generator = np.random.Generator(np.random.Philox(key=seed))
    if how.kind == "mixup":
        return _mixup(samples, how, generator)
    if how.kind == "pixel_noise":
        return _pixel_noise(samples, how, generator)
    raise ValueError(f"{how.kind} is not defined for numeric inputs")


def _mixup(samples: Samples, how: Perturbation, generator: np.random.Generator) -> Samples:
    """x = l x1 + (1 - l) x2 with l ~ Beta(alpha, alpha), x1 and x2 drawn with replacement.

    Source: Zhang et al. 2018; Yang et al. 2021, appendix A.1.
    """
    first, second = generator.integers(len(samples), size=(2, how.samples))
    if how.coefficient == "sample":
        drawn = generator.beta(how.alpha, how.alpha, size=how.samples)
    else:
        batches = -(-how.samples // COEFFICIENT_BATCH)
        drawn = generator.beta(how.alpha, how.alpha, size=batches).repeat(COEFFICIENT_BATCH)
    coefficients = torch.from_numpy(drawn[: how.samples])
    inputs = samples.inputs
    one, other = _floats(inputs[first]), _floats(inputs[second])
    mixing = coefficients.to(one.dtype).to(inputs.device).view(-1, *[1] * (inputs.ndim - 1))
    return Samples(mixing * one + (1 - mixing) * other, samples.targets[first])


def _pixel_noise(samples: Samples, how: Perturbation, generator: np.random.Generator) -> Samples:
    """x = x1 + u with u uniform in [0, noise] for each pixel; integer images are clipped at 255.

    Source: Yang et al. 2021, appendix A.4.1.
    """
    rows = generator.integers(len(samples), size=how.samples)
    chosen = samples.inputs[rows]
    noise = torch.from_numpy(generator.random(tuple(chosen.shape), dtype=np.float32))
    noisy = _floats(chosen) + how.noise * noise.to(chosen.device)
    if not chosen.is_floating_point():
        noisy = noisy.clamp(max=255)
    return Samples(noisy, samples.targets[rows])


def _floats(inputs: Tensor) -> Tensor:
    return inputs if inputs.is_floating_point() else inputs.to(torch.float32)
