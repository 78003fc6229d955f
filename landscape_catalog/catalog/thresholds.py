"""The rule in effect for an experiment: its settings, with what was found for each `auto`."""

from __future__ import annotations

import json
from collections.abc import Iterable

from landscape_catalog.phases import FoundThreshold, Rule, rule_of
from landscape_catalog.schema.strict_json import readable_json
from landscape_catalog.schema.tables import Row


def rule_in_effect(experiment: Row) -> Rule:
    """The rule with numbers only, by which the cells of an experiment are classified.

    Args:
        experiment: its row of the table `experiments`.
    """
    found = found_thresholds(experiment)
    return rule_of(json.loads(experiment["classify"])).with_thresholds(
        {one.name: one.value for one in found}
    )


def found_thresholds(experiment: Row) -> tuple[FoundThreshold, ...]:
    """The thresholds that stand as `auto` in the settings; empty if all are numbers.

    Args:
        experiment: its row of the table `experiments`.
    """
    stored = experiment["thresholds"]
    return tuple(FoundThreshold(**one) for one in json.loads(stored or "[]"))


def stored_thresholds(found: Iterable[FoundThreshold]) -> str:
    """The column `thresholds` of the table `experiments`."""
    return readable_json([vars(one) for one in found])
