"""Training of a network, without any file access."""

from landscape_catalog.training.loop import EpochRecord, TrainedRun, train
from landscape_catalog.training.recipe import Recipe, rate_factor
from landscape_catalog.training.snapshots import Snapshot
from landscape_catalog.training.stopping import StoppingRule

__all__ = [
    "EpochRecord",
    "Recipe",
    "Snapshot",
    "StoppingRule",
    "TrainedRun",
    "rate_factor",
    "train",
]
