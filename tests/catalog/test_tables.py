"""The catalog: tables, the wide view, SQL queries and damaged files."""

from __future__ import annotations

import json
import math
import shutil
import statistics
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from landscape_catalog.catalog import TABLES, packed_tables, read_tables
from landscape_catalog.catalog.experiment_rows import performance_metric
from landscape_catalog.catalog.tables import TYPES, frame_of
from landscape_catalog.commands.phases import describe_phases
from landscape_catalog.commands.sql import answer
from landscape_catalog.errors import DamagedFileError, MissingArtifactError, QueryError
from landscape_catalog.metrics.evaluation import Evaluation
from landscape_catalog.metrics.loss.spec import Judge, Loss
from landscape_catalog.metrics.registry import QUANTITIES
from landscape_catalog.phases import RULES, CellNumbers, Yang2021, rule_of
from landscape_catalog.store.records import RunRecord
from tests.catalog import asking

Finished = tuple[Path, Path]


@pytest.fixture
def catalog(finished: Finished, tmp_path: Path) -> Path:
    """A data folder that holds only the Parquet tables of a finished project."""
    shutil.copytree(finished[0] / "data" / "catalog", tmp_path / "catalog")
    return tmp_path


def ask(folder: Path, sql: str) -> pl.DataFrame:
    return asking.ask(sql, tables=folder / "catalog")


def test_tables_have_their_schemas_and_order(catalog: Path) -> None:
    for name, frame in read_tables(catalog / "catalog").items():
        assert dict(frame.schema) == {
            column: TYPES[kind] for column, kind, _, _ in TABLES[name].columns
        }
        assert_frame_equal(frame, frame.sort(TABLES[name].order))
        assert all(meaning for _, _, meaning, _ in TABLES[name].columns)


@pytest.mark.parametrize(
    ("ranked_by", "metric"),
    [
        (["accuracy", "accuracy"], "test_accuracy"),
        (["error"], "test_error"),
        (["loss", "loss"], "test_loss"),
        (["accuracy", "loss"], "test_loss"),
        (["loss", "error", "error"], "test_loss"),
    ],
)
def test_cells_are_ranked_by_what_all_tasks_share(ranked_by: list[Judge], metric: str) -> None:
    values = Evaluation(loss=0.0, loss_sd=0.0, n_wrong=0, n=1)
    losses = [Loss(values, values, judged_by=by) for by in ranked_by]
    assert performance_metric(losses) == metric


def test_descriptions_list_every_value() -> None:
    def meaning(table: str, name: str) -> str:
        return next(text for column, _, text, _ in TABLES[table].columns if column == name)

    for reason in get_args(RunRecord.model_fields["stop_reason"].annotation):
        assert f"`{reason}`" in meaning("runs", "stop_reason")
    phases = meaning("phases", "phase").replace(" or ", ", ").split(", ")
    for rule in RULES.values():
        assert {phase.name for phase in rule.own_phases} | {"NC", "unclassified"} <= set(phases)


def test_counts(catalog: Path) -> None:
    heights = {name: frame.height for name, frame in read_tables(catalog / "catalog").items()}
    assert heights["cells"] == heights["phases"] == 4
    assert heights["criteria"] == len(Yang2021().criteria)
    assert heights["runs"] == 8
    assert heights["landscapes"] == 2
    assert heights["cell_metrics"] == 4 * len(QUANTITIES)


def test_parquet_and_duckdb_hold_the_same_rows(catalog: Path) -> None:
    for name, frame in read_tables(catalog / "catalog").items():
        order = ", ".join(TABLES[name].order)
        found = ask(catalog, f"SELECT * FROM core.{name} ORDER BY {order}")
        assert_frame_equal(found.drop("origin"), frame)
        assert set(found["origin"]) <= {"current"}


def test_the_wide_view(catalog: Path) -> None:
    wide = ask(catalog, "SELECT * FROM cells")
    assert wide.height == 4
    runs = ask(catalog, "SELECT * FROM runs WHERE status = 'converged'")
    for row in wide.iter_rows(named=True):
        members = runs.filter(pl.col("cell_id") == row["cell_id"])["test_accuracy"].to_list()
        assert row["test_accuracy_n"] == len(members) == row["n_converged"]
        if members:
            assert row["test_accuracy"] == pytest.approx(statistics.fmean(members))
        if len(members) > 1:
            assert row["test_accuracy_sd"] == pytest.approx(statistics.stdev(members))
        assert row["phase"] in {"I", "II", "III", "IV-A", "IV-B", "NC", "unclassified"}
        assert row["reason"]
    for metric in QUANTITIES:
        assert {metric, f"{metric}_sd", f"{metric}_n"} <= set(wide.columns)


def test_mode_connectivity_follows_from_the_stored_curve_points(catalog: Path) -> None:
    points = ask(catalog, "SELECT * FROM curve_points ORDER BY cell_id, run_id, t")
    pairs = ask(catalog, "SELECT * FROM pairs WHERE mode_connectivity IS NOT NULL")
    assert pairs.height > 0
    for row in pairs.iter_rows(named=True):
        of_run = (pl.col("run_id") == row["run_id"]) & (pl.col("probe") == "primary")
        errors = points.filter(of_run)["train_error"].to_list()
        assert len(errors) == 5
        level = (errors[0] + errors[-1]) / 2
        deviations = [level - error for error in errors[1:-1]]
        assert row["mode_connectivity"] == pytest.approx(max(deviations, key=abs))


