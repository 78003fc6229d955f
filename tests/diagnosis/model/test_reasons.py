"""The reason of each action: what the metrics say for or against it."""

from __future__ import annotations

import math

import pytest

from landscape_catalog.diagnosis.model.answer import Action
from landscape_catalog.diagnosis.model.reasons import reason

NARROW = {"mode_connectivity": -12.0, "train_loss": 0.001}
HOT = {"mode_connectivity": 9.0, "train_loss": 0.4}
FLAT = {"mode_connectivity": 0.1, "train_loss": 0.001}


@pytest.mark.parametrize(
    ("action", "numbers", "words"),
    [
        ("wider", NARROW, "barrier of 12 points and the training loss is 0.00: too narrow"),
        ("hotter", NARROW, "too narrow for these data, and not too hot; by zoo"),
        ("colder", NARROW, "which speaks against a lower temperature"),
        ("colder", HOT, "so the temperature is too high; by zoo"),
        ("hotter", HOT, "so the temperature is too high, which speaks against a higher temp"),
        ("hotter", FLAT, "at a minimum that a higher temperature may improve; by zoo"),
        ("colder", FLAT, "which speaks against a lower temperature"),
        ("more data", {}, "By zoo, more data is expected to gain 2.0 points."),
        ("wider", {"train_loss": math.nan}, "By zoo, a wider network is expected to gain"),
    ],
)
def test_what_speaks_for_or_against_an_action(
    action: Action, numbers: dict[str, float], words: str
) -> None:
    assert words in reason(action, numbers, "zoo", 2.0)


@pytest.mark.parametrize("action", ["wider", "more data", "cleaner data"])
def test_a_temperature_that_is_wrong_is_no_reason_for_anything_else(action: Action) -> None:
    found = reason(action, HOT, "zoo", 2.0)
    assert "temperature" not in found
    assert "training loss is 0.40; by zoo" in found
