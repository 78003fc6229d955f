"""What the networks are asked to do: a batch, its loss, its error, its features, its perturbation."""

from landscape_catalog.tasks.classification import Classification, frequency_loss

__all__ = ["Classification", "frequency_loss"]
