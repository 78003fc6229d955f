"""Simulated grids of which the right advice is known."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from landscape_catalog.diagnosis.model import DiagnosisModel, learners
from landscape_catalog.diagnosis.model.fit import fit_model
from landscape_catalog.phases import Yang2021
from landscape_catalog.phases.diagram import Diagram, DiagramAxis
from tests.thorough import THOROUGH

WIDTHS, SAMPLES = (2, 4, 8, 16, 32), (1000, 2000, 4000, 8000)
BATCHES = (512, 256, 128, 64, 32, 16, 8)
ABOUT = {
    "name": "planted",
    "experiment_id": "e",
    "classification_id": "c",
    "dataset": "made up",
    "model": "none",
}
# The best temperature (index of the batch size) lies here, for each width.
BEST = np.array([4, 4, 3, 2, 2])


def diagram(axes: dict[str, tuple[Any, ...]], means: dict[str, np.ndarray]) -> Diagram:
    """A whole grid; the arrays have its shape."""
    made = tuple(DiagramAxis.of(path, values) for path, values in axes.items())
    assert [axis.values for axis in made] == list(axes.values())
    places = np.array(list(itertools.product(*(range(len(axis.values)) for axis in made))))
    n = len(places)
    return Diagram(
        axes=made,
        variants=("base",),
        cell_ids=tuple(f"cell{i:04}" for i in range(n)),
        places=places,
        variant=np.zeros(n, dtype=int),
        n_runs=np.full(n, 2),
        n_converged=np.full(n, 2),
        means={
            name: np.broadcast_to(one, [len(a.values) for a in made]).ravel().astype(float)
            for name, one in means.items()
        },
        phases=("IV-A",) * n,
    )


def planted(seed: int = 0) -> Diagram:
    """Widths by samples by batch sizes, in the layout of the paper.

    Colder than the best temperature training ends at a minimum, hotter it does not; narrow networks
    that do have a barrier between runs. Test accuracy falls by 2 points for each step away from the best
    temperature, and rises by 3 with each width and by 5 with each amount of data.
    """
    r = np.random.default_rng(seed)
    w, s, t = np.meshgrid(*map(np.arange, (5, 4, 7)), indexing="ij")
    away = t - BEST[w]
    noise = lambda sd: r.normal(0, sd, w.shape)  # noqa: E731
    loss = np.where(away > 0, 0.1 * np.maximum(away, 1), 0.002) * np.exp(noise(0.1))
    mc = np.where(away > 0, 3.0 * away, np.where(w < 2, -12.0 + 3 * w, 0.0)) + noise(0.1)
    return diagram(
        {
            "load.width": WIDTHS,
            "load.samples": SAMPLES,
            "temperature.batch_size": BATCHES,
        },
        {
            "test_accuracy": 40 + 3.0 * w + 5.0 * s - 2.0 * np.abs(away),
            "test_error": 60 - 3.0 * w - 5.0 * s + 2.0 * np.abs(away),
            "train_loss": loss,
            "train_error": 20 * loss,
            "top_eigenvalue": np.exp(4 - 0.5 * t + noise(0.1)),
            "trace": np.exp(7 - 0.5 * t + noise(0.1)),
            "mode_connectivity": mc,
            "peak_error": np.maximum(-mc, 0) + 20 * loss,
            "cka": 0.2 + 0.08 * w + 0.06 * s + noise(0.01),
        },
    )


def fitted(grid: Diagram | None = None, **options: Any) -> DiagnosisModel:
    """A model of a grid under the default rule; from all features alone, unless asked otherwise."""
    options = {"reduced": False, **options}
    with small_forests():
        return fit_model(grid or planted(), Yang2021(), about=ABOUT, **options)


@contextmanager
def small_forests() -> Iterator[None]:
    """Fit with few trees, which take most of the time, unless the tests are to be thorough."""
    if THOROUGH:
        yield
        return
    with mock.patch.multiple(learners, TREES=15, GAIN_TREES=15):
        yield
