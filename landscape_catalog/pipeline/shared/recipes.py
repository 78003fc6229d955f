"""How the runs of a cell are trained, in the terms of `training`."""

from __future__ import annotations

from dataclasses import fields

from landscape_catalog.experiment.grid import Cell
from landscape_catalog.training import Recipe


def recipe_of(cell: Cell) -> Recipe:
    """The training recipe of a cell: the `train` section, the temperature and the scaled `lr`.

    Settings without effect get the recipe's defaults, so that runs of equal shape have equal
    recipes whatever else their variants say.
    """
    train = cell.train.model_dump(exclude=cell.train.without_effect())
    chosen = {**train, **cell.temperature, "lr": cell.lr}
    return Recipe(**{f.name: chosen[f.name] for f in fields(Recipe) if f.name in chosen})
