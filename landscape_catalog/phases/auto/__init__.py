"""Thresholds that are found from a grid: the step, the noise of connectivity, the split of CKA."""

from landscape_catalog.phases.auto.found import AUTO, FoundThreshold
from landscape_catalog.phases.auto.resolve import find_thresholds

__all__ = ["AUTO", "FoundThreshold", "find_thresholds"]
