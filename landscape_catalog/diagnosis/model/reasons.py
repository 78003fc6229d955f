"""Why an action should help, in a sentence with numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from landscape_catalog.diagnosis.model.answer import Action
from landscape_catalog.diagnosis.model.questions import AT_MINIMUM, TOLERANCE

_WORDS: dict[Action, str] = {
    "hotter": "a higher temperature",
    "colder": "a lower temperature",
    "wider": "a wider network",
    "more data": "more data",
    "cleaner data": "cleaner labels",
}


def reason(action: Action, numbers: Mapping[str, float], reference: str, gain: float) -> str:
    """A sentence: what the metrics say, and what the action brought in the reference.

    Args:
        action: the change.
        numbers: metrics by name, NaN or absent if unknown.
        reference: its name.
        gain: expected, in percentage points of test accuracy.
    """
    facts = [fact for fact in (_connection(numbers), _minimum(numbers)) if fact]
    reading = _reading(numbers)
    said = " and ".join(facts) + (f": {reading}" if reading and facts else "")
    brought = f"with such numbers, {_WORDS[action]} gained {gain:.1f} points in {reference}"
    return f"{said}; {brought}." if said else f"{brought[0].upper()}{brought[1:]}."


def _connection(numbers: Mapping[str, float]) -> str:
    mc = numbers.get("mode_connectivity", math.nan)
    if math.isnan(mc):
        return ""
    if mc < -TOLERANCE:
        return f"the curve has a barrier of {-mc:.3g} points"
    if mc > TOLERANCE:
        return f"the curve's interior has {mc:.3g} points less error than its ends"
    return f"the runs are connected (mode connectivity {mc:.2g})"


def _minimum(numbers: Mapping[str, float]) -> str:
    loss = numbers.get("train_loss", math.nan)
    return "" if math.isnan(loss) else f"the training loss is {loss:.2f}"


def _reading(numbers: Mapping[str, float]) -> str:
    mc = numbers.get("mode_connectivity", math.nan)
    loss = numbers.get("train_loss", math.nan)
    if math.isnan(mc) or math.isnan(loss):
        return ""
    if mc < -TOLERANCE:
        if loss < AT_MINIMUM:
            return "too narrow for these data, and not too hot"
        return "too narrow for these data"
    if loss < AT_MINIMUM and mc <= TOLERANCE:
        return "at a minimum that a higher temperature may improve"
    return "training stays above a minimum, so the temperature is too high"
