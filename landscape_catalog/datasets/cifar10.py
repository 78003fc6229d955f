"""CIFAR-10: photographs in ten classes (Krizhevsky 2009)."""

from __future__ import annotations

from landscape_catalog.datasets.cifar import cifar_images
from landscape_catalog.datasets.published import published_dataset

IMAGES = cifar_images(
    "CIFAR10",
    n_classes=10,
    files={
        "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
        "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
        "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
        "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
    archive=("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
)
DATASET = published_dataset("cifar10", IMAGES)
