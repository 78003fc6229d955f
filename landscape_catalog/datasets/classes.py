"""Check class labels: integers from 0 without gaps, and the same classes in the test split."""

from __future__ import annotations

import numpy as np

from landscape_catalog.errors import DataError


def training_classes(
    labels: np.ndarray, where: str, n_classes: int | None = None
) -> tuple[np.ndarray, int]:
    """Training labels as int64, and the number of classes.

    Args:
        labels: (n,) of any integer type, not empty.
        where: how messages refer to the labels.
        n_classes: the number of classes, if it is declared; some may then have no sample.

    Raises:
        DataError: if a label is negative or too large, if a class below the highest has no sample,
            or if there are fewer than two classes.

    >>> training_classes(np.array([2, 0, 1, 2], np.uint8), "labels")
    (array([2, 0, 1, 2]), 3)
    """
    present = np.unique(labels)  # in their own type: int64 cannot represent every uint64
    if present[0] < 0:
        first = int(np.argmax(labels < 0))
        raise DataError(f"{where}: {labels[first]} at index {first}; classes are numbered from 0")
    if n_classes is None:
        gaps = np.flatnonzero(present != np.arange(len(present)).astype(present.dtype))
        if len(gaps):
            raise DataError(
                f"{where}: class {gaps[0]} has no training sample, but the highest class is "
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
    """Test labels as int64, each of which must be a class of the training labels.

    Raises:
        DataError: names the first label of another class.
    """
    highest = int(labels.max())
    known = (test_labels >= 0) & (test_labels <= highest)  # before a cast that may overflow
    whole = test_labels.astype(np.int64)
    unknown = np.flatnonzero(~(known & np.isin(whole, labels)))
    if len(unknown):
        first = unknown[0]
        raise DataError(
            f"{where}: {test_labels[first]} at index {first} is not a class of the training "
            f"labels, which range from {labels.min()} to {highest}"
        )
    return whole
