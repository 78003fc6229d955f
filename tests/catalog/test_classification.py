"""Phases of tables that were stored without any."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from landscape_catalog.catalog import read_tables
from landscape_catalog.catalog.classification import NO_RUNS, classified
from landscape_catalog.catalog.logarithms import with_natural_scale
from landscape_catalog.catalog.tables import TABLES, frame_of
from landscape_catalog.paths import Project
from landscape_catalog.phases import Yang2021, rule_of

Finished = tuple[Path, Path]
ASSIGNED = ("phases", "phase_probabilities", "criteria")


@pytest.fixture(scope="module")
def own(finished: Finished) -> dict[str, pl.DataFrame]:
    return read_tables(Project(finished[0]).catalog)


def without_phases(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return {**tables, **{name: tables[name].clear() for name in ASSIGNED}}


def test_own_results_get_the_phases_that_aggregate_gives_them(
    own: dict[str, pl.DataFrame],
) -> None:
    rule = rule_of(json.loads(own["experiments"]["classify"].item()))
    found = classified(without_phases(own), rule)
    for name in ASSIGNED:
        assert_frame_equal(found[name], own[name])
    assert_frame_equal(found["experiments"], own["experiments"])


def test_other_thresholds_give_other_ids_and_labels(own: dict[str, pl.DataFrame]) -> None:
    rule = Yang2021.model_validate({"connectivity": {"tolerance": 1000.0}})
    found = classified(own, rule)
    ids = set(found["phases"]["classification_id"])
    assert ids == set(found["experiments"]["classification_id"])
    assert ids.isdisjoint(own["experiments"]["classification_id"])
    assert not set(found["phases"]["phase"]) & {"I", "III"}
    assert json.loads(found["experiments"]["classify"].item())["connectivity"]["tolerance"] == 1000


def test_without_runs_no_probability_is_known(own: dict[str, pl.DataFrame]) -> None:
    means = {**own, "estimates": own["estimates"].clear(), "runs": own["runs"].clear()}
    cells = own["cells"].with_columns(pl.lit(None, pl.Int64).alias("n_converged"))
    rule = rule_of(json.loads(own["experiments"]["classify"].item()))
    found = classified({**means, "cells": cells}, rule)
    assert found["phases"]["phase"].to_list() == own["phases"]["phase"].to_list()
    assert set(found["phases"]["probability_reason"]) == {NO_RUNS}
    assert found["phases"]["phase_probability"].null_count() == cells.height
    assert found["phase_probabilities"].is_empty()


def grid_of_seeds(n_curves: int) -> dict[str, pl.DataFrame]:
    """Two cells of five runs each, one far from every threshold and one at CKA's."""
    rows: dict[str, list] = {name: [] for name in ("cells", "cell_metrics", "estimates", "runs")}
    for cell, cka in (("a", 0.9), ("b", 0.5)):
        rows["cells"].append({"experiment_id": "e", "cell_id": cell, "position": ord(cell),
                              "n_runs": 5, "n_converged": 5})  # fmt: skip
        runs = [f"{cell}{seed}" for seed in range(5)]
        rows["runs"] += [{"cell_id": cell, "run_id": run, "status": "converged"} for run in runs]
        pairs = [(one, other) for i, one in enumerate(runs) for other in runs[i + 1 :]]
        values: dict[str, list[tuple[tuple[str, ...], float]]] = {
            "train_loss": [((run,), 0.001 + 1e-4 * i) for i, run in enumerate(runs)],
            "top_eigenvalue": [((run,), 5.0 + 0.1 * i) for i, run in enumerate(runs)],
            "mode_connectivity": [(p, -0.1 - 0.01 * i) for i, p in enumerate(pairs[:n_curves])],
            "cka": [(pair, cka + 0.02 * (i % 3 - 1)) for i, pair in enumerate(pairs)],
        }
        for metric, known in values.items():
            mean = sum(value for _, value in known) / len(known)
            common = {"cell_id": cell, "metric": metric, "probe": "primary"}
            rows["cell_metrics"].append({**common, "experiment_id": "e", "mean": mean})
            rows["estimates"] += [
                {**common, "run_id": m[0], "other_run_id": m[1] if m[1:] else "", "value": value}
                for m, value in known
            ]
    tables = {name: frame_of(table, rows.get(name, [])) for name, table in TABLES.items()}
    experiment = {"experiment_id": "e", "axes": "[]", "variants": '["base"]'}
    return {**tables, "experiments": frame_of(TABLES["experiments"], [experiment])}


