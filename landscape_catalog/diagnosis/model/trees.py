"""Decision trees as arrays, so that a model can be stored as JSON and evaluated without pickles."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from pydantic import model_validator

from landscape_catalog.diagnosis.model.parts import Finite, Part

LEAF = -1
DIGITS = 6  # of the values in leaves


class Tree(Part):
    """A binary tree: entry i of every list is about node i, and node 0 is the root."""

    feature: tuple[int, ...]
    """Index of the feature that the node compares; -1 for a leaf."""
    threshold: tuple[Finite, ...]
    """A cell goes left if its feature is at most this; 0 for a leaf."""
    left: tuple[int, ...]
    """Index of the left child, which is larger than the node's own; -1 for a leaf."""
    right: tuple[int, ...]
    """The same of the right child."""
    value: tuple[tuple[Finite, ...], ...]
    """The outputs of a leaf; empty for other nodes."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Children come after their parents, so that every walk ends in a leaf."""
        n = len(self.feature)
        lists = (self.threshold, self.left, self.right, self.value)
        if not n or any(len(one) != n for one in lists):
            raise ValueError("the lists of a tree differ in length, or are empty")
        for node, feature in enumerate(self.feature):
            children = (self.left[node], self.right[node])
            inner = feature != LEAF
            if inner and (feature < 0 or not all(node < child < n for child in children)):
                raise ValueError(f"node {node} of a tree has invalid children")
            if not inner and not self.value[node]:
                raise ValueError(f"node {node} of a tree is a leaf without a value")
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The outputs of the leaves that cells end in, (cells, outputs).

        Args:
            x: features, (cells, features), compared in single precision, as scikit-learn does.
        """
        x = x.astype(np.float32)
        feature, threshold = np.array(self.feature), np.array(self.threshold)
        left, right = np.array(self.left), np.array(self.right)
        width = max(map(len, self.value))
        values = np.array([one or (0.0,) * width for one in self.value])
        node = np.zeros(len(x), dtype=int)
        rows = np.arange(len(x))
        while np.any(inner := feature[node] != LEAF):
            at, own = rows[inner], node[inner]
            goes_left = x[at, feature[own]] <= threshold[own]
            node[inner] = np.where(goes_left, left[own], right[own])
        found: np.ndarray = values[node]
        return found


class Forest(Part):
    """The mean of trees."""

    trees: tuple[Tree, ...]
    """At least one."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The mean output of the trees, (cells, outputs), for features (cells, features)."""
        found: np.ndarray = np.mean([tree.predict(x) for tree in self.trees], axis=0)
        return found


def forest_of(estimators: Any, *, column: int | None = None) -> Forest:
    """Fitted trees of scikit-learn as a forest.

    Args:
        estimators: decision trees, classifiers or regressors.
        column: of a classifier, the class whose share is the output; None: all outputs.
    """
    return Forest(trees=tuple(_tree_of(one.tree_, column) for one in estimators))


def _tree_of(tree: Any, column: int | None) -> Tree:
    inner = tree.children_left != LEAF
    # (nodes, outputs, classes): a classifier has several classes, a regressor several outputs
    values = tree.value[:, 0, [column]] if column is not None else tree.value[:, :, 0]
    return Tree(
        feature=tuple(int(f) if i else LEAF for f, i in zip(tree.feature, inner)),
        threshold=tuple(float(t) if i else 0.0 for t, i in zip(tree.threshold, inner)),
        left=tuple(tree.children_left.tolist()),
        right=tuple(tree.children_right.tolist()),
        value=tuple(
            () if i else tuple(float(f"{v:.{DIGITS}g}") for v in row)
            for row, i in zip(values, inner)
        ),
    )
