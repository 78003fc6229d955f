"""Simulated grids with planted effects, for the claims: smooth dependent noise, real phases."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from landscape_catalog.phases.yang2021 import Yang2021

WIDTH, SAMPLES = "load.width", "load.samples"
LABEL_NOISE, PIXEL_NOISE = "load.label_noise", "load.pixel_noise"
BATCH = "temperature.batch_size"
WIDTHS = (2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128)
BATCHES = (16, 24, 32, 44, 64, 92, 128, 180, 256, 364, 512, 724, 1024)
RULE = Yang2021()

LARGE: dict[str, Sequence[Any]] = {  # the shape of Zhou et al. 2024
    WIDTH: WIDTHS,
    SAMPLES: tuple(range(5000, 50001, 5000)),
    BATCH: BATCHES,
}
MIDDLE: dict[str, Sequence[Any]] = {WIDTH: WIDTHS[::2] + (256,), BATCH: (*BATCHES, 1448, 2048)}
SMALL: dict[str, Sequence[Any]] = {WIDTH: (1, 2, 4, 8), BATCH: (8, 32, 64, 128)}
NOISES: dict[str, Sequence[Any]] = {
    WIDTH: WIDTHS[::2],
    LABEL_NOISE: (0.0, 0.05, 0.1, 0.2, 0.3, 0.4),
    BATCH: BATCHES[::2],
}
PIXELS: dict[str, Sequence[Any]] = {
    WIDTH: WIDTHS[::3],
    PIXEL_NOISE: (0.0, 10.0, 20.0, 40.0, 80.0),
    BATCH: BATCHES[::2],
}


@dataclass(frozen=True)
class World:
    """A grid with planted effects; all of them are 0 by default.

    An effect named `x_of_y` is the change of x from the smallest to the largest y. Load goes by
    `width` and `data` (0 to 1 over the axis), noise by its amount, temperature by `heat`.

    Attributes:
        axes: values of each axis.
        variants: names of the variants.
        fixed: parameters with one value.
        dependence: correlation of the noise of neighbouring cells along each axis.
        noise: factor of the noise of all metrics.
    """

    axes: Mapping[str, Sequence[Any]] = field(default_factory=lambda: MIDDLE)
    variants: tuple[str, ...] = ("base",)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    dependence: float = 0.5
    noise: float = 1.0
    uneven: bool = False  # effects of width and data on mc and CKA vanish at the cold end
    hessian_of_heat: float = 4.0  # ln; makes cells sharp at the hot end
    hessian_of_width: float = 0.0  # ln; wide cells are flatter if negative
    hardness_of_data: float = 0.0  # ln; with more data, cells are sharper and less fitted
    hessian_of_data: float = 0.0
    hessian_of_label_noise: float = 0.0
    mc_of_width: float = 0.0
    mc_of_data: float = 0.0
    mc_of_label_noise: float = 0.0
    mc_of_pixel_noise: float = 0.0
    mc_offset: float = 0.0
    cka_of_width: float = 0.0
    cka_of_data: float = 0.0
    cka_of_label_noise: float = 0.0
    cka_of_pixel_noise: float = 0.0
    cka_of_heat: float = 0.0
    cka_of_sharp: float = 0.0
    cka_of_poor: float = 0.0
    accuracy_of_width: float = 0.0
    accuracy_of_iv_b: float = 0.0
    accuracy_of_poor: float = 0.0
    accuracy_of_sharp: float = 0.0
    accuracy_of_sharp_if_poor: float = 0.0
    accuracy_at_transition: float = 0.0
    accuracy_by_all: float = 0.0  # a function of the Hessian, mc and CKA together
    accuracy_by_hessian: float = 0.0
    accuracy_by_l2: float = 0.0
    decay_gain: float = 0.0
    decay_gain_at_boundary: float = 0.0

    def diagram(self, seed: int) -> Diagram:
        """One draw of the noise."""
        return _diagram(self, np.random.default_rng(seed))


def _diagram(world: World, rng: np.random.Generator) -> Diagram:
    axes = tuple(DiagramAxis.of(path, list(values)) for path, values in world.axes.items())
    shape = (len(world.variants), *(len(axis.values) for axis in axes))
    places = np.array(list(itertools.product(*map(range, shape))))
    u = {
        axis.path: places[:, i + 1] / max(1, shape[i + 1] - 1) - 0.5 for i, axis in enumerate(axes)
    }
    zero = np.zeros(len(places))
    width, data, heat = (u.get(path, zero) for path in (WIDTH, SAMPLES, BATCH))
    label, pixel = (-u.get(path, zero) for path in (LABEL_NOISE, PIXEL_NOISE))

    def noise(sd: float) -> np.ndarray:
        return world.noise * sd * smooth_noise(shape, world.dependence, rng)

    s = world.hessian_of_heat * heat + world.hessian_of_width * width + noise(0.5)
    s = s + world.hardness_of_data * data
    ln_hessian = s + world.hessian_of_data * data + world.hessian_of_label_noise * label
    strength = 2 / (1 + np.exp(-heat / 0.15)) if world.uneven else 1.0
    mc = world.mc_offset + noise(2.0)
    mc += strength * (world.mc_of_width * width + world.mc_of_data * data)
    mc += world.mc_of_label_noise * label + world.mc_of_pixel_noise * pixel
    mc = np.minimum(mc, 0.5)
    sharp, poor = s > 0, mc < -1
    cka = 0.5 + noise(0.06)
    cka += strength * (world.cka_of_width * width + world.cka_of_data * data)
    cka += world.cka_of_label_noise * label + world.cka_of_pixel_noise * pixel
    cka += world.cka_of_heat * heat + world.cka_of_sharp * sharp + world.cka_of_poor * poor
    l2 = 5 + noise(1.0)
    accuracy = 70 + noise(2.0) + world.accuracy_of_width * width
    accuracy += world.accuracy_of_poor * poor + world.accuracy_of_sharp * sharp
    accuracy += world.accuracy_of_sharp_if_poor * (sharp & poor)
    accuracy += world.accuracy_of_iv_b * (~sharp & ~poor & (cka >= 0.5))
    accuracy += world.accuracy_at_transition * np.exp(-((s / 0.6) ** 2))
    accuracy += world.accuracy_by_all * (0.15 * mc + 5 * cka - 0.03 * ln_hessian)
    accuracy += world.accuracy_by_hessian * ln_hessian + world.accuracy_by_l2 * l2
    decayed = places[:, 0] == 1
    near = np.exp(-((world.mc_of_width * width + world.mc_offset + 1) ** 2) / 8)
    accuracy += decayed * (world.decay_gain + world.decay_gain_at_boundary * near)
    means = {
        "train_loss": 0.05 * np.exp(1.5 * s),
        "top_eigenvalue": 38.0 * np.exp(np.minimum(ln_hessian, 10)),
        "mode_connectivity": mc,
        "cka": np.clip(cka, 0, 1),
    }
    phases = RULE.labels(1, 1, {name: means[name] for name in RULE.metrics}, {})
    means |= {
        "trace": 10 * means["top_eigenvalue"],
        "l2_distance": l2,
        "test_accuracy": accuracy,
        "test_error": 100 - accuracy,
    }
    ones = np.ones(len(places), dtype=int)
    return Diagram(
        axes=axes,
        variants=world.variants,
        cell_ids=tuple("/".join(map(str, place)) for place in places),
        places=places[:, 1:],
        variant=places[:, 0],
        n_runs=ones,
        n_converged=ones,
        means=means,
        phases=tuple(phases),
        fixed=world.fixed,
    )


def smooth_noise(shape: tuple[int, ...], dependence: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise of variance 1 whose correlation is dependence**(steps) along every axis.

    The first axis, of the variants, is independent.
    """
    found = rng.standard_normal(shape)
    for axis, n in list(enumerate(shape))[1:]:
        steps = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        root = np.linalg.cholesky(dependence**steps if dependence else np.eye(n))
        found = np.moveaxis(np.tensordot(root, found, axes=(1, axis)), 0, axis)
    flat: np.ndarray = found.reshape(math.prod(shape))
    return flat
