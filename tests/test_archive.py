"""Results of earlier code, read by today's code: `tests/archive/README.md`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_series_equal

from landscape_catalog.catalog import read_tables
from landscape_catalog.metrics.registry import METRIC_OF, METRICS
from landscape_catalog.paths import RECORD_FILE, STORE_VARIABLE, Project
from landscape_catalog.pipeline.aggregate.stage import run_aggregate
from landscape_catalog.pipeline.measure.stage import run_measure
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.report.stage import run_report
from landscape_catalog.pipeline.shared import workspace
from landscape_catalog.pipeline.train.stage import run_train
from landscape_catalog.schema.records import Record
from landscape_catalog.store.artifacts import (
    FIRST_SNAPSHOT,
    read_history,
    read_measurement,
    read_prepared,
    read_run,
    read_weights,
    sealed,
)
from scripts import compare_catalogs
from scripts.compare_catalogs import differences
from tests.former import use_former_recipes
from tests.unpacking import unpack_archive

# torch itself still scripts functions when the first forward-mode derivative is taken.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:FutureWarning")

ROOT = Path(__file__).resolve().parent.parent
ARCHIVES = ROOT / "tests" / "archive"
POLARS = "2.1.0"  # wrote the archived tables
# Data, runs and measurements of each archive.
SIZES = {
    "default": (1, 32, 128),
    "every_metric": (2, 24, 196),
    "convection": (2, 8, 32),
    "text": (1, 4, 14),
    "grouped": (1, 12, 62),
}
WITH_WEIGHTS = [name for name in SIZES if name != "default"]
# Computed before small networks were trained side by side: some or all ids have other recipes now.
# Where the tests use the former recipes, nothing else in the ids may have changed.
FORMER = ("default", "every_metric", "convection")
CUSTOM_MODULE = "convection"

Unpack = Callable[[str], Project]


def use_recipes_of(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash ids with the recipes that the archive was computed with."""
    if name in FORMER:
        use_former_recipes(monkeypatch)


@pytest.fixture
def unpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Unpack]:
    """Unpack an archive to a project folder with the repository's `custom/` and an empty store."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop(CUSTOM_MODULE, None)
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))

    def extract(name: str) -> Project:
        root = tmp_path / name
        unpack_archive(ARCHIVES / f"{name}.tar.xz", root)
        measure_as_archived(root / "params.yaml")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "custom", root / "custom", ignore=ignored)
        return Project(root)

    yield extract
    sys.modules.pop(CUSTOM_MODULE, None)


def measure_as_archived(params: Path) -> None:
    """Choose the batch-norm statistics with which everything was measured before there was a choice."""
    text = params.read_text()
    assert text.count("\nmeasure:\n") == 1
    params.write_text(text.replace("\nmeasure:\n", "\nmeasure:\n  batch_norm: authors\n"))


def store() -> Path:
    return Path(os.environ[STORE_VARIABLE])


def fill_store(project: Project) -> None:
    """Fill the store as the archived project left it."""
    shutil.copytree(project.runs, store() / "runs")
    shutil.copytree(project.measurements, store() / "measurements")
    (store() / "data").mkdir()
    for folder in project.prepared.iterdir():
        shutil.copy(folder / RECORD_FILE, store() / "data" / f"{folder.name}.json")


def forbid_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail as soon as a stage submits a job to an executor."""

    def refuse(executor: object, function: object, jobs: Any, **options: object) -> list[Any]:
        assert not jobs, f"jobs were started: {[job.name for job in jobs]}"
        return []

    monkeypatch.setattr(workspace, "run_jobs", refuse)


