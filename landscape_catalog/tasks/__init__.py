"""Tasks: how networks are called on a batch, its loss, error, features and perturbations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landscape_catalog._lazy import lazy_exports

if TYPE_CHECKING:
    from landscape_catalog.models.randomness import seeded
    from landscape_catalog.tasks.augmentation import augmented
    from landscape_catalog.tasks.batches import epoch_batches
    from landscape_catalog.tasks.classification import Classification
    from landscape_catalog.tasks.perturbations import perturbed_inputs
    from landscape_catalog.tasks.samples import Data, Samples
    from landscape_catalog.tasks.task import Perturbation, Task
    from landscape_catalog.tasks.translation import Translation

__all__ = [
    "Classification",
    "Data",
    "Perturbation",
    "Samples",
    "Task",
    "Translation",
    "augmented",
    "epoch_batches",
    "perturbed_inputs",
    "seeded",
]

_ROOM = "landscape_catalog.tasks"
__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Classification": f"{_ROOM}.classification",
        "Data": f"{_ROOM}.samples",
        "Perturbation": f"{_ROOM}.task",
        "Samples": f"{_ROOM}.samples",
        "Task": f"{_ROOM}.task",
        "Translation": f"{_ROOM}.translation",
        "augmented": f"{_ROOM}.augmentation",
        "epoch_batches": f"{_ROOM}.batches",
        "perturbed_inputs": f"{_ROOM}.perturbations",
        "seeded": "landscape_catalog.models.randomness",
    },
)