def test_queries_follow_the_tables(catalog: Path) -> None:
    assert ask(catalog, "SELECT count(*) AS n FROM runs")["n"][0] == 8
    tables = read_tables(catalog / "catalog")
    tables["runs"] = tables["runs"].head(3)
    for name, content in packed_tables(tables).items():
        (catalog / "catalog" / name).write_bytes(content)
    assert ask(catalog, "SELECT count(*) AS n FROM runs")["n"][0] == 3


def test_a_damaged_table_is_named(catalog: Path) -> None:
    path = catalog / "catalog" / "pairs.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(
        DamagedFileError, match=r"pairs.parquet is damaged; `dvc repro` rebuilds it"
    ):
        ask(catalog, "SELECT 1")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM core.runs",
        "CREATE TABLE t AS SELECT 1",
        "COPY (SELECT 1) TO 'escaped.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT nothing FROM cells",
        "SELEKT 1",
        "SELECT 1; SELECT 2",
        "",
    ],
)
def test_queries_are_read_only(catalog: Path, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(catalog)
    with pytest.raises(QueryError):
        ask(catalog, sql)
    assert not (catalog / "escaped.csv").exists()


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize(
    "sql",
    ["SELECT list(phase) FROM cells", "SELECT 'x'::BLOB", "SELECT INTERVAL 1 MONTH", "SELECT 1, NULL",
     "SELECT TIMESTAMP '294247-01-10 04:00:54'", "SELECT * FROM cells", "SELECT 'nan'::DOUBLE, 1.5::DECIMAL(4,2)"],
)  # fmt: skip
def test_every_type_prints_in_every_format(catalog: Path, sql: str, form: str) -> None:
    (catalog / "data").mkdir()
    shutil.move(catalog / "catalog", catalog / "data" / "catalog")
    assert answer(catalog, sql, form)


def test_a_damaged_manifest_is_named(catalog: Path) -> None:
    for text in ("{", "{}", '{"fingerprint": "x", "sha256": {}}'):
        (catalog / "catalog" / "manifest.json").write_text(text)
        with pytest.raises(DamagedFileError, match=r"manifest.json is damaged"):
            ask(catalog, "SELECT 1")


def test_a_folder_with_brackets(catalog: Path) -> None:
    odd = catalog / "my [grid]*"
    odd.mkdir()
    shutil.move(catalog / "catalog", odd / "catalog")
    assert ask(odd, "SELECT count(*) AS n FROM cells")["n"][0] == 4
    assert read_tables(odd / "catalog")["cells"].height == 4
    assert [path.name for path in odd.iterdir() if "tmp" in path.name] == []


def test_a_missing_catalog_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError, match="run `dvc repro`") as caught:
        ask(tmp_path, "SELECT 1")
    assert caught.value.exit_code == 2


def test_nan_becomes_null() -> None:
    table = TABLES["epochs"]
    row = dict.fromkeys(name for name, *_ in table.columns)
    row |= {"epoch": 1, "train_loss": math.nan}
    assert frame_of(table, [row])["train_loss"].to_list() == [None]


def test_the_dvc_metrics_file(finished: Finished) -> None:
    summary = json.loads((finished[0] / "reports" / "metrics.json").read_text())
    leaves = [leaf for part in summary.values() for leaf in part]
    assert len(leaves) <= 30
    assert sum(summary["phases"].values()) == 4
    assert summary["labels"] == {"sure": 0, "unknown": 4}  # two seeds do not show how seeds vary
    assert summary["runs"]["trained"] == 8


def test_criteria_count_labels_that_would_change(finished: Finished, catalog: Path) -> None:
    """Classified again from the stored means, with a threshold moved by hand."""
    tables = read_tables(catalog / "catalog")
    rule = rule_of(json.loads(tables["experiments"]["classify"].item()))
    phases = dict(tables["phases"].select("cell_id", "phase").rows())
    cells = {
        row["cell_id"]: CellNumbers(
            row["n_runs"],
            row["n_converged"],
            {name: math.nan if row[name] is None else row[name] for name in rule.metrics},
        )
        for row in ask(catalog, "SELECT * FROM cells").iter_rows(named=True)
    }
    for row in tables["criteria"].iter_rows(named=True):
        never = -math.inf if row["relation"] == "<" else math.inf
        moved = {f"changed_at_{p}": p / 100 * row["threshold"] for p in (75, 90, 110, 125)}
        for column, threshold in {"changed_without": never, **moved}.items():
            changed = [
                cell_id
                for cell_id, cell in cells.items()
                if rule.classify(cell, {row["criterion"]: threshold}).phase != phases[cell_id]
            ]
            assert row[column] == len(changed), (row["criterion"], column)
    printed = describe_phases(finished[0]).splitlines()
    assert printed[0].split() == ["width", "batch_size", "phase", "probability", "second", "reason"]
    assert printed[6].startswith(
        "Sure labels (probability of at least 90%): 0 of 4. Unknown (?): 4;"
    )
    assert len(printed) == 1 + 4 + 2 + 3 + tables["criteria"].height
    for (cell_id, phase), line in zip(phases.items(), printed[1:5]):
        assert f" {phase} " in line, cell_id
    assert printed[9].startswith("criterion ")


def test_phases_before_there_is_a_catalog(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError, match="aggregate"):
        describe_phases(tmp_path)
