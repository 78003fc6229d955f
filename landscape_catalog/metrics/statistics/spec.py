"""Training loss with running and with recomputed batch-norm statistics, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.connectivity.spec import ConnectivitySettings
from landscape_catalog.metrics.estimate import Estimate, not_finite_reason
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.metric import Cost, Metric, Named, Quantity
from landscape_catalog.schema.records import VALUES

RUNNING, RECOMPUTED = "train_loss_running", "train_loss_recomputed"


@dataclass(frozen=True)
class TrainLosses:
    """Loss and error on the training data with either kind of batch-norm statistics."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    running: Evaluation
    """With the running statistics that training left."""
    recomputed: Evaluation
    """With the cumulative mean over train-mode batches of the training data."""
    unit: str = ""
    """Unit of the loss."""
    metric: Literal["statistics"] = field(default="statistics", kw_only=True)
    """Which metric."""


class StatisticsMetric(Metric):
    """Training loss with both kinds of batch-norm statistics, whichever of them decides.

    Where they differ, the running statistics do not fit the weights, for example after few or
    large steps. It is not measured on networks without batch norm, nor with
    `measure.batch_norm: authors`, which measures what it always did.
    """

    name = "statistics"
    scope = "run"
    result = TrainLosses
    recipes: ClassVar = {"statistics": 1}
    shared_recipes = ("task", "batch_norm")
    authors_statistics = None
    compares_statistics = True
    section = "connectivity"  # the batch size for recomputing
    identifies = False
    quantities = (Quantity(RUNNING, n_unit="units"), Quantity(RECOMPUTED, n_unit="units"))

    def select_probes(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """The primary probe of connectivity."""
        return sections[:1]

    def content(self, settings: ConnectivitySettings) -> dict[str, Any]:
        """The batch size for recomputing."""
        return {"batch_size": settings.batch_size}

    def cost(self, settings: ConnectivitySettings, samples: int) -> Cost:
        """Two evaluations, and one pass in train mode."""
        return Cost(settings.batch_size, samples // settings.batch_size, 3)

    def estimates(self, results: Sequence[TrainLosses]) -> Iterator[Named]:
        """Both losses: exact, since the training data define the landscape."""
        found = results[0]
        for name, values in ((RUNNING, found.running), (RECOMPUTED, found.recomputed)):
            reason = not_finite_reason("the loss", values.loss)
            yield (
                name,
                Estimate(values.loss, 0.0, "exact", values.n, "units", found.unit, reason=reason),
            )
