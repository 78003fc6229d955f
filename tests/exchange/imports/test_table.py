"""Anyone's grid: a CSV or Parquet file with a map of its columns."""

from __future__ import annotations

import json
import math
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from landscape_catalog.commands.imports import import_results
from landscape_catalog.experiment.experiment import Report
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import rule_of
from tests.conftest import ROOT
from tests.exchange.imports.sources import MAP, TABLE, refused, tables, write_table


def rows(found: dict[str, pl.DataFrame], metric: str) -> list[dict]:
    joined = found["cell_metrics"].filter(metric=metric).join(found["cells"], "cell_id")
    return joined.sort("position").rows(named=True)


def test_cells_with_means(tmp_path: Path) -> None:
    table, columns = write_table(tmp_path)
    found = tables("table", table, columns=columns)
    assert [row["mean"] for row in rows(found, "test_accuracy")] == [50.5, 60.25]
    assert [row["mean"] for row in rows(found, "train_loss")] == [1.5, 0.5]
    assert found["cells"].select("width", "batch_size", "n_runs").rows() == [(2, 16, None), (4, 16, None)]  # fmt: skip
    experiment = found["experiments"].row(0, named=True)
    assert (experiment["dataset"], experiment["model"], experiment["n_runs"]) == ("cifar10", "resnet18", None)  # fmt: skip
    assert json.loads(experiment["axes"]) == [{"path": "load.width", "values": [2, 4]}]
    assert set(found["cell_metrics"]["source"]) == {"Doe et al. 2025"}


FULL_TABLE = """\
w,depth,b,acc,acc_sd,acc_se,seeds,lambda,tr,rho,label,unused
2,shallow,16,0.5,0.01,0.005,5,2,1,0.25,odd,1
2,deep,16,,,,5,3,,0.5,even,1
4,shallow,16,0.75,0.02,0.01,3,1,0.5,0.75,"a, b",1
"""
FULL_MAP = """\
citation: Doe et al. 2025
url: https://example.org/grid.csv
note: A grid.
dataset: svhn
model: vgg11
kind: images
coordinates:
  load.width: w
  load.extra.depth: depth
  temperature.batch_size: b
fixed: {temperature.lr: 0.1, load.samples: 50000}
n_runs: seeds
n_classes: 10
facts: [label]
metrics:
  test_accuracy: {column: acc, unit: share, sd: acc_sd, standard_error: acc_se, n: seeds}
  log_top_eigenvalue: {column: lambda, unit: log10, method: power iteration}
  log_trace: {column: tr, unit: ln}
  spearman: {column: rho, n: 7}
classify:
  hessian: {threshold: 38.0}
report: {title: Doe's grid, x: load.width}
"""


def test_everything_that_a_map_can_say(tmp_path: Path) -> None:
    table, columns = write_table(tmp_path, FULL_TABLE, FULL_MAP)
    found = tables("table", table, columns=columns)
    accuracy = rows(found, "test_accuracy")
    assert [row["mean"] for row in accuracy] == [50.0, None, 75.0]
    assert [row["sd"] for row in accuracy] == [1.0, None, 2.0]
    assert [row["standard_error"] for row in accuracy] == [0.5, None, 1.0]
    assert [row["n"] for row in accuracy] == [5, 0, 3]
    assert [row["status"] for row in accuracy] == ["ok", "missing", "ok"]
    assert accuracy[1]["reason"] == "it is empty in the table"
    assert {row["unit"] for row in accuracy} == {"%"}
    logs = rows(found, "log_top_eigenvalue")
    assert [row["mean"] for row in logs] == [math.log(10) * value for value in (2, 3, 1)]
    assert {(row["unit"], row["method"]) for row in logs} == {("natural logarithm", "power iteration")}  # fmt: skip
    assert [row["mean"] for row in rows(found, "log_trace")] == [1, None, 0.5]
    assert {(row["n"], row["unit"]) for row in rows(found, "spearman")} == {(7, None)}
    cells = found["cells"].rows(named=True)
    assert [json.loads(cell["extra"]) for cell in cells] == [
        {"load.extra.depth": depth, "published.label": label}
        for depth, label in (("shallow", "odd"), ("deep", "even"), ("shallow", "a, b"))
    ]
    assert {(cell["samples"], cell["lr"], cell["lr_in_effect"]) for cell in cells} == {(50000, 0.1, 0.1)}  # fmt: skip
    assert [cell["n_runs"] for cell in cells] == [5, 5, 3]
    experiment = found["experiments"].row(0, named=True)
    assert json.loads(experiment["spec"])["load"]["extra"] == {"depth": ["shallow", "deep"]}
    assert experiment["n_runs"] == 13
    assert found["landscapes"]["frequency_loss"].to_list() == [math.log(10)] * 3
    assert "columns left out: unused" in import_results(tmp_path, "table", table, "doe", columns=columns)  # fmt: skip
    settings = YAML(typ="safe").load(tmp_path / "imports" / "doe.yaml")
    assert rule_of(settings["classify"]).hessian.threshold == 38.0
    assert Report.model_validate(settings["report"]).title == "Doe's grid"


