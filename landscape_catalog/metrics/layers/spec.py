"""The Hessian of each layer of a run: the diagonal block for the layer's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.hessian.result import HessianEstimate
from landscape_catalog.metrics.hessian.spec import (
    PRODUCT_COST,
    HessianFamily,
    HessianSettings,
    usual_products,
)
from landscape_catalog.metrics.metric import Cost
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import Row

USUAL_LAYERS = 10  # typical number of layers, for time estimates


@dataclass(frozen=True)
class LayerHessians:
    """Top eigenvalue and trace of each layer's diagonal block of the Hessian."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    layers: dict[str, HessianEstimate]
    """Estimates by the layer's module name, in the order of the network."""
    metric: Literal["layers"] = field(default="layers", kw_only=True)
    """Which metric."""


class LayersMetric(HessianFamily):
    """Top eigenvalue and trace of each layer, if `measure.hessian.layers` is true."""

    name = "layers"
    result = LayerHessians

    def select_probes(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """Only the probes that ask for it."""
        return tuple(settings for settings in sections if settings.layers)

    def cost(self, settings: HessianSettings, samples: int) -> Cost:
        """The cost of the whole Hessian, once per layer."""
        return Cost(settings.samples, USUAL_LAYERS * usual_products(settings), PRODUCT_COST)

    def rows(self, probe: str, results: Sequence[LayerHessians]) -> dict[str, list[Row]]:
        """A row of `hessians` for each layer."""
        return {
            "hessians": [
                estimate.row(layer)
                for result in results
                for layer, estimate in result.layers.items()
            ]
        }
