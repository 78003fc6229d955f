"""Label probabilities from `params.yaml` to the tables, with what the model is given."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from unittest import mock

import polars as pl
import pytest

from landscape_catalog.catalog import label_rows, read_tables
from landscape_catalog.paths import Project
from landscape_catalog.phases import ObservedCell
from landscape_catalog.schema.pairs import PairChoice
from landscape_catalog.schema.tables import Row
from tests.catalog.asking import ask
from tests.stages import SERIAL, run_stages, write_project

PARAMS = """\
dataset: {name: digits}
model: {name: resnet18}
load: {width: 2, samples: 96}
temperature: {batch_size: [8, 48], lr: 0.1}
train: {epochs: 8, seeds: 4}
measure:
  hessian: {samples: 16, max_iterations: 2}
  similarity: {samples: 32}
  connectivity: {epochs: 2, batch_size: 32, pairs: ring}
classify: {}
report: {}
variants: {}
"""


@pytest.fixture(scope="module")
def aggregated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Sequence[ObservedCell]]:
    """A finished project of four seeds, and what its label model was given."""
    folder = tmp_path_factory.mktemp("labels")
    project = write_project(folder / "project", PARAMS + SERIAL)
    given: list[ObservedCell] = []

    def record(rule, cells, numbers):  # type: ignore[no-untyped-def]
        given.extend(cells)
        return real(rule, cells, numbers)

    real = label_rows.label_distributions
    with mock.patch.object(label_rows, "label_distributions", record):
        run_stages(project, folder / "store")
    return Project(project), given


def rows_of(project: Project, table: str, **equal: str) -> list[Row]:
    frame = read_tables(project.catalog)[table]
    return frame.filter(*(pl.col(name) == value for name, value in equal.items())).rows(named=True)


@pytest.mark.slow
def test_model_is_given_the_values_behind_the_means(
    aggregated: tuple[Project, Sequence[ObservedCell]],
) -> None:
    project, given = aggregated
    cells = {row["cell_id"]: row for row in rows_of(project, "cells")}
    assert {cell.cell_id for cell in given} == set(cells)
    for cell in given:
        assert (cell.n_runs, cell.n_converged) == (4, cells[cell.cell_id]["n_converged"])
        assert cell.n_converged >= 3
        for metric, found in cell.metrics.items():
            [row] = rows_of(
                project, "cell_metrics", cell_id=cell.cell_id, metric=metric, probe="primary"
            )
            assert (len(found.values), statistics.fmean(found.values)) == (
                row["n"], pytest.approx(row["mean"]),
            )  # fmt: skip
        assert {name: one.logarithmic for name, one in cell.metrics.items()} == {
            "train_loss": True, "top_eigenvalue": True, "mode_connectivity": False, "cka": False,
        }  # fmt: skip


def test_model_is_given_who_took_part(
    aggregated: tuple[Project, Sequence[ObservedCell]],
) -> None:
    _, given = aggregated
    for cell in given:
        n = cell.n_converged
        everyone: list[tuple[int, ...]] = [(i,) for i in range(n)]
        ring: list[tuple[int, ...]] = [(i, (i + 1) % n) for i in range(n)]
        every: list[tuple[int, ...]] = [(i, j) for i in range(n) for j in range(i + 1, n)]
        expected: dict[str, tuple[PairChoice | None, list[tuple[int, ...]]]] = {
            "train_loss": (None, everyone),
            "top_eigenvalue": (None, everyone),
            "mode_connectivity": ("ring", ring),
            "cka": ("all", every),
        }
        for metric, (pairs, members) in expected.items():
            found = cell.metrics[metric]
            assert found.pairs == pairs
            assert {frozenset(one) for one in found.members} == {frozenset(one) for one in members}
            assert len(found.members) == len(members)


def test_model_is_given_the_error_of_shared_samples(
    aggregated: tuple[Project, Sequence[ObservedCell]],
) -> None:
    """All pairs of a cell share 32 samples; t with 31 degrees of freedom has variance 31/29."""
    project, given = aggregated
    for cell in given:
        [row] = rows_of(
            project, "cell_metrics", cell_id=cell.cell_id, metric="cka", probe="primary"
        )
        assert row["measurement_error_kind"] == "joint"
        expected = row["measurement_error"] * math.sqrt(31 / 29)
        assert cell.metrics["cka"].shared_error == pytest.approx(expected)
        for metric in ("train_loss", "mode_connectivity"):  # exact; one fit each, without an error
            assert cell.metrics[metric].shared_error == 0


def test_tables_agree_with_each_other(
    aggregated: tuple[Project, Sequence[ObservedCell]],
) -> None:
    project, _ = aggregated
    wide = ask(
        "SELECT cell_id, phase, phase_probability, second_phase FROM cells ORDER BY cell_id",
        tables=project.catalog,
    ).rows(named=True)  # fmt: skip
    for cell in wide:
        rows = rows_of(project, "phase_probabilities", cell_id=cell["cell_id"])
        found = {row["phase"]: row["probability"] for row in rows}
        assert sum(found.values()) == pytest.approx(1)
        assert found[cell["phase"]] == cell["phase_probability"]
        others = {phase: p for phase, p in found.items() if phase != cell["phase"]}
        assert cell["second_phase"] in {None, *others}
        if cell["second_phase"]:
            assert others[cell["second_phase"]] == max(others.values())
        [phase] = rows_of(project, "phases", cell_id=cell["cell_id"])
        assert (phase["phase"], phase["phase_probability"]) == (
            cell["phase"], cell["phase_probability"],
        )  # fmt: skip
        assert phase["probability_reason"] is None
