"""Labels as classes: whole numbers from 0 without gaps, and the same ones in a test split."""

from __future__ import annotations

import numpy as np

from landscape_catalog.errors import DataError


def training_classes(
    labels: np.ndarray, where: str, n_classes: int | None = None
) -> tuple[np.ndarray, int]:
    """Training labels as int64, and how many classes they are of.

    Args:
        labels: (n,) of any type of whole numbers, at least one.
        where: what the message names.
        n_classes: how many there are, where that is declared: some may then have no sample.

    Raises:
        DataError: if a label is negative or too high, if a class below the highest has no sample,
            or if there are fewer than two classes.

    >>> training_classes(np.array([2, 0, 1, 2], np.uint8), "labels")
    (array([2, 0, 1, 2]), 3)
    """
    present = np.unique(labels)  # in their own type: what int64 cannot hold is still itself
    if present[0] < 0:
        first = int(np.argmax(labels < 0))
        raise DataError(f"{where}: {labels[first]} at index {first}; classes count from 0")
    if n_classes is None:
        gaps = np.flatnonzero(present != np.arange(len(present)).astype(present.dtype))
        if len(gaps):
            raise DataError(
                f"{where}: class {gaps[0]} has no training sample, and the highest is "
                f"{present[-1]}; number the classes from 0 without gaps"
            )
        n_classes = len(present)
    elif int(present[-1]) >= n_classes:
        first = int(np.argmax(labels == present[-1]))
        raise DataError(
            f"{where}: {present[-1]} at index {first}; allowed: classes 0 to {n_classes - 1}"
        )
    if n_classes < 2:
        raise DataError(f"{where}: only one class; at least 2 are needed")
    return labels.astype(np.int64), n_classes


def classes_of_test(test_labels: np.ndarray, labels: np.ndarray, where: str) -> np.ndarray:
    """Test labels as int64, each of a class that the training labels have.

    Raises:
        DataError: naming the first label of another class.
    """
    highest = int(labels.max())
    known = (test_labels >= 0) & (test_labels <= highest)  # before int64, which may not hold them
    whole = test_labels.astype(np.int64)
    unknown = np.flatnonzero(~(known & np.isin(whole, labels)))
    if len(unknown):
        first = unknown[0]
        raise DataError(
            f"{where}: {test_labels[first]} at index {first} is no class that the training "
            f"labels have; they go from {labels.min()} to {highest}"
        )
    return whole
