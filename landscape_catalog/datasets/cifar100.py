"""CIFAR-100: photographs in a hundred classes (Krizhevsky 2009)."""

from __future__ import annotations

from landscape_catalog.datasets.cifar import cifar_images
from landscape_catalog.datasets.published import published_dataset

IMAGES = cifar_images(
    "CIFAR100",
    n_classes=100,
    files={
        "cifar-100-python/train": "16019d7e3df5f24257cddd939b257f8d",
        "cifar-100-python/test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "cifar-100-python/meta": "7973b15100ade9c7d40fb424638fde48",
    },
    archive=("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
)
DATASET = published_dataset("cifar100", IMAGES)
