"""Simulated grids whose boundary between sharp and flat is known, and grids without any.

Levels and noise are those of published grids of ResNet18 on CIFAR-10 (`imports/`): between runs,
ln training loss varies by 0.03 to 0.12 (quartiles over cells; 0.23 for 5% of them) and the ln of
the top eigenvalue by 0.15 to 0.35; between flat and sharp, training loss rises from about 0.001 to
0.02 to 0.2, and the top eigenvalue from 1 to 30 to 20 to 200, from where it falls again towards
high temperatures, to no more than that of cold flat cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from landscape_catalog.phases.diagram import Diagram, DiagramAxis

WIDTHS = [1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64, 91, 128]
BATCHES = [1024, 724, 512, 364, 256, 180, 128, 92, 64, 44, 32, 27, 24, 19, 16]


@dataclass(frozen=True)
class Planted:
    """A simulated grid and its truth.

    Attributes:
        diagram: the grid, with lines along temperature in the order of the loads.
        boundary: (loads,), the number of flat cells of each line; empty without a transition.
        barrier: (cells,), which cells have a barrier between runs.
        alike: (cells,), which cells have runs alike; empty if all are the same.
    """

    diagram: Diagram
    boundary: np.ndarray
    barrier: np.ndarray
    alike: np.ndarray


def planted_grid(seed: int, noise: float = 1.0) -> Planted:
    """A grid with a boundary that may bend with the load and leave the grid at its sides.

    Args:
        seed: of the grid.
        noise: factor on the spread of ln training loss and ln Hessian over runs.
    """
    random = np.random.default_rng([seed, 1])
    n_loads, n_temperatures, n_runs = _shape(random)
    boundary = _boundary(random, n_loads, n_temperatures)
    load = np.arange(n_loads)[:, None] / (n_loads - 1)  # 0 narrow … 1 wide
    steps = np.arange(n_temperatures) - boundary[:, None]  # 0: the first sharp cell
    sharp = steps >= 0
    scale = 12 / n_temperatures  # fewer temperatures are further apart
    level = random.uniform(np.log(5e-4), np.log(4e-3))
    loss = level - random.uniform(0, 0.8) * load
    jump = random.uniform(np.log(10), np.log(60), (n_loads, 1))
    loss = loss + sharp * (jump + scale * random.uniform(0.1, 0.4) * np.maximum(steps, 0))
    loss = np.minimum(loss, np.log(1.6) - random.uniform(0.5, 1.5) * load)
    between = np.log(random.uniform(3, 15, (n_loads, 1)))
    hessian = random.uniform(np.log(1), np.log(6)) - random.uniform(0, 1.5) * load
    hessian = hessian - scale * random.uniform(0.02, 0.25) * np.where(sharp, 0, steps)
    hessian = hessian + sharp * (between - scale * random.uniform(0.05, 0.3) * steps)
    _soften(random, loss, boundary)
    _soften(random, hessian, boundary)
    barrier = load < random.uniform(0.1, 0.6)
    alike = load > random.uniform(0.55, 0.75)
    return _grid(random, n_runs, noise, loss, hessian, sharp, barrier, alike, boundary)


def smooth_grid(seed: int, noise: float = 1.0) -> Planted:
    """A grid with smooth trends of training loss and the Hessian but without a transition.

    The trends are straight, curved or gently S-shaped, over a factor of 1 to 600; a part of the
    noise has the correlation of an autoregressive process.

    Args:
        seed: of the grid.
        noise: factor on the spread of ln training loss and ln Hessian over runs.
    """
    random = np.random.default_rng([seed, 2])
    n_loads, n_temperatures, n_runs = _shape(random)
    load = np.arange(n_loads)[:, None] / (n_loads - 1)
    shape = random.choice(["straight", "curved", "s-shaped"])
    low, high = np.sort(random.uniform(np.log(2e-3), np.log(1.2), 2))
    loss = low + (high - low) * _trend(random, shape, load, n_temperatures)
    span = random.uniform(-2, 2)
    hessian = random.uniform(0, 4) + span * _trend(random, shape, load, n_temperatures)
    loss, hessian = loss - random.uniform(0, 1) * load, hessian - random.uniform(0, 1) * load
    for values in (loss, hessian):
        values += _autoregressive(random, values.shape) * random.uniform(0, 0.15)
    sharp = np.full(loss.shape, np.median(loss) > np.log(0.05))
    barrier, alike = np.zeros((n_loads, 1), dtype=bool), np.zeros((n_loads, 1), dtype=bool)
    nowhere = np.empty(0, dtype=int)
    return _grid(random, n_runs, noise, loss, hessian, sharp, barrier, alike, nowhere)


def _shape(random: np.random.Generator) -> tuple[int, int, int]:
    return (
        int(random.integers(4, len(WIDTHS) + 1)),
        int(random.integers(5, len(BATCHES) + 1)),
        int(random.integers(2, 6)),
    )


def _boundary(random: np.random.Generator, n_loads: int, n_temperatures: int) -> np.ndarray:
    """The number of flat cells of each line; within the grid for at least half of the lines."""
    load = np.linspace(0, 1, n_loads)
    while True:
        start, rise, bend = (
            random.uniform(-0.5, 0.9),
            random.uniform(0, 1.2),
            random.uniform(0.4, 2),
        )
        place = np.rint(n_temperatures * (start + rise * load**bend)).astype(int)
        boundary = np.clip(place, 0, n_temperatures)
        if ((boundary > 0) & (boundary < n_temperatures)).mean() >= 0.5:
            return boundary


def _soften(random: np.random.Generator, values: np.ndarray, boundary: np.ndarray) -> None:
    """In a quarter of the lines, the first sharp cell is half-way between its neighbours."""
    for line, place in zip(values, boundary):
        if 0 < place < len(line) - 1 and random.random() < 0.25:
            line[place] = (line[place - 1] + line[place + 1]) / 2


def _trend(
    random: np.random.Generator, shape: str, load: np.ndarray, n_temperatures: int
) -> np.ndarray:
    """A smooth rise from 0 to 1 along the temperature, (loads, temperatures)."""
    t = np.linspace(0, 1, n_temperatures) + random.uniform(-0.3, 0.3) * (load - 0.5)
    if shape == "straight":
        return t
    if shape == "curved":
        return np.sign(t) * np.abs(t) ** random.uniform(0.6, 2.0)
    return 1 / (1 + np.exp(-random.uniform(2, 5) * (t - random.uniform(0.3, 0.7))))


def _autoregressive(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of unit variance, with a correlation of 0.5 between neighbours on the last axis."""
    noise = random.standard_normal(shape)
    for i in range(1, shape[1]):
        noise[:, i] = 0.5 * noise[:, i - 1] + np.sqrt(0.75) * noise[:, i]
    return noise


