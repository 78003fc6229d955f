"""Measurements of one run: loss and error, the Hessian."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import nn

from landscape_catalog.experiment.measure import Hessian
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.metrics.numerics.hessian.estimate import (
    HessianEstimate,
    HessianRecipe,
    hessian_density,
    hessian_estimate,
    layer_estimates,
)
from landscape_catalog.metrics.numerics.hessian.pyhessian import pyhessian_estimate
from landscape_catalog.pipeline.measure.context import Subject, fields_of, settings_of, values_of
from landscape_catalog.pipeline.shared.measurements import Needed
from landscape_catalog.store.measured import (
    DensityMeasurement,
    HessianMeasurement,
    LayersMeasurement,
    LossMeasurement,
)
from landscape_catalog.tasks import Samples


def loss(subject: Subject, needed: Needed) -> LossMeasurement:
    """Loss and error of one snapshot of a run, on training and test data."""
    network = subject.network(needed)
    train, test = (
        evaluate(network, data, subject.task) for data in (subject.data.train, subject.data.test)
    )
    return LossMeasurement(train=values_of(train), test=values_of(test))


def hessian(subject: Subject, needed: Needed) -> HessianMeasurement:
    """Top eigenvalue and trace, by the backend that is asked for."""
    settings, network, batch = _hessian_of(subject, needed)
    if settings.backend == "pyhessian":
        estimate = pyhessian_estimate(
            network,
            batch,
            subject.task,
            max_iterations=settings.max_iterations,
            tolerance=settings.tolerance,
            seed=needed.seed("hessian probes", settings.seed),
        )
    else:
        estimate = hessian_estimate(
            network, batch, subject.task, _hessian_recipe(settings), seed=_hessian_seeds(needed)
        )
    return _hessian_record(needed, estimate)


def layers(subject: Subject, needed: Needed) -> LayersMeasurement:
    """The same of each layer."""
    settings, network, batch = _hessian_of(subject, needed)
    found = layer_estimates(
        network, batch, subject.task, _hessian_recipe(settings), seed=_hessian_seeds(needed)
    )
    return LayersMeasurement(
        layers={name: _hessian_record(needed, estimate) for name, estimate in found.items()}
    )


def density(subject: Subject, needed: Needed) -> DensityMeasurement:
    """The density of all eigenvalues."""
    settings, network, batch = _hessian_of(subject, needed)
    found = hessian_density(
        network,
        batch,
        subject.task,
        _hessian_recipe(settings),
        probes=settings.density_probes,
        steps=settings.density_steps,
        seed=needed.seed("hessian density", settings.seed),
    )
    return DensityMeasurement(samples=settings.samples, **dataclasses.asdict(found))


def _hessian_of(subject: Subject, needed: Needed) -> tuple[Hessian, nn.Module, Samples]:
    """The settings, the network and the batch."""
    settings = settings_of(needed, Hessian)
    key = needed.seed("hessian batch", settings.seed)
    rows = np.random.Generator(np.random.Philox(key=key)).permutation(len(subject.data.train))
    batch = subject.data.train[torch.from_numpy(rows[: settings.samples])]
    return settings, subject.network(needed), batch


def _hessian_recipe(settings: Hessian) -> HessianRecipe:
    return HessianRecipe(**fields_of(HessianRecipe, settings))


def _hessian_seeds(needed: Needed) -> tuple[int, int]:
    seed = settings_of(needed, Hessian).seed
    return needed.seed("hessian start", seed), needed.seed("hessian probes", seed)


def _hessian_record(needed: Needed, estimate: HessianEstimate) -> HessianMeasurement:
    return HessianMeasurement(
        method=needed.probe["backend"],
        samples=needed.probe["samples"],
        **dataclasses.asdict(estimate),
    )
