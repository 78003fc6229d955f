"""The regions that the paper's Figures 2 and 3 show, read off their panels by a rule.

The paper draws its phases by eye and publishes no borders. Its words on the panels are a rule that
needs no threshold of ours: between sharp and flat the training loss falls more than tenfold
(section 3.1, panel b); mode connectivity is near zero where panel e is white, negative where it is
blue, and positive, not at a minimum, where it is red.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from landscape_catalog.phases.diagram import Diagram

TENFOLD = float(np.log(10))
REACH = 30.0  # of the panel's colours: mc from -30 to 30, white at 0
WHITE = 0.05 * REACH  # further from 0 a twentieth of a colour's range can be seen
REGIONS = ("I", "II", "III", "IV")


def figure_regions(diagram: Diagram, columns: Sequence[np.ndarray]) -> np.ndarray:
    """The region of each cell of some columns, (cells,); empty for others and unknown ones.

    In a column, from cold to hot, the transition is the largest rise of ln training loss between
    two neighbours, if it rises more than tenfold over these and the next on either side. A column
    without one is on one side as a whole: that of its median loss about the middle of the others'
    transitions.

    Args:
        diagram: the cells.
        columns: indices of the cells of each, from cold to hot.
    """
    losses = np.log(np.maximum(diagram.mean("train_loss"), 1e-8))
    mc = diagram.mean("mode_connectivity")
    columns = [column for column in columns if len(column)]
    places = [_transition(losses[column]) for column in columns]
    middles = [
        losses[column][place - 1 : place + 1].mean()
        for column, place in zip(columns, places)
        if place
    ]
    middle = float(np.median(middles)) if middles else float(np.nanmedian(losses))
    found = np.full(len(diagram), "", dtype=object)
    for column, place in zip(columns, places):
        steps = np.arange(len(column))
        whole = np.full(len(column), np.median(losses[column]) > middle)
        sharp = (steps >= place) if place else whole
        sharp = sharp | (mc[column] > WHITE)
        blue = mc[column] < -WHITE
        names = np.where(sharp, np.where(blue, "I", "II"), np.where(blue, "III", "IV"))
        found[column] = np.where(np.isfinite(mc[column]), names, "")
    return found


def _transition(losses: np.ndarray) -> int:
    """The number of cells below the transition of a column; 0 if there is none."""
    if len(losses) < 2:
        return 0
    place = int(np.argmax(np.diff(losses))) + 1
    around = losses[max(0, place - 2) : place + 2]
    return place if around[-1] - around[0] > TENFOLD else 0


def agreement(labels: np.ndarray, regions: np.ndarray) -> tuple[float, float]:
    """The share of cells whose phase is in the figure's region, and Cohen's kappa.

    Args:
        labels: phases; IV-A and IV-B are region IV.
        regions: of the same cells; those that are empty are left out.
    """
    known = regions != ""
    ours = np.array([name.partition("-")[0] for name in labels[known]])
    theirs = regions[known].astype(str)
    share = float((ours == theirs).mean())
    by_chance = sum(float((ours == name).mean() * (theirs == name).mean()) for name in REGIONS)
    return share, (share - by_chance) / (1 - by_chance)
