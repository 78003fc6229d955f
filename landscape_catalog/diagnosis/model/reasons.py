"""Why an action should help, in a sentence with numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from landscape_catalog.diagnosis.model.answer import Action
from landscape_catalog.diagnosis.model.questions import AT_MINIMUM, TOLERANCE

TEMPERATURE: frozenset[Action] = frozenset({"hotter", "colder"})
_WORDS: dict[Action, str] = {
    "hotter": "a higher temperature",
    "colder": "a lower temperature",
    "wider": "a wider network",
    "more data": "more data",
    "cleaner data": "cleaner labels",
}


ANY_CONNECTIVITY = "whether runs are connected or behind a barrier, a higher temperature may help"


def reason(
    action: Action,
    numbers: Mapping[str, float],
    reference: str,
    gain: float,
    *,
    of_single_runs: bool = False,
) -> str:
    """A sentence: what the metrics say about the action, and what it is expected to gain.

    The phases speak for or against a temperature, and for more width where there is a barrier;
    about other actions only the expected gain is known.

    Args:
        action: the change.
        numbers: metrics by name, NaN or absent if unknown.
        reference: its name.
        gain: expected, in percentage points of test accuracy.
        of_single_runs: whether the runs are at a minimum by themselves, and mode connectivity is
            unknown.
    """
    facts = " and ".join(fact for fact in (_connection(numbers), _minimum(numbers)) if fact)
    reading, favoured = _reading(numbers)
    if of_single_runs:
        reading, favoured = ANY_CONNECTIVITY, frozenset({"hotter"})
    if facts and action in favoured:
        facts += f": {reading}"
    elif facts and action in TEMPERATURE and favoured & TEMPERATURE:
        facts += f": {reading}, which speaks against {_WORDS[action]}"
    expected = f"by {reference}, {_WORDS[action]} is expected to gain {gain:.1f} points"
    return f"{facts}; {expected}." if facts else f"{expected[0].upper()}{expected[1:]}."


def undecided(numbers: Mapping[str, float]) -> str:
    """Why metrics of single runs say nothing about the temperature, and what would.

    Args:
        numbers: metrics by name, NaN or absent if unknown.
    """
    loss, error = numbers.get("train_loss", math.nan), numbers.get("train_error", math.nan)
    facts = [] if math.isnan(loss) else [f"a training loss of {loss:.2g}"]
    facts += [] if math.isnan(error) else [f"a training error of {error:.2g}%"]
    known = f"With {' and '.join(facts)}" if facts else "Without training loss and error"
    return (
        f"{known}, mode connectivity decides about the temperature: behind a barrier a higher one "
        "helps, without one a lower one. A converged curve between two runs, measured as those of "
        "the reference, would show it."
    )


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


def _reading(numbers: Mapping[str, float]) -> tuple[str, frozenset[Action]]:
    """What connectivity and training loss say together, and the actions that it speaks for."""
    mc = numbers.get("mode_connectivity", math.nan)
    loss = numbers.get("train_loss", math.nan)
    if math.isnan(mc) or math.isnan(loss):
        return "", frozenset()
    if mc < -TOLERANCE:
        too_hot = "" if loss >= AT_MINIMUM else ", and not too hot"
        return f"too narrow for these data{too_hot}", frozenset({"wider", "hotter"})
    if loss < AT_MINIMUM and mc <= TOLERANCE:
        return "at a minimum that a higher temperature may improve", frozenset({"hotter"})
    return "training stays above a minimum, so the temperature is too high", frozenset({"colder"})
