from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

from landscape_catalog.diagnosis.model.questions import Additive
from landscape_catalog.diagnosis.model.trees import Forest, Tree, forest_of

LEAF = {"feature": [-1], "threshold": [0.0], "left": [-1], "right": [-1], "value": [[0.5]]}
SPLIT = {
    "feature": [1, -1, -1],
    "threshold": [0.25, 0.0, 0.0],
    "left": [1, -1, -1],
    "right": [2, -1, -1],
    "value": [[], [1.0], [3.0]],
}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_the_evaluator_equals_scikit_learn(seed: int) -> None:
    r = np.random.default_rng(seed)
    x, new = r.normal(size=(60, 4)), r.normal(scale=2, size=(500, 4))
    y = x[:, 0] + x[:, 1] * x[:, 2] > 0
    values = np.column_stack([x[:, 0] ** 2, x[:, 3]])
    classifier = RandomForestClassifier(7, random_state=seed % 1000).fit(x, y)
    regressor = RandomForestRegressor(7, min_samples_leaf=3, random_state=0).fit(x, values)
    stored = Forest.model_validate_json(
        forest_of(classifier.estimators_, column=1).model_dump_json()
    )
    assert stored.predict(new)[:, 0] == pytest.approx(classifier.predict_proba(new)[:, 1], abs=1e-5)
    both = forest_of(regressor.estimators_).predict(new)
    assert both == pytest.approx(regressor.predict(new), rel=1e-4, abs=1e-4)


def test_values_at_a_threshold_go_the_way_that_they_do_in_scikit_learn() -> None:
    x = np.array([[0.1], [0.2], [0.3], [0.4]])
    tree = DecisionTreeClassifier().fit(x, [0, 0, 1, 1])
    at = np.array([[tree.tree_.threshold[0]], [np.nextafter(tree.tree_.threshold[0], 1)], [0.25]])
    assert (
        forest_of([tree], column=1).predict(at)[:, 0].tolist()
        == tree.predict_proba(at)[:, 1].tolist()
    )


def test_a_tree_by_hand() -> None:
    tree = Tree.model_validate(SPLIT)
    assert tree.predict(np.array([[9, 0.25], [9, 0.3], [-9, -1]])).tolist() == [[1], [3], [1]]
    assert Tree.model_validate(LEAF).predict(np.zeros((2, 1))).tolist() == [[0.5], [0.5]]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"left": [0, -1, -1]}, "node 0 of a tree has invalid children"),
        ({"right": [3, -1, -1]}, "node 0 of a tree has invalid children"),
        ({"feature": [-2, -1, -1]}, "node 0 of a tree has invalid children"),
        ({"threshold": [0.25, 0.0]}, "the lists of a tree differ in length"),
        ({"value": [[], [], [3.0]]}, "node 1 of a tree is a leaf without a value"),
        ({"threshold": [float("nan"), 0.0, 0.0]}, "finite number"),
    ],
)
def test_a_tree_that_does_not_end_is_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Tree.model_validate({**SPLIT, **wrong})


def test_an_additive_part_by_hand() -> None:
    part = Additive(intercept=1.0, weights=(2.0, 0.0), low=(None, None), high=(0.5, None))
    found = part.predict(np.array([[0.25, 100.0], [7.0, 0.0]]))
    assert found == pytest.approx(1 / (1 + np.exp([-1.5, -2.0])))
