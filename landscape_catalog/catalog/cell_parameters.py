"""The parameters of cells by their dotted paths, and what is known of how they were trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from landscape_catalog.experiment.variants import overlaid
from landscape_catalog.schema.tables import Row


class CellParameters:
    """The parameters of the cells in the table `cells`: columns of it, or keys of `extra`.

    Args:
        cells: rows of the table.
    """

    def __init__(self, cells: pl.DataFrame) -> None:
        self._cells = cells
        self._extras: list[dict[str, Any]] = [json.loads(extra) for extra in cells["extra"]]

    def values(self, path: str) -> list[Any]:
        """A parameter of each cell; None where it is unknown.

        Args:
            path: dotted, such as `load.width`.
        """
        name, cells = path.rpartition(".")[2], self._cells
        column = cells[name].to_list() if name in cells.columns else [None] * cells.height
        return [extra.get(path, value) for extra, value in zip(self._extras, column)]

    @property
    def extra_paths(self) -> tuple[str, ...]:
        """The paths of parameters that have no column of their own."""
        return tuple(dict.fromkeys(path for extra in self._extras for path in extra))


def constant_rates(experiment: Row, cells: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The learning rate and momentum of each cell's runs, (cells,) each.

    NaN unless the experiment states that they were trained by SGD at a constant rate.

    Args:
        experiment: its row of the table `experiments`.
        cells: rows of the table `cells`.
    """
    spec = json.loads(experiment["spec"] or "{}")
    overlays: Mapping[str, Mapping[str, Any]] = spec.get("variants") or {}
    stated = {
        name: _momentum(overlaid(spec, dict(overlays.get(name, {}))).get("train", {}))
        for name in cells["variant"].unique()
    }
    momenta = np.array([stated[name] for name in cells["variant"]], dtype=float)
    rates = cells["lr_in_effect"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = np.isfinite(momenta) & np.isfinite(rates)
    return np.where(known, rates, np.nan), np.where(known, momenta, np.nan)


def _momentum(train: Mapping[str, Any]) -> float:
    """The momentum of SGD at a constant learning rate; NaN if something else is stated, or less."""
    is_constant = train.get("optimizer") == "sgd" and train.get("schedule") == "constant"
    return float(train.get("momentum", np.nan)) if is_constant else np.nan
