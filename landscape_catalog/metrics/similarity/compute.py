"""CKA between the outputs of the two runs of a pair on perturbed training samples."""

from __future__ import annotations

import dataclasses

from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.numerics.features import centred_features
from landscape_catalog.metrics.numerics.hsic import CentredFeatures
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.metrics.similarity.result import OutputSimilarity
from landscape_catalog.metrics.similarity.spec import SimilaritySettings
from landscape_catalog.tasks import Perturbation
from landscape_catalog.tasks.perturbations import COEFFICIENT_BATCH


def compute(context: Context) -> OutputSimilarity:
    """Compare features, which are computed once per network of a cell.

    Single samples' influences on errors are of use only if other pairs share the samples, or if
    samples share mixing coefficients.
    """
    settings: SimilaritySettings = context.settings
    one, other = (_features(context, which) for which in (0, 1))
    by_batch = settings.perturbation == "mixup" and settings.coefficient == "batch"
    found = dataclasses.replace(
        similarity(one, other), draw=settings.draw, block=COEFFICIENT_BATCH if by_batch else 1
    )
    if settings.draw == "shared" or by_batch:
        return found
    return dataclasses.replace(found, influences=None, debiased_influences=None, differing=None)


def _features(context: Context, which: int) -> CentredFeatures:
    """Centred features of one network on the perturbed samples."""
    settings = context.settings
    pair = context.run_ids if settings.draw == "pair" else ()

    def compute_features() -> CentredFeatures:
        names = [field.name for field in dataclasses.fields(Perturbation) if field.name != "kind"]
        perturbation = Perturbation(
            kind=settings.perturbation, **{name: getattr(settings, name) for name in names}
        )
        seed = context.seed("similarity", *pair, settings.seed)
        perturbed = context.task.perturb(context.train, perturbation, seed=seed)
        return centred_features(
            context.network(which), perturbed, context.task, layer=settings.layer
        )

    return context.remember(("features", context.run_ids[which], settings, *pair), compute_features)
