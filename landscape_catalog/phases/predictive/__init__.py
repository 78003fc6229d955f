"""How sure a label is: predictive distributions of the phases of a grid's cells."""

from landscape_catalog.phases.predictive.labels import (
    SURE,
    LabelDistribution,
    label_distributions,
    percent,
)
from landscape_catalog.phases.predictive.observed import ObservedCell, Values

__all__ = [
    "SURE",
    "LabelDistribution",
    "ObservedCell",
    "Values",
    "label_distributions",
    "percent",
]