RUNS = """\
w,b,s,loss,mc,acc
2,16,0,0.5,-3,50
2,16,1,2.5,-3,10
2,16,2,0.7,-3,60
4,16,0,,,70
"""
RUNS_MAP = """\
coordinates: {load.width: w, temperature.batch_size: b}
seed: s
n_classes: 10
metrics:
  train_loss: {column: loss, unit: nats}
  test_accuracy: {column: acc, unit: "%"}
  mode_connectivity: {column: mc, unit: "%", of: cell}
"""


def test_rows_may_be_runs(tmp_path: Path) -> None:
    table, columns = write_table(tmp_path, RUNS, RUNS_MAP)
    found = tables("table", table, columns=columns)
    loss, accuracy, mc = (rows(found, m) for m in ("train_loss", "test_accuracy", "mode_connectivity"))  # fmt: skip
    assert loss[0]["mean"] == pytest.approx(0.6)  # without the run whose loss is above ln 10
    assert loss[0]["sd"] == pytest.approx(0.02**0.5)
    assert (loss[0]["n"], accuracy[0]["n"], accuracy[0]["mean"]) == (2, 2, 55.0)
    assert (mc[0]["mean"], mc[0]["n"], mc[1]["mean"]) == (-3.0, None, None)
    assert (loss[1]["mean"], loss[1]["reason"]) == (None, "1 of 1: it is empty in the table")
    runs = found["runs"].join(found["cells"], "cell_id").sort("width", "seed")
    assert runs["status"].to_list() == ["converged", "NC", "converged", None]
    assert runs["not_finite"].null_count() == 4
    assert found["cells"]["n_runs"].to_list() == [3, 1]
    assert found["cells"]["n_converged"].to_list() == [2, None]
    assert found["estimates"].height == 8


def test_parquet_gives_what_csv_gives(tmp_path: Path) -> None:
    table, columns = write_table(tmp_path, FULL_TABLE, FULL_MAP)
    parquet = tmp_path / "table.parquet"
    pl.read_csv(table).write_parquet(parquet)
    ours, theirs = (tables("table", path, columns=columns) for path in (table, parquet))
    for name in ("cells", "cell_metrics"):
        kept = [column for column in ours[name].columns if not column.endswith("_id")]
        assert ours[name].sort("cell_id")[kept].sort(kept).equals(theirs[name][kept].sort(kept))


def test_parquet_keeps_every_digit(tmp_path: Path) -> None:
    text = MAP.replace('test_accuracy: {column: acc, unit: "%"}', "norm: {column: acc}")
    _, columns = write_table(tmp_path, columns=text)
    values = [0.1 + 0.2, 5e-324, 1e22, 1 / 3]
    path = tmp_path / "t.parquet"
    frame = {"w": [1, 2, 3, 4], "b": [16.0] * 4, "acc": values, "loss": [None, 1.0, 2.0, 3.0]}
    pl.DataFrame(frame).write_parquet(path)
    found = tables("table", path, columns=columns)
    assert [row["mean"] for row in rows(found, "norm")] == values
    assert rows(found, "train_loss")[0]["mean"] is None