def test_probabilities_follow_from_published_runs_and_pairs() -> None:
    phases = classified(grid_of_seeds(10), Yang2021())["phases"].rows(named=True)
    sure, doubtful = phases
    assert sure["phase"] == "IV-B"
    assert sure["phase_probability"] > 0.95
    assert 0.2 < doubtful["phase_probability"] < 0.8
    assert doubtful["second_phase"] in ("IV-A", "IV-B")


def test_one_curve_per_cell_says_nothing_of_its_spread() -> None:
    phases = classified(grid_of_seeds(1), Yang2021())["phases"]
    assert phases["phase_probability"].null_count() == 2
    assert phases["probability_reason"].str.contains("mode_connectivity is known for 1 pair").all()


def test_runs_that_have_not_converged_do_not_count() -> None:
    tables = grid_of_seeds(10)
    lost = pl.when(pl.col("run_id") == "a0").then(pl.lit("NC")).otherwise("status")
    tables["runs"] = tables["runs"].with_columns(lost.alias("status"))
    tables["cells"] = tables["cells"].with_columns(
        pl.when(pl.col("cell_id") == "a").then(4).otherwise("n_converged").alias("n_converged")
    )
    phase = classified(tables, Yang2021())["phases"].row(0, named=True)
    assert "over the 4 of 5 runs that converged" in phase["reason"]
    assert phase["phase_probability"] is not None


def metrics(**means: float | None) -> pl.DataFrame:
    common = {"experiment_id": "e", "cell_id": "a", "probe": "primary", "sd": 0.5, "n": 5}
    rows = [{**common, "metric": name, "mean": mean, "method": "m"} for name, mean in means.items()]
    return frame_of(TABLES["cell_metrics"], rows)


def test_exponentials_of_published_logarithms() -> None:
    found = with_natural_scale(metrics(log_trace=2.0, log_top_eigenvalue=None, cka=0.5))
    rows = {row["metric"]: row for row in found.rows(named=True)}
    assert set(rows) == {"log_trace", "trace", "log_top_eigenvalue", "top_eigenvalue", "cka"}
    assert rows["trace"]["mean"] == pytest.approx(7.38905609893065, rel=1e-15)
    assert rows["trace"]["sd"] == pytest.approx(0.5 * 7.38905609893065, rel=1e-15)
    assert rows["log_trace"]["mean"] == 2.0
    assert rows["top_eigenvalue"]["mean"] is None
    assert found["metric"].to_list() == sorted(found["metric"])


def test_what_was_published_itself_is_kept() -> None:
    both = metrics(log_trace=2.0, trace=7.0)
    assert_frame_equal(with_natural_scale(both), both)
    gap = metrics(log_trace=2.0, trace=None)
    assert with_natural_scale(gap).filter(pl.col("metric") == "trace")["mean"].item() > 7.3
    plain = metrics(trace=1.0)
    assert_frame_equal(with_natural_scale(plain), plain)


def test_an_exponential_that_overflows_is_missing() -> None:
    found = with_natural_scale(metrics(log_trace=1e4)).filter(pl.col("metric") == "trace")
    row = found.row(0, named=True)
    assert (row["mean"], row["status"]) == (None, "missing")
    assert "too large" in row["reason"]
