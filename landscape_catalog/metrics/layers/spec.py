"""The Hessian of each layer of a run: the diagonal block of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from landscape_catalog.metrics.hessian.spec import (
    PRODUCT_COST,
    HessianEstimate,
    HessianFamily,
    HessianSettings,
    usual_products,
)
from landscape_catalog.metrics.metric import Cost, Found
from landscape_catalog.schema.records import VALUES
from landscape_catalog.schema.tables import Row

USUAL_LAYERS = 10  # for guesses of time


@dataclass(frozen=True)
class LayerHessians:
    """Top eigenvalue and trace of each layer's block of the Hessian."""

    __pydantic_config__: ClassVar[ConfigDict] = VALUES

    layers: dict[str, HessianEstimate]
    """By the layer's name in torch, in the order of the network."""
    metric: Literal["layers"] = field(default="layers", kw_only=True)
    """Which metric."""


class LayersMetric(HessianFamily):
    """Top eigenvalue and trace of each layer, where `measure.hessian.layers` asks for them."""

    name = "layers"
    result = LayerHessians

    def ways(self, sections: tuple[Any, ...]) -> tuple[Any, ...]:
        """Only if it is asked for."""
        return tuple(settings for settings in sections if settings.layers)

    def cost(self, settings: HessianSettings, samples: int) -> Cost:
        """As the Hessian, for each layer."""
        return Cost(settings.samples, USUAL_LAYERS * usual_products(settings), PRODUCT_COST)

    def rows(self, found: Sequence[Found]) -> dict[str, list[Row]]:
        """A row of `hessians` for each layer."""
        results = [result for way in found for result in way.results]
        return {
            "hessians": [
                estimate.row(layer)
                for result in results
                for layer, estimate in result.layers.items()
            ]
        }
