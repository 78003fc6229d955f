"""What networks are asked to do: a batch, its loss, error, features and perturbation."""

from landscape_catalog.tasks.batches import epoch_batches
from landscape_catalog.tasks.classification import Classification

__all__ = ["Classification", "epoch_batches"]