BAD_MAPS: dict[str, tuple[str, str]] = {
    "no YAML": ("a: [", "not valid YAML"),
    "a list": ("[1]", "allowed: a mapping with `coordinates` and `metrics`"),
    "nothing": ("", "(file): got None"),
    "no coordinates": (MAP.replace("coordinates", "coordinate"), "coordinates: this key is required"),
    "an unknown key": (MAP + "seeds: 5\n", "seeds: got an unknown key; allowed: coordinates, metrics"),
    "an unknown key of a metric": (MAP.replace("unit: nats", "units: nats"), "metrics.train_loss.units: got an unknown key; allowed: column, unit"),
    "an unknown parameter": (MAP.replace("load.width", "width"), "coordinates.width: got 'width'; allowed: load.width, load.samples"),
    "a bad metric": (MAP.replace("train_loss", "Train Loss"), "allowed: a name of small letters"),
    "a bad unit": (MAP.replace('"%"', "percent"), "metrics.test_accuracy.unit: got 'percent'; allowed: '%' or 'share'"),
    "a unit of what has none": (MAP.replace("train_loss", "cka"), "metrics.cka.unit: got 'nats'; allowed: null"),
    "no unit of a loss": (MAP.replace(", unit: nats", ""), "metrics.train_loss.unit: got none; allowed: 'nats' or 'bits'"),
    "no unit of connectivity": (MAP.replace("train_loss", "mode_connectivity").replace(", unit: nats", ""), "metrics.mode_connectivity.unit: got none; allowed: '%' or 'share'"),
    "a coordinate that is fixed": (MAP + "fixed: {load.width: 3}\n", "fixed.load.width: got a parameter that is a coordinate too"),
    "a fixed width of text": (MAP + "fixed: {load.samples: many}\n", "fixed.load.samples: got 'many'; allowed: a whole number"),
    "a fixed rate below zero": (MAP + "fixed: {temperature.lr: -1}\n", "fixed.temperature.lr: got -1; allowed: a number, 0 or more"),
    "one column for two coordinates": (MAP.replace("temperature.batch_size: b", "temperature.batch_size: w"), "got column 'w', which is load.width too"),
    "of a run without seeds": (MAP.replace("unit: nats", "unit: nats, of: run"), "without `seed`, a row is a cell"),
    "spread of a run": (MAP.replace("unit: nats", "unit: nats, sd: w") + "seed: b\n", "only with `of: cell`"),
    "another performance metric": (MAP + "performance_metric: cka\n", "performance_metric: got 'cka'; allowed: 'test_accuracy', 'test_loss' or 'test_error'"),
    "a bad threshold": (MAP + "classify: {train_loss: -1}\n", "classify.train_loss: got -1"),
    "a bad scale": (MAP + "report: {x_scale: cubic}\n", "report.x_scale: got 'cubic'"),
    "a number of runs below one": (MAP + "n_runs: 0\n", "n_runs"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MAPS)
def test_a_bad_map_is_refused(case: str, tmp_path: Path) -> None:
    text, words = BAD_MAPS[case]
    table, columns = write_table(tmp_path, columns=text)
    message = refused(tmp_path, "table", table, columns=columns)
    assert message.startswith("map.yaml:\n")
    assert words in message


# Unit -> what the catalog stores for the value 0.5, with the unit that it stores.
PERCENT = {"%": (0.5, "%"), "share": (50.0, "%")}
NATS = {"nats": (0.5, "nats"), "bits": (0.34657359027997264, "nats")}
LOGS = {
    "ln": (0.5, "natural logarithm"),
    "natural logarithm": (0.5, "natural logarithm"),
    "log10": (1.151292546497023, "natural logarithm"),
}
PLAIN = {None: (0.5, None)}
STORED: dict[str, dict[str | None, tuple[float, str | None]]] = {
    **dict.fromkeys(
        (
            "train_accuracy", "test_accuracy", "train_error", "test_error", "peak_error",
            "mode_connectivity", "connectivity_lowest", "connectivity_highest", "curve_area",
            "line_barrier",
        ),
        PERCENT,
    ),
    **dict.fromkeys(
        ("train_loss", "test_loss", "train_loss_running", "train_loss_recomputed"), NATS
    ),
    **dict.fromkeys(("log_top_eigenvalue", "log_trace"), LOGS),
    **dict.fromkeys(
        (
            "top_eigenvalue", "trace", "cka", "cka_debiased", "l2_distance", "relative_distance",
            "norm",
        ),
        PLAIN,
    ),
    "disagreement": {None: (0.5, None), "share": (0.5, None), "%": (0.005, None)},
    "n_epochs": {None: (0.5, "epochs"), "epochs": (0.5, "epochs")},
}  # fmt: skip
GIVEN = (None, "%", "share", "percent", "nats", "bits", "ln", "natural logarithm", "log10", "epochs", "1")  # fmt: skip


def test_every_metric_of_the_project_has_its_units() -> None:
    assert set(STORED) == {*QUANTITIES, "log_top_eigenvalue", "log_trace"}


@pytest.mark.parametrize("metric", STORED)
@pytest.mark.parametrize("unit", GIVEN)
def test_a_unit_is_converted_or_refused(metric: str, unit: str | None, tmp_path: Path) -> None:
    words = "null" if unit is None else f'"{unit}"'
    text = f"coordinates: {{load.width: w}}\nmetrics: {{{metric}: {{column: m, sd: m, unit: {words}}}}}\n"
    table, columns = write_table(tmp_path, "w,m\n1,0.5\n", text)
    if unit not in STORED[metric]:
        message = refused(tmp_path, "table", table, columns=columns)
        assert message.startswith(f"map.yaml:\n  metrics.{metric}.unit: got ")
        assert all(repr(one) in message for one in STORED[metric] if one)
        return
    (row,) = rows(tables("table", table, columns=columns), metric)
    expected, stored = STORED[metric][unit]
    assert row["mean"] == row["sd"] == pytest.approx(expected, rel=1e-15)
    assert row["unit"] == stored


IMPOSSIBLE = {
    "an accuracy of more than all": ("test_accuracy", "share", 71.5, "test_accuracy is 7150 %; allowed: 0 to 100 %"),
    "an error of more than all": ("train_error", "%", 100.5, "train_error is 100.5 %; allowed: 0 to 100 %"),
    "an error below zero": ("test_error", "%", -1, "allowed: 0 to 100 %"),
    "a barrier in the wrong unit": ("mode_connectivity", "share", -4.1, "mode_connectivity is -410 %; allowed: -100 to 100 %"),
    "the logarithm of a loss": ("train_loss", "nats", -3.2, "train_loss is -3.2 nats; allowed: 0 or more nats"),
    "a share of more than one": ("disagreement", None, 12, "disagreement is 12; allowed: 0 to 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_values_that_show_another_unit_are_refused(case: str, tmp_path: Path) -> None:
    metric, unit, value, words = IMPOSSIBLE[case]
    text = json.dumps({"coordinates": {"load.width": "w"}, "metrics": {metric: {"column": "m", "unit": unit}}})  # fmt: skip
    table, columns = write_table(tmp_path, f"w,m\n1,0.5\n2,{value}\n", text)
    message = refused(tmp_path, "table", table, columns=columns)
    assert words in message
    assert f"table.csv, line 3: column 'm' is '{value}'" in message


BAD_TABLES: dict[str, tuple[str, str]] = {
    "a column that there is not": (TABLE.replace("acc", "accuracy"), "has no column 'acc'; it has 'w', 'b', 'accuracy', 'loss'"),
    "a cell twice": (TABLE + "2,16,1,1\n", "line 4: the cell of line 2 again (width 2, batch size 16)"),
    "text as a metric": (TABLE.replace(",0.5\n", ",low\n"), "line 3: column 'loss' is 'low', which is no number"),
    "NaN": (TABLE.replace(",0.5\n", ",NaN\n"), "is 'NaN', which is no finite number"),
    "infinity": (TABLE.replace("1.5", "inf"), "is 'inf', which is no finite number"),
    "an empty coordinate": (TABLE.replace("4,16", ",16"), "column 'w' is empty"),
    "no rows": ("w,b,acc,loss\n", "has no rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_is_refused(case: str, tmp_path: Path) -> None:
    text, words = BAD_TABLES[case]
    table, columns = write_table(tmp_path, text)
    assert words in refused(tmp_path, "table", table, columns=columns)


BAD_RUNS: dict[str, tuple[str, str]] = {
    "a run twice": (RUNS + "2,16,1,1,-3,1\n", "line 6: the run with seed 1 of line 3 again"),
    "a seed below zero": (RUNS.replace("2,16,2", "2,16,-2"), "column 's' is -2; allowed: 0 or more"),
    "two numbers for a cell": (RUNS.replace("0.7,-3", "0.7,-4"), "mode_connectivity is one number for each cell, and for width 2, batch size 16 there are -4.0, -3.0"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_RUNS)
def test_bad_runs_are_refused(case: str, tmp_path: Path) -> None:
    text, words = BAD_RUNS[case]
    table, columns = write_table(tmp_path, text, RUNS_MAP)
    assert words in refused(tmp_path, "table", table, columns=columns)


def test_bad_parquet_files_are_refused(tmp_path: Path) -> None:
    _, columns = write_table(tmp_path)
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame({"w": [1], "b": [16], "acc": [1.0], "loss": [1.0]})
    frame.write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "no whole Parquet file" in refused(tmp_path, "table", path, columns=columns)
    cases = (
        (frame.clear(), "has no rows"),
        (frame.with_columns(loss=pl.lit([1.0])), "column 'loss' has neither numbers nor text"),
        (frame.with_columns(loss=pl.lit(math.nan)), "row 1: column 'loss' is 'nan', which is no finite"),
        (frame.with_columns(w=pl.lit(True)), "row 1: column 'w' is 'True', which is no number"),
        (frame.drop("acc"), "has no column 'acc'"),
    )  # fmt: skip
    for bad, words in cases:
        bad.write_parquet(path)
        assert words in refused(tmp_path, "table", path, columns=columns)


def test_the_map_is_part_of_the_ids_and_its_thresholds_are_not(tmp_path: Path) -> None:
    table, columns = write_table(tmp_path)
    other, more = tmp_path / "other.yaml", tmp_path / "more.yaml"
    other.write_text(MAP.replace("{column: acc", "{column: loss"))
    more.write_text(MAP + "classify: {train_loss: 0.1}\nreport: {title: x}\n")
    ids = [
        tables("table", table, columns=path)["experiments"]["experiment_id"].item()
        for path in (columns, other, more)
    ]
    assert ids[0] == ids[2] != ids[1]


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    """The table and the map in docs/imports.md are imported as the docs say."""
    text = (ROOT / "docs" / "imports.md").read_text()
    table = text.split("```csv\n")[1].split("```")[0]
    columns = text.split("```yaml\n")[1].split("```")[0]
    paths = write_table(tmp_path, table, columns)
    found = tables("table", paths[0], columns=paths[1])
    assert found["cells"].height == 4
    assert {row["unit"] for row in rows(found, "test_accuracy")} == {"%"}
    assert rows(found, "test_accuracy")[0]["mean"] == pytest.approx(71.5)
    assert found["cells"]["n_runs"].to_list() == [5] * 4
