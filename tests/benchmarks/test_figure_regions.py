"""Regions read off the paper's panels, on grids whose regions were planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.figure_regions import agreement, figure_regions
from benchmarks.planted_grids import planted_grid

BATCH = "temperature.batch_size"


def test_planted_regions_are_read_off() -> None:
    """Without noise in mc, and with tenfold steps, every cell is in the region planted."""
    seen = wrong = 0
    for seed in range(600, 610):
        planted = planted_grid(seed, noise=0.2)
        diagram = planted.diagram
        columns = diagram.lines(BATCH)
        truth = np.empty(len(diagram), dtype=object)
        loss = diagram.mean("train_loss").copy()
        for column, place in zip(columns, planted.boundary):
            sharp = np.arange(len(column)) >= place
            loss[column] = np.where(sharp, 0.5, 0.001)
            poor = planted.barrier[column]
            names = np.where(poor, np.where(sharp, "I", "III"), np.where(sharp, "II", "IV"))
            truth[column] = names
        mc = np.where(planted.barrier, -9.0, 0.2)
        exact = replace(diagram, means={**diagram.means, "train_loss": loss,
                                        "mode_connectivity": mc})  # fmt: skip
        found = figure_regions(exact, columns)
        seen, wrong = seen + len(truth), wrong + int((found != truth).sum())
    assert seen > 300
    assert wrong == 0


def test_a_dip_is_sharp_and_an_unknown_cell_has_no_region() -> None:
    planted = planted_grid(600)
    n = len(planted.diagram)
    means = {"train_loss": np.full(n, 0.001), "mode_connectivity": np.full(n, 5.0)}
    means["mode_connectivity"][0] = np.nan
    found = figure_regions(replace(planted.diagram, means=means), planted.diagram.lines(BATCH))
    assert found[0] == ""
    assert set(found[1:]) == {"II"}


def test_agreement_by_hand() -> None:
    """Three of four known cells agree; by chance 2/4 * 1/4 + 2/4 * 3/4 = 1/2: kappa is 1/2."""
    labels = np.array(["I", "IV-A", "IV-B", "I", "III"])
    regions = np.array(["I", "IV", "IV", "IV", ""], dtype=object)
    share, kappa = agreement(labels, regions)
    assert share == 0.75
    assert kappa == pytest.approx(0.5)
