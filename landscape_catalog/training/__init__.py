"""Training: values in, values out."""

from landscape_catalog.training.loop import EpochRecord, Recipe, TrainedRun, train
from landscape_catalog.training.stopping import StoppingRule

__all__ = ["EpochRecord", "Recipe", "StoppingRule", "TrainedRun", "train"]
