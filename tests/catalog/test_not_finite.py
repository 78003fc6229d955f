"""Numbers that are not finite: null everywhere, with a status and a reason that tells which."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from landscape_catalog.catalog import build_tables, read_tables, summary_metrics, write_catalog
from landscape_catalog.catalog.estimates import ESTIMATE, estimate_rows
from landscape_catalog.catalog.results import CellResult, ExperimentResult
from landscape_catalog.catalog.run_errors import standard_error_over_runs
from landscape_catalog.catalog.shared_errors import error_of_cell_mean
from landscape_catalog.catalog.tables import TABLES, frame_of
from landscape_catalog.commands.sql import answer
from landscape_catalog.experiment.reading import read_report
from landscape_catalog.metrics.connectivity.result import CurvePoint, ModeConnectivity
from landscape_catalog.metrics.estimate import Estimate, error_of_mean, mean_of, spread_of
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.loss.spec import Loss
from landscape_catalog.metrics.registry import METRICS
from landscape_catalog.phases import not_converged_reason
from landscape_catalog.phases.doubt import differing_statistics
from landscape_catalog.phases.rule import CellNumbers
from landscape_catalog.pipeline.aggregate.gather import gather
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.reports import build_page
from landscape_catalog.schema.strict_json import strict_json
from tests.catalog.asking import ask
from tests.stages import uses_store

NAN, INF = math.nan, math.inf
WORDS = {"NaN": NAN, "infinity": INF, "-infinity": -INF}


@pytest.mark.parametrize(
    ("estimate", "status", "reason"),
    [
        (Estimate(1.0), "ok", None),
        (Estimate(1.0, converged=False, reason="slow"), "not converged", "slow"),
        (Estimate(NAN), "missing", "the value is NaN"),
        (Estimate(NAN, reason="constant outputs"), "missing", "constant outputs"),
        (Estimate(INF), "missing", "the value is infinity"),
        (Estimate(-INF), "missing", "the value is -infinity"),
        (Estimate(INF, reason="slow"), "missing", "the value is infinity; slow"),
        (Estimate(INF, reason="the loss is infinity"), "missing", "the loss is infinity"),
    ],
)
def test_status_and_reason_of_an_estimate(
    estimate: Estimate, status: str, reason: str | None
) -> None:
    assert (estimate.status, estimate.missing_reason) == (status, reason)


@pytest.mark.parametrize(
    ("values", "mean", "spread"),
    [
        ([1.0, 3.0], 2.0, math.sqrt(2)),
        ([1.0], 1.0, NAN),
        ([1.0, INF], INF, NAN),
        ([-INF, INF], NAN, NAN),
        ([NAN, 1.0], NAN, NAN),
        ([1.5e308, 1.5e308], 1.5e308, 0.0),
    ],
)
def test_means_of_any_numbers(values: list[float], mean: float, spread: float) -> None:
    assert mean_of(values) == pytest.approx(mean, nan_ok=True)
    assert spread_of(values) == pytest.approx(spread, nan_ok=True)
    error = error_of_mean(values)
    assert error == pytest.approx(spread / math.sqrt(len(values)), nan_ok=True)


def test_errors_of_huge_numbers() -> None:
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    small = standard_error_over_runs([1.0, 2.0, 3.0], pairs)
    huge = standard_error_over_runs([1e200, 2e200, 3e200], pairs)
    assert huge == pytest.approx(small * 1e200)
    shared = Estimate(1.0, 1e200, "standard error", shared_draw=True, influences=(1e200,))
    assert math.isfinite(error_of_cell_mean([shared]).total)
    assert error_of_cell_mean([Estimate(1.0, INF)]).combination == "unknown"


def evaluation(loss: float, **others: Any) -> Evaluation:
    return Evaluation(**{"loss": loss, "loss_sd": 0.0, "n_wrong": 1, "n": 4} | others)


@pytest.mark.parametrize("word", WORDS)
def test_every_metric_says_which(word: str) -> None:
    value = WORDS[word]
    loss = Loss(evaluation(value), evaluation(0.5, n_wrong=None, error=value), error_unit="m")
    found = dict(METRICS["loss"].estimates([loss]))
    assert found["train_loss"].missing_reason == f"the loss is not finite ({word})"
    assert found["test_error"].missing_reason == f"the error is not finite ({word})"
    assert found["test_accuracy"].missing_reason == "units are not right or wrong"
    point = CurvePoint(0.5, evaluation(value), evaluation(0.5))
    curve = ModeConnectivity(value, 0.5, value, 0.0, value, 1.0, "%", points=[point])
    found = dict(METRICS["connectivity"].estimates([curve, curve]))
    assert (
        found["mode_connectivity"].missing_reason
        == f"the error along the curve is not finite ({word})"
    )
    assert curve.converged is False
    nc = not_converged_reason(stop_reason="epochs", train_loss=value, frequency_loss=2.0)
    assert nc == f"training loss is {value}"


def test_fits_of_opposite_infinities_have_no_mean() -> None:
    curves = [ModeConnectivity(value, 0.5, 0.0, 0.0, 1.0, 1.0, "%") for value in (INF, -INF)]
    found = dict(METRICS["connectivity"].estimates(curves))
    assert (
        found["mode_connectivity"].missing_reason == "the error along the curve is not finite (NaN)"
    )
    assert math.isnan(METRICS["connectivity"].pair_row(curves)["mode_connectivity"])


def test_statistics_that_differ_by_infinity() -> None:
    cell = CellNumbers(2, 2, {"train_loss_running": NAN, "train_loss_recomputed": 0.1})
    words = differing_statistics(cell)
    assert words is not None
    assert "is not finite with running and 0.1 with recomputed" in words


MEASURED = [name for name, table in TABLES.items() if table.columns[-1][0] == "not_finite"]


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("word", WORDS)
def test_tables_hold_null_and_say_why(name: str, word: str) -> None:
    table = TABLES[name]
    numbers = [column for column, kind, _, _ in table.columns if kind == "real"]
    row = dict.fromkeys(column for column, *_ in table.columns) | {numbers[0]: WORDS[word]}
    frame = frame_of(table, [row])
    assert frame[numbers[0]].to_list() == [None]
    assert frame["not_finite"].to_list() == [f"{numbers[0]}: {word}"]


def test_an_unknown_error_is_no_nan() -> None:
    table = TABLES["pairs"]
    row = dict.fromkeys(column for column, *_ in table.columns)
    row |= {"cka": 0.5, "cka_standard_error": NAN, "mode_connectivity_error": NAN}
    assert frame_of(table, [row])["not_finite"].to_list() == [None]
    row["cka_standard_error"] = INF
    assert frame_of(table, [row])["not_finite"].to_list() == ["cka_standard_error: infinity"]


def test_every_table_of_numbers_has_a_reason() -> None:
    """Numbers that are measured; parameters and thresholds are finite when they are read."""
    for name, table in TABLES.items():
        columns = {column for column, *_ in table.columns}
        parameters = name in ("cells", "landscapes", "criteria", "phase_probabilities")
        if any(kind == "real" for _, kind, *_ in table.columns) and not parameters:
            assert columns & {"reason", "not_finite"}, name


def changed(result: ExperimentResult, **losses: float) -> ExperimentResult:
    """The result with other losses of the first run of the first cell."""

    def with_losses(loss: Loss) -> Loss:
        sides = {
            side: dataclasses.replace(getattr(loss, side), loss=value)
            for side, value in losses.items()
        }
        return dataclasses.replace(loss, **sides)

    cell, *others = result.cells
    run = cell.runs[0]
    measured = {**run.measured, "loss": {
        probe: [with_losses(loss) for loss in repeats]
        for probe, repeats in run.measured["loss"].items()
    }}  # fmt: skip
    runs = [dataclasses.replace(run, measured=measured), *cell.runs[1:]]
    cells = [CellResult(cell.cell, runs, cell.pairs), *others]
    return dataclasses.replace(result, cells=cells)


@pytest.fixture(scope="module")
def gathered(finished: tuple[Path, Path]) -> ExperimentResult:
    with uses_store(finished[1]):
        found = gather(open_workspace(finished[0]))
        return dataclasses.replace(found, cells=list(found.cells))


@pytest.mark.parametrize("word", WORDS)
def test_from_the_record_to_every_output(
    word: str, gathered: ExperimentResult, finished: tuple[Path, Path], tmp_path: Path
) -> None:
    result = changed(gathered, test=WORDS[word])
    cell, *_ = result.cells
    (row,) = [
        row
        for row in estimate_rows(cell, result)
        if row["metric"] == "test_loss" and row["run_id"] == cell.runs[0].run.run_id
    ]
    assert row["status"] == "missing"
    assert row["reason"] == f"the loss is not finite ({word})"
    assert math.isnan(row["value"])
    assert math.isnan(row[ESTIMATE].value)
    tables = build_tables(result)
    for name, frame in tables.items():
        for column in frame.select(pl.col(pl.Float64)):
            assert column.drop_nulls().is_finite().all(), (name, column.name)
    run = tables["runs"].filter(pl.col("run_id") == row["run_id"])
    assert run["not_finite"].item() == f"test_loss: {word}"
    parts = {name: [frame] for name, frame in tables.items()}
    write_catalog(parts, tmp_path / "data" / "catalog")
    sql = "SELECT test_loss, test_loss_n, test_loss_reason FROM cells ORDER BY position LIMIT 1"
    cell = ask(sql, tables=tmp_path / "data" / "catalog").row(0, named=True)
    assert cell["test_loss_n"] == 1
    assert cell["test_loss_reason"] == f"1 of 2: the loss is not finite ({word})"
    assert math.isfinite(cell["test_loss"])
    metrics = json.loads(strict_json(summary_metrics(tables)), parse_constant=pytest.fail)
    counted = {"NaN": ("with_nan", "with_infinity"), "infinity": ("with_infinity", "with_nan")}
    named, other = counted[word.lstrip("-")]
    assert (metrics["runs"][named], metrics["runs"][other]) == (1, 0)
    assert build_page(tables, read_report(finished[0] / "params.yaml"))


def test_the_page_and_the_plots_are_strict(finished: tuple[Path, Path]) -> None:
    for path in (finished[0] / "reports" / "plots").glob("*.csv"):
        assert not {"nan", "inf", "-inf"} & set(path.read_text().lower().replace(",", "\n").split())
    json.loads((finished[0] / "reports" / "metrics.json").read_text(), parse_constant=pytest.fail)


def test_json_of_a_query(tmp_path: Path, finished: tuple[Path, Path], caplog: Any) -> None:
    shutil.copytree(finished[0] / "data" / "catalog", tmp_path / "data" / "catalog")
    sql = "SELECT 'nan'::DOUBLE AS a, 'inf'::FLOAT AS b, -'inf'::DOUBLE AS c, 1.5::DOUBLE AS d"
    found = json.loads(answer(tmp_path, sql, "json"), parse_constant=pytest.fail)
    assert found == [{"a": None, "b": None, "c": None, "d": 1.5}]
    assert "a: null stands for 1 NaN and 0 infinite values" in caplog.text
    assert "c: null stands for 0 NaN and 1 infinite values" in caplog.text
    assert answer(tmp_path, sql, "csv").splitlines()[1] == "NaN,inf,-inf,1.5"
    assert read_tables(tmp_path / "data" / "catalog")
