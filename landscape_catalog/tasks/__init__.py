"""What networks are asked to do: a batch, its loss, error, features and perturbation."""

from landscape_catalog.tasks.augmentation import augmented
from landscape_catalog.tasks.batches import epoch_batches
from landscape_catalog.tasks.classification import Classification
from landscape_catalog.tasks.perturbations import perturbed_inputs
from landscape_catalog.tasks.randomness import seeded
from landscape_catalog.tasks.samples import Samples
from landscape_catalog.tasks.task import Perturbation, Task
from landscape_catalog.tasks.translation import Translation

__all__ = [
    "Classification",
    "Perturbation",
    "Samples",
    "Task",
    "Translation",
    "augmented",
    "epoch_batches",
    "perturbed_inputs",
    "seeded",
]
