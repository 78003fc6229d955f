"""MNIST: handwritten digits (LeCun, Bottou, Bengio and Haffner 1998)."""

from __future__ import annotations

from landscape_catalog.datasets.idx import idx_images
from landscape_catalog.datasets.published import published_dataset

IMAGES = idx_images(
    "MNIST",
    (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
)
DATASET = published_dataset("mnist", IMAGES)