def _grid(
    random: np.random.Generator,
    n_runs: int,
    factor: float,
    loss: np.ndarray,
    hessian: np.ndarray,
    sharp: np.ndarray,
    barrier: np.ndarray,
    alike: np.ndarray,
    boundary: np.ndarray,
) -> Planted:
    """The means over runs of metrics with these levels, as a diagram."""
    n_loads, n_temperatures = loss.shape
    shape = (n_loads, n_temperatures)
    barrier, alike = np.broadcast_to(barrier, shape), np.broadcast_to(alike, shape)
    spread_loss, spread_hessian = factor * random.uniform((0.05, 0.15), (0.2, 0.4))
    both = random.standard_normal((*shape, n_runs))
    losses = np.exp(loss[..., None] + spread_loss * _outlying(random, both))
    own = 0.5 * both + np.sqrt(0.75) * random.standard_normal(both.shape)
    eigenvalues = np.exp(hessian[..., None] + spread_hessian * _outlying(random, own))
    n_pairs = n_runs * (n_runs - 1) // 2
    noise, relative = random.uniform(0.02, 0.25), random.uniform(0.1, 0.3)
    depth = random.uniform(3, 20) * (1 - 0.5 * random.random(shape))
    level = np.where(barrier, -depth, np.where(sharp, 10 * np.exp(loss), 0.0))
    pairs = random.standard_normal((*shape, n_pairs))
    mc = level[..., None] + (noise + relative * np.abs(level[..., None])) * pairs
    cka = np.where(alike, random.uniform(0.62, 0.75), random.uniform(0.4, 0.5))
    cka = np.where(sharp, 0.4, cka)[..., None] + 0.03 * random.standard_normal((*shape, n_pairs))
    samples = {"train_loss": losses, "top_eigenvalue": eigenvalues, "mode_connectivity": mc,
               "cka": cka}  # fmt: skip
    means = {name: values.mean(axis=-1).ravel() for name, values in samples.items()}
    sds, errors = {}, {}
    if n_pairs >= 3:
        sds = {name: values.std(axis=-1, ddof=1).ravel() for name, values in samples.items()}
        errors = {"mode_connectivity": sds["mode_connectivity"] / np.sqrt(n_pairs)}
    counts = {name: np.full(loss.size, values.shape[-1]) for name, values in samples.items()}
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    diagram = Diagram(
        axes=(
            DiagramAxis.of("load.width", WIDTHS[:n_loads]),
            DiagramAxis.of("temperature.batch_size", BATCHES[:n_temperatures]),
        ),
        variants=("base",),
        cell_ids=tuple(map(str, range(loss.size))),
        places=places.reshape(-1, 2),
        variant=np.zeros(loss.size, dtype=int),
        n_runs=np.full(loss.size, n_runs),
        n_converged=np.full(loss.size, n_runs),
        means=means,
        sds=sds,
        counts=counts,
        standard_errors=errors,
        fixed={"load.samples": 50_000},
        units={"mode_connectivity": "%"},
    )
    return Planted(diagram, boundary, barrier.ravel(), alike.ravel())


def _outlying(random: np.random.Generator, noise: np.ndarray) -> np.ndarray:
    """Noise in which one run in twenty deviates three times as much."""
    return np.where(random.random(noise.shape) < 0.05, 3 * noise, noise)
