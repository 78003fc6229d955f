"""Gains of a phase diagram: how much better the best cell along an axis is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from landscape_catalog.diagnosis.model.answer import Action, Question
from landscape_catalog.phases.diagram import Diagram

# The axis along which an action goes, towards less load.
LOADS: dict[Action, str] = {
    "wider": "load.width",
    "more data": "load.samples",
    "cleaner data": "load.label_noise",
}
QUESTIONS: dict[Question, str] = {
    "temperature": "hotter",
    "width or temperature": "wider",
    "data or temperature": "more data",
}


def gains(diagram: Diagram) -> dict[Action, np.ndarray]:
    """The gain of each action for each cell, (cells,), in the unit of the performance metric.

    The gain along an axis is max over the cells further along it of their performance, less the
    cell's own; all other parameters are the same, and the cell itself counts, so that the gain is
    at least 0. Where there are several temperature axes, `hotter` and `colder` take the axis that
    gains most. NaN where the cell's own performance is unknown.

    Args:
        diagram: the whole grid.

    Returns:
        By action; actions along axes that the grid lacks are left out.
    """
    found: dict[Action, np.ndarray] = {}
    paths = {axis.path for axis in diagram.axes if axis.is_ordered and len(axis.values) > 1}
    temperatures = [axis.path for axis in diagram.temperature_axes if axis.path in paths]
    if temperatures:
        found["hotter"] = np.max([gain_along(diagram, path, +1) for path in temperatures], axis=0)
        found["colder"] = np.max([gain_along(diagram, path, -1) for path in temperatures], axis=0)
    for action, path in LOADS.items():
        if path in paths:
            found[action] = gain_along(diagram, path, +1)
    return found


def varied(diagram: Diagram, where: np.ndarray) -> tuple[Action, ...]:
    """The actions along whose axis these cells have several values.

    Cells of one width do not show how the gain of a wider network depends on the width: what was
    learned of it would not hold for any other width.

    Args:
        diagram: the whole grid.
        where: indices of the cells.
    """
    several = {
        axis.path
        for place, axis in enumerate(diagram.axes)
        if axis.is_ordered and len(np.unique(diagram.places[where, place])) > 1
    }
    found: list[Action] = []
    if several & {axis.path for axis in diagram.temperature_axes}:
        found += ["hotter", "colder"]
    return (*found, *(action for action, path in LOADS.items() if path in several))


def gain_along(diagram: Diagram, path: str, direction: int) -> np.ndarray:
    """The gain along one axis for each cell, (cells,); see `gains`.

    Args:
        diagram: the whole grid.
        path: of the axis.
        direction: +1 towards less load or a higher temperature, -1 the other way.
    """
    performance = diagram.mean(diagram.performance) * (1 if diagram.higher_is_better else -1)
    found = np.full(len(diagram), np.nan)
    for line in diagram.lines(path):
        onwards = line[::-1] if direction > 0 else line
        found[onwards] = np.fmax.accumulate(performance[onwards]) - performance[onwards]
    return found


def differences(gain: Mapping[Action, np.ndarray]) -> dict[Question, np.ndarray]:
    """For each question, by how much the first answer gains more than the second, (cells,).

    `temperature`: hotter less colder. `width or temperature`: wider less the better of hotter and
    colder. `data or temperature`: more data less the same. 0 is a tie.

    Args:
        gain: by action; questions about actions that are not there are left out.
    """
    if "hotter" not in gain:
        return {}
    found: dict[Question, np.ndarray] = {"temperature": gain["hotter"] - gain["colder"]}
    temperature = np.maximum(gain["hotter"], gain["colder"])
    if "wider" in gain:
        found["width or temperature"] = gain["wider"] - temperature
    if "more data" in gain:
        found["data or temperature"] = gain["more data"] - temperature
    return found
