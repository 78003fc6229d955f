"""How sure a label is: predictive distributions of the phases of a grid's cells."""

from landscape_catalog.phases.predictive.labels import LabelDistribution, label_distributions
from landscape_catalog.phases.predictive.observed import ObservedCell, Values

__all__ = ["LabelDistribution", "ObservedCell", "Values", "label_distributions"]