def compute(project: Project) -> None:
    """Run the stages that compute; none of them may have anything to do."""
    run_prepare(project.root)
    run_train(project.root)
    run_measure(project.root)
    assert not project.timings.exists(), "a job ran, and its time was noted"


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def inodes(folder: Path) -> dict[str, int]:
    """Differs if anything below the folder was replaced, removed or added."""
    return {name: inode for name, (inode, _) in stamps(folder).items()}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and change time of every file, which differ if a file is rewritten."""
    files = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in files.items()}


def holds(new: Any, old: Any) -> bool:
    """Whether a JSON value contains every entry of an older one."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and holds(new[key], value) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(new) == len(old) and all(map(holds, new, old))
    return bool(new == old) and type(new) is type(old)


def assert_complete(record: Record, path: Path) -> None:
    """A record keeps everything in its file except for the seal, which covers new fields."""
    old = json.loads(path.read_text())
    del old["checksum"]
    assert holds(json.loads(sealed(record)), old), f"{path} loses something when it is read"


def test_the_archives_are_unmodified() -> None:
    lines = (ARCHIVES / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in map(str.split, lines)}
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in ARCHIVES.glob("*.tar.xz")}
    assert found == sums
    assert sorted(found) == sorted(f"{name}.tar.xz" for name in SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_every_old_record_is_read(name: str, unpack: Unpack) -> None:
    project = unpack(name)
    data, runs = sorted(project.prepared.iterdir()), sorted(project.runs.iterdir())
    measurements = sorted(project.measurements.iterdir())
    assert (len(data), len(runs), len(measurements)) == SIZES[name]
    for folder in data:
        prepared_record, prepared = read_prepared(folder)
        assert_complete(prepared_record, folder / RECORD_FILE)
        assert prepared.content_hash() == prepared_record.content_hash
    for folder in runs:
        run = read_run(folder)
        assert_complete(run, folder / RECORD_FILE)
        assert {values.shape for values in read_history(folder).values()} == {(run.n_epochs,)}
        if name in WITH_WEIGHTS:
            snapshots = [FIRST_SNAPSHOT, *run.other_snapshots]
            names = {tuple(read_weights(folder, snapshot)) for snapshot in snapshots}
            assert len(names) == 1, "each snapshot holds the same arrays"
            assert names != {()}
    for path in measurements:
        assert_complete(read_measurement(path), path)


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_existing_results_are_not_recomputed(
    name: str, unpack: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From `data/` alone: no file is rewritten, removed or added, and the store is filled."""
    project = unpack(name)
    use_recipes_of(name, monkeypatch)
    forbid_jobs(monkeypatch)
    data = project.root / "data"
    before, bytes_before = stamps(data), contents(data)
    compute(project)
    assert contents(data) == bytes_before
    assert stamps(data) == before
    for folder in (project.runs, project.measurements):
        assert contents(store() / folder.name) == contents(folder)


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_runs_and_measurements_are_restored_from_the_store(
    name: str, unpack: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = unpack(name)
    use_recipes_of(name, monkeypatch)
    fill_store(project)
    forbid_jobs(monkeypatch)
    data = project.root / "data"
    before, shared, files = contents(data), contents(store()), inodes(store())
    shutil.rmtree(project.runs)
    shutil.rmtree(project.measurements)
    compute(project)
    assert contents(data) == before
    assert contents(store()) == shared
    assert inodes(store()) == files  # times of modification say when an entry was last used


def submitted_jobs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The payloads of all jobs that stages submit from now on; none of them is done."""
    payloads: list[Any] = []

    def note(executor: object, function: object, jobs: Any, **options: object) -> list[Any]:
        payloads.extend(job.payload for job in jobs)
        return []

    monkeypatch.setattr(workspace, "run_jobs", note)
    return payloads


@pytest.mark.parametrize("name", ["default", "every_metric"])
def test_former_results_of_grouped_runs_are_not_used(
    name: str, unpack: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs of these archives are trained anew, whether `data/` or the store has former ones."""
    project = unpack(name)
    fill_store(project)
    former, shared = set(contents(project.runs)), stamps(store() / "runs")
    payloads = submitted_jobs(monkeypatch)
    run_prepare(project.root)
    run_train(project.root)
    runs = [run for payload in payloads for run in payload.runs]
    assert len(runs) == len({run.run_id for run in runs}) == SIZES[name][1]
    assert all(run.cell.is_grouped for run in runs)
    assert not {f"{run.run_id}/{RECORD_FILE}" for run in runs} & former
    assert contents(project.runs) == {}, "former runs are removed, as all that are not in the grid"
    assert stamps(store() / "runs") == shared, "other workspaces may still need them"


def test_only_curves_of_a_custom_network_are_measured_again(
    unpack: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runs are trained alone, as before; how its curves are evaluated has changed."""
    project = unpack("convection")
    payloads = submitted_jobs(monkeypatch)
    runs = stamps(project.runs)
    before = contents(project.measurements)
    run_prepare(project.root)
    run_train(project.root)
    assert payloads == []
    assert stamps(project.runs) == runs
    run_measure(project.root)
    specs = [spec for payload in payloads for spec in payload.specs]
    assert {spec.metric for spec in specs} == {"connectivity", "barrier"}
    kept = contents(project.measurements)
    assert kept.items() < before.items()
    assert len(kept) + len(specs) == len(before)


def test_runs_of_the_grouped_archive_say_how_they_were_computed(unpack: Unpack) -> None:
    project = unpack("grouped")
    computed = {
        (run.spec["temperature"]["batch_size"], run.computed)
        for run in map(read_run, project.runs.iterdir())
    }
    assert computed == {(12, "alone"), (16, "grouped")}


@pytest.mark.parametrize("name", ["every_metric", "text", "grouped"])
def test_data_are_prepared_as_before(name: str, unpack: Unpack) -> None:
    """Except `convection`: NumPy's sine may round differently on another processor."""
    project = unpack(name)
    fill_store(project)
    before = contents(project.prepared)
    shutil.rmtree(project.prepared)
    run_prepare(project.root)
    assert contents(project.prepared) == before


@pytest.mark.parametrize("name", SIZES)
def test_the_tables_are_unchanged(
    name: str, unpack: Unpack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte-identical once added columns are dropped.

    If another version of Polars is installed, whose file layout may differ, the archived tables are
    rewritten before their bytes are compared.
    """
    project = unpack(name)
    use_recipes_of(name, monkeypatch)
    reports, old = project.root / "reports", tmp_path / "old"
    (old / "reports").mkdir(parents=True)
    shutil.move(project.catalog, old / "catalog")
    for path in (project.metrics, project.plots):
        shutil.move(path, old / "reports" / path.name)
    run_aggregate(project.root)
    same_polars = pl.__version__ == POLARS
    assert differences(old / "catalog", project.catalog, same_polars=same_polars) == []
    now, before = contents(reports), contents(old / "reports")
    name_of_metrics = project.metrics.name
    assert holds(json.loads(now.pop(name_of_metrics)), json.loads(before.pop(name_of_metrics)))
    assert now == before
    reasons = read_tables(project.catalog)["phases"]["reason"]
    former = pl.read_parquet(old / "catalog" / "phases.parquet")["reason"]
    assert all(was in reason for reason, was in zip(reasons, former))
    keys = ["cell_id", "run_id", "other_run_id", "metric", "probe"]
    estimates = pl.read_parquet(old / "catalog" / "estimates.parquet")
    both = estimates.join(read_tables(project.catalog)["estimates"], on=keys, suffix="_now")
    assert both.height == estimates.height
    assert all(
        (was or "") in (now or "") for was, now in both.select("reason", "reason_now").rows()
    )
    keys = ["experiment_id", "cell_id", "metric", "probe"]
    metrics = pl.read_parquet(old / "catalog" / "cell_metrics.parquet")
    both = metrics.join(read_tables(project.catalog)["cell_metrics"], on=keys, suffix="_now")
    of_pairs = pl.col("metric").is_in(
        [m for m in METRIC_OF if METRICS[METRIC_OF[m]].scope == "pair"]
    )
    of_runs = both.filter(~of_pairs & ~pl.col("metric").str.starts_with("custom."))
    assert of_runs.height > 0
    assert_series_equal(of_runs["standard_error"], of_runs["standard_error_now"], check_names=False)
    alone = both.filter(~pl.col("measurement_error_kind").is_in(["joint", "correlated"]))
    assert alone.height > 0
    error, now = alone["measurement_error"], alone["measurement_error_now"]
    assert_series_equal(error, now, check_names=False)
    # Old records do not say what single samples add to errors, so that these are upper bounds.
    bounds = both.filter(pl.col("measurement_error_kind") == "correlated")
    assert (bounds["measurement_error_now"] >= bounds["measurement_error"] * (1 - 1e-12)).all()


@pytest.mark.parametrize(
    ("name", "loss_unit", "error_unit", "performance_metric"),
    [
        ("convection", "squared residual", None, "test_loss"),
        ("text", "nats", "%", "test_loss"),
        ("every_metric", "nats", "%", "test_accuracy"),
    ],
)
def test_units_that_old_records_leave_out(
    name: str,
    loss_unit: str,
    error_unit: str | None,
    performance_metric: str,
    unpack: Unpack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Units of a custom task are those of its curves, or unknown, but never assumed."""
    project = unpack(name)
    use_recipes_of(name, monkeypatch)
    run_aggregate(project.root)
    tables = read_tables(project.catalog)
    sides = ("train", "test")
    expected = {f"{side}_loss": loss_unit for side in sides}
    expected |= {f"{side}_error": error_unit for side in sides}
    for table, number in [("estimates", "value"), ("cell_metrics", "mean")]:
        known = pl.col("metric").is_in(list(expected)) & pl.col(number).is_not_null()
        rows = tables[table].filter(known)
        assert dict(rows.select("metric", "unit").unique().iter_rows()) == expected
    assert tables["experiments"]["performance_metric"].item() == performance_metric
    run_report(project.root)
    page = (project.root / "reports" / "phases.html").read_text()
    assert f"Training loss in {loss_unit} by epoch" in page


def test_the_comparison_detects_every_change(
    unpack: Unpack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, new = unpack("text"), tmp_path / "new"
    shutil.copytree(project.catalog, new)
    path = new / "epochs.parquet"
    frame = pl.read_parquet(path)
    one_bit_off = pl.col("train_loss").cast(pl.Float64) * (1 + 2**-52)

    def found(changed: pl.DataFrame) -> list[str]:
        path.write_bytes(compare_catalogs.written(changed))
        answer = differences(project.catalog, new, same_polars=pl.__version__ == POLARS)
        assert answer == differences(project.catalog, new, same_polars=False)
        return answer

    assert found(frame) == []
    assert found(frame.with_columns(added=1).select("added", *frame.columns)) == []
    assert found(frame.reverse()) != []
    assert found(frame.head(-1)) == [f"epochs: {frame.height - 1} rows, were {frame.height}"]
    assert found(frame.drop("epoch")) == ["epochs: missing columns epoch"]
    assert found(frame.with_columns(pl.col("epoch").cast(pl.Int32))) == [
        "epochs: epoch is Int32, was Int64"
    ]
    (off,) = found(frame.with_columns(one_bit_off))
    assert off.startswith("epochs: row 0, train_loss: ")
    (order,) = found(frame.select(frame.columns[::-1]))
    assert order.startswith("epochs: the order of the columns differs: ")
    renamed = frame.rename({"epoch": "number"})
    assert found(renamed) == ["epochs: missing columns epoch"]
    monkeypatch.setitem(compare_catalogs.RENAMED, "epochs", {"epoch": "number"})
    assert found(renamed) == []
    assert found(frame) == [], "an older name is still read"
    path.unlink()
    assert differences(project.catalog, new) == ["epochs: the table is missing"]
    with pytest.raises(FileNotFoundError):
        differences(tmp_path / "nowhere", new)
