"""Top eigenvalue and trace of a run's Hessian, with the backend that the settings name."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.hessian.result import HessianEstimate
from landscape_catalog.metrics.hessian.spec import HessianSettings
from landscape_catalog.metrics.numerics.hessian.estimate import HessianRecipe, hessian_estimate
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.tasks import Samples


def compute(context: Context) -> HessianEstimate:
    """Use Lanczos and deflated probes, or PyHessian, on the batch that all runs share."""
    settings: HessianSettings = context.settings
    network, batch = context.network(), hessian_batch(context)
    if settings.backend == "pyhessian":
        return pyhessian_estimate(
            network,
            batch,
            context.task,
            max_iterations=settings.max_iterations,
            tolerance=settings.tolerance,
            seed=context.seed("hessian probes", settings.seed),
        )
    return hessian_estimate(
        network, batch, context.task, hessian_recipe(settings), seed=hessian_seeds(context)
    )


def hessian_batch(context: Context) -> Samples:
    """The batch of this repeat, of a shuffle that depends only on the data and the seed.

    Repeat b takes the b-th `samples` samples, so batches are disjoint.
    """
    settings: HessianSettings = context.settings
    key = context.seed("hessian batch", settings.seed, repeat=0)
    rows = np.random.Generator(np.random.Philox(key=key)).permutation(len(context.train))
    start = context.repeat * settings.samples
    return context.train[torch.from_numpy(rows[start : start + settings.samples])]


def hessian_recipe(settings: HessianSettings) -> HessianRecipe:
    """The tolerances and limits of the native estimator."""
    names = [field.name for field in dataclasses.fields(HessianRecipe)]
    return HessianRecipe(**{name: getattr(settings, name) for name in names})


def hessian_seeds(context: Context) -> tuple[int, int]:
    """The seeds of the start vector and of the probes."""
    seed = context.settings.seed
    return context.seed("hessian start", seed), context.seed("hessian probes", seed)
