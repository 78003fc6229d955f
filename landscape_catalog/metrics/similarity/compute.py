"""CKA of the outputs of the two runs of a pair on perturbed training samples."""

from __future__ import annotations

import dataclasses

from landscape_catalog.metrics.context import Context
from landscape_catalog.metrics.numerics.features import prepared_features
from landscape_catalog.metrics.numerics.hsic import Prepared
from landscape_catalog.metrics.numerics.similarity import similarity
from landscape_catalog.metrics.similarity.spec import OutputSimilarity
from landscape_catalog.tasks import Perturbation


def compute(context: Context) -> OutputSimilarity:
    """Compare features that are computed once for each network of a cell."""
    one, other = (_features(context, which) for which in (0, 1))
    return similarity(one, other)


def _features(context: Context, which: int) -> Prepared:
    """Centred features of one network on the perturbed samples."""
    settings = context.settings
    apart = context.run_ids if settings.draw == "pair" else ()

    def make() -> Prepared:
        names = [field.name for field in dataclasses.fields(Perturbation) if field.name != "kind"]
        how = Perturbation(
            kind=settings.perturbation, **{name: getattr(settings, name) for name in names}
        )
        seed = context.seed("similarity", *apart)
        perturbed = context.task.perturb(context.train, how, seed=seed)
        return prepared_features(
            context.network(which), perturbed, context.task, layer=settings.layer
        )

    return context.remember(("features", context.run_ids[which], settings, *apart), make)
