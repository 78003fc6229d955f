"""Parameters of cells by path, and the learning rates that are known to be constant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from landscape_catalog.catalog import read_tables
from landscape_catalog.catalog.cell_parameters import CellParameters, constant_rates
from landscape_catalog.catalog.diagram import diagram_of
from landscape_catalog.paths import Project
from tests.reports.grids import Catalog

GRID = {"load.width": [1, 2], "temperature.lr": [0.1, 0.2], "load.extra.share": [0.5, 1.0]}
CONSTANT = {"optimizer": "sgd", "schedule": "constant", "momentum": 0.9}


def tables_of(train: dict[str, Any], **variants: dict[str, Any]) -> dict[str, pl.DataFrame]:
    """A made-up catalog that states this of training."""
    tables = Catalog(GRID, variants=("base", *variants)).tables()
    spec = json.dumps({"train": train, "variants": variants})
    return tables | {"experiments": tables["experiments"].with_columns(spec=pl.lit(spec))}


def rates_of(tables: dict[str, pl.DataFrame]) -> tuple[np.ndarray, np.ndarray]:
    return constant_rates(tables["experiments"].row(0, named=True), tables["cells"])


def test_parameters_are_columns_or_custom_ones() -> None:
    tables = tables_of(CONSTANT)
    found = CellParameters(tables["cells"])
    assert found.values("load.width") == tables["cells"]["width"].to_list()
    assert found.extra_paths == ("load.extra.share",)
    assert found.values("load.extra.share") == [0.5, 1.0] * 4
    assert found.values("load.extra.other") == [None] * 8


def test_a_constant_rate_of_sgd_is_that_in_effect() -> None:
    tables = tables_of(CONSTANT)
    rates, momenta = rates_of(tables)
    assert rates.tolist() == tables["cells"]["lr_in_effect"].to_list()
    assert set(momenta.tolist()) == {0.9}


@pytest.mark.parametrize(
    "train",
    [
        {},
        {"momentum": 0.9},  # of an import that states no schedule
        {**CONSTANT, "schedule": "step"},
        {**CONSTANT, "optimizer": "adam"},
        {"optimizer": "sgd", "schedule": "constant"},
    ],
)
def test_where_less_or_something_else_is_stated_nothing_is_known(train: dict[str, Any]) -> None:
    for found in rates_of(tables_of(train)):
        assert np.isnan(found).all()


def test_variants_are_trained_as_they_say() -> None:
    tables = tables_of(CONSTANT, decay={"train.schedule": "step"}, slow={"train.momentum": 0.0})
    rates, momenta = rates_of(tables)
    variant = tables["cells"]["variant"].to_numpy()
    assert np.isnan(rates[variant == "decay"]).all()
    assert set(momenta[variant == "slow"].tolist()) == {0.0}
    assert np.isfinite(rates[variant != "decay"]).all()


def test_a_learning_rate_that_was_not_published_is_unknown() -> None:
    tables = tables_of(CONSTANT)
    unknown = tables["cells"].with_columns(lr_in_effect=pl.lit(None, pl.Float64))
    for found in rates_of(tables | {"cells": unknown}):
        assert np.isnan(found).all()


def test_own_catalogs_state_them(finished: tuple[Path, Path]) -> None:
    found = diagram_of(read_tables(Project(finished[0]).catalog))
    assert found.rates is not None
    assert found.momenta is not None
    assert found.rates.tolist() == [float(v) for v in found.parameter("temperature.lr")]  # type: ignore[union-attr]
    assert set(found.momenta.tolist()) == {0.9}
