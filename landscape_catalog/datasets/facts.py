"""What is known of a dataset before it is prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from landscape_catalog.datasets.checksums import joined_checksum
from landscape_catalog.datasets.pool import ImagePool, Pool, TextPool

Kind = Literal["images", "text", "points"]
TURNED = "images are turned as EXIF says"  # joins the checksum of data that this changes


@dataclass(frozen=True)
class DataFacts:
    """Kind, size and shape of a dataset, known before it is prepared.

    Attributes:
        kind: `images`, `text` (pairs of sentences) or `points` (custom arrays).
        checksum: of the raw data.
        n_train: number of samples from which training and held-out data are drawn; an upper bound
            unless `counted`.
        n_test: number of samples of the dataset's own test split; 0: the test set is held out.
        n_outputs: number of classes, or vocabulary size; 0 if there are none.
        shape: of one input as it is read, (channels, height, width) for images.
        counted: whether n_train is exact; long sentence pairs are only dropped on reading.
        single_class: the first class of images with a single training sample, or None.
    """

    kind: Kind
    checksum: str
    n_train: int
    n_test: int
    n_outputs: int
    shape: tuple[int, ...]
    counted: bool = True
    single_class: int | None = None

    def n_available(self, test_samples: int | Literal["all"]) -> int:
        """Number of training samples left after holding out that many test samples."""
        held_out = 0 if self.n_test or test_samples == "all" else test_samples
        return self.n_train - held_out

    def input_shape(self, resize: int | tuple[int, int] | None) -> tuple[int, ...]:
        """Shape of one input as the network receives it, after resizing images."""
        if self.kind != "images" or resize is None:
            return self.shape
        return (self.shape[0], *(resize if isinstance(resize, tuple) else (resize, resize)))


def facts_of(pool: Pool, checksum: str, *, vocabulary: int) -> DataFacts:
    """The facts of a dataset that has been read."""
    if isinstance(pool, TextPool):
        n_test = len(pool.test_sources or ())
        return DataFacts("text", checksum, len(pool.sources), n_test, vocabulary, ())
    if isinstance(pool, ImagePool):
        n_test = 0 if pool.test_labels is None else len(pool.test_labels)
        n_train, shape = len(pool.labels), pool.images.shape[1:]
        classes, counts = np.unique(pool.labels, return_counts=True)
        single = next(map(int, classes[counts == 1]), None)
        if pool.turned:
            checksum = joined_checksum([checksum, TURNED])
        return DataFacts(
            "images", checksum, n_train, n_test, pool.n_classes, shape, single_class=single
        )
    n_test = 0 if pool.test_inputs is None else len(pool.test_inputs)
    n_train, shape = len(pool.inputs), pool.inputs.shape[1:]
    return DataFacts("points", checksum, n_train, n_test, pool.n_classes or 0, shape)
