"""`open_catalog`: tables, SQL queries, and runs whose networks are rebuilt from their records."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from landscape_catalog.api.catalog import open_catalog
from landscape_catalog.catalog import TABLES
from landscape_catalog.errors import (
    CodeError,
    ContentMismatchError,
    DamagedFileError,
    MissingArtifactError,
    QueryError,
)
from landscape_catalog.metrics.numerics.evaluation import evaluate
from tests.stages import run_stages, uses_store, write_project

Finished = tuple[Path, Path]


def test_cells_have_one_row_per_cell_with_its_phase(finished: Finished) -> None:
    cells = open_catalog(finished[0]).cells
    assert cells["width"].to_list() == [1, 1, 2, 2]
    assert cells["phase"].null_count() == 0
    assert "mode_connectivity" in cells.columns


def test_tables_and_queries(finished: Finished) -> None:
    catalog = open_catalog(str(finished[0]))
    assert set(catalog.tables) == {*TABLES, "sources"}
    assert catalog.table("runs").height == catalog.runs.height == 8
    counted = catalog.sql("SELECT width, count(*) AS n FROM cells GROUP BY width ORDER BY width")
    assert counted.to_dicts() == [{"width": 1, "n": 2}, {"width": 2, "n": 2}]
    with pytest.raises(QueryError, match=r"`cell`; there are .*cells"):
        catalog.table("cell")
    with pytest.raises(QueryError, match="read-only"):
        catalog.sql("DELETE FROM core.runs")


def test_a_missing_catalog_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError, match="no catalog yet"):
        open_catalog(tmp_path)


def test_rebuilt_networks_have_the_measured_loss(finished: Finished) -> None:
    catalog = open_catalog(finished[0])
    estimates = catalog.table("estimates").filter(metric="train_loss_running")
    running_losses = dict(zip(estimates["run_id"], estimates["value"]))
    for row in catalog.runs.iter_rows(named=True):
        run = catalog.run(row["run_id"])
        network = run.network(recompute_batch_norm=64)
        assert not network.training
        running = evaluate(run.network(), run.data.train, run.task).loss
        assert running == running_losses[row["run_id"]] != row["train_loss"]
        assert evaluate(network, run.data.train, run.task).loss == row["train_loss"]
        assert evaluate(network, run.data.test, run.task).loss == row["test_loss"]


def test_attributes_of_a_run(finished: Finished) -> None:
    catalog = open_catalog(finished[0])
    row = catalog.runs.row(0, named=True)
    run = catalog.run(row["run_id"])
    assert run.spec["model"] == {"name": "resnet18", "width": 1}
    assert run.seed == row["seed"]
    assert run.provenance.torch == torch.__version__
    assert run.snapshots == {"best_train_loss": row["best_epoch"]}
    assert repr(run) == f"<run {run.run_id}: resnet18, width 1, seed 0>"
    epochs = catalog.table("epochs").filter(run_id=run.run_id)
    assert run.history["epoch"].to_list() == epochs["epoch"].to_list()
    assert run.history["train_loss"].to_list() == epochs["train_loss"].to_list()
    assert run.weights().keys() == run.network().state_dict().keys()


def test_a_rebuilt_network_does_not_depend_on_params(fresh_copy: Finished) -> None:
    folder, _ = fresh_copy
    catalog = open_catalog(folder)
    run_id = catalog.runs["run_id"][0]
    expected = catalog.run(run_id).network().state_dict()
    (folder / "params.yaml").unlink()
    found = open_catalog(folder).run(run_id).network().state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_missing_artifacts_are_named_in_the_message(fresh_copy: Finished) -> None:
    folder, _ = fresh_copy
    catalog = open_catalog(folder)
    run_id = catalog.runs["run_id"][0]
    with pytest.raises(MissingArtifactError, match=r"no run `0000` in data/runs"):
        catalog.run("0000")
    for outside in ("../prepared", ".", "", str(folder), f"{run_id}/", 5):
        with pytest.raises(MissingArtifactError, match="there is no run"):
            catalog.run(outside)
    with pytest.raises(MissingArtifactError, match=r"`last`; it keeps best_train_loss"):
        catalog.run(run_id).weights("last")
    shutil.rmtree(folder / "data" / "prepared")
    with pytest.raises(MissingArtifactError, match=r"data/prepared/\w+.* run `landscape prepare`"):
        catalog.run(run_id).network()


def test_damaged_files_are_detected(fresh_copy: Finished) -> None:
    folder, _ = fresh_copy
    catalog = open_catalog(folder)
    run_id = catalog.runs["run_id"][0]
    for path in (
        folder / "data" / "runs" / run_id / "weights.safetensors",
        folder / "data" / "catalog" / "runs.parquet",
    ):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    with pytest.raises(DamagedFileError):
        catalog.run(run_id)
    with pytest.raises(DamagedFileError):
        catalog.table("runs")


CUSTOM = """\
from torch import nn
from landscape_catalog.tasks import Classification

class Half(Classification):
    def __init__(self, factor):
        super().__init__()
        object.__setattr__(self, "factor", factor)
    def losses(self, outputs, samples, *, label_smoothing=0.0):
        return self.factor * super().losses(outputs, samples)
    def loss(self, outputs, samples, *, label_smoothing=0.0):
        return self.losses(outputs, samples).mean()

def network(width, input_shape, n_outputs, depth=1, scale=1.0):
    hidden = [nn.Linear(width, width) for _ in range(depth - 1)]
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), *hidden, nn.Linear(width, n_outputs))
"""
CUSTOM_PARAMS = """\
dataset: {name: digits, test_samples: 100, task: "half:Half"}
model: {name: "half:network", args: {scale: 2.0}}
load: {width: 3, samples: 64, extra: {depth: 2}}
temperature: {batch_size: 32, lr: 0.01, extra: {factor: 0.5}}
train: {epochs: 1, seeds: 1}
measure:
  hessian: {samples: 16, max_iterations: 2}
  connectivity: {epochs: 1, batch_size: 32}
  similarity: {samples: 20}
classify: {}
report: {}
execution: {device: cpu, engine: serial}
variants: {}
"""


@pytest.fixture(scope="module")
def custom(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished project with a custom network and a custom task, and one run."""
    base = tmp_path_factory.mktemp("custom")
    folder = write_project(base / "p", CUSTOM_PARAMS)
    (folder / "custom").mkdir()
    (folder / "custom" / "half.py").write_text(CUSTOM)
    run_stages(folder, base / "store")
    return folder, base / "store"


def test_custom_networks_and_tasks_are_rebuilt_with_their_arguments(custom: Finished) -> None:
    catalog = open_catalog(custom[0])
    row = catalog.runs.row(0, named=True)
    run = catalog.run(row["run_id"])
    assert len(run.network()) == 4  # depth 2 of load.extra
    assert run.task.factor == 0.5  # type: ignore[attr-defined]
    assert evaluate(run.network(), run.data.train, run.task).loss == row["train_loss"]


def test_changed_custom_code_is_refused(custom: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(custom[0], folder)
    catalog = open_catalog(folder)
    run = catalog.run(catalog.runs["run_id"][0])
    (folder / "custom" / "half.py").write_text(CUSTOM + "\n# another version\n")
    with pytest.raises(CodeError, match=r"half:network: its source has changed since run"):
        run.network()
    with pytest.raises(CodeError, match="half:Half"):
        run.task  # noqa: B018
    (folder / "custom" / "half.py").unlink()
    with pytest.raises(CodeError, match="half"):
        run.network()


def test_data_with_other_content_are_refused(finished: Finished, tmp_path: Path) -> None:
    """As after an upgrade of a library that generates them."""
    folder = tmp_path / "p"
    shutil.copytree(finished[0], folder)
    catalog = open_catalog(folder)
    run = catalog.run(catalog.runs["run_id"][0])
    run.record = run.record.model_copy(update={"data_content_hash": "0" * 64})
    with pytest.raises(ContentMismatchError, match="other content"):
        run.network()


def test_reading_writes_nothing(finished: Finished) -> None:
    folder, store = finished
    with uses_store(store):
        catalog = open_catalog(folder)
        catalog.cells  # noqa: B018 (brings the DuckDB file up to date)
        before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        run = catalog.run(catalog.runs["run_id"][0])
        run.network()
        run.history  # noqa: B018
        catalog.sql("SELECT 1 AS one")
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_run_is_taken_from_the_store_where_the_project_lacks_it(
    fresh_copy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, store = fresh_copy
    run_id = open_catalog(folder).runs["run_id"][0]
    weights = open_catalog(folder).run(run_id).weights()
    shutil.rmtree(folder / "data" / "runs" / run_id)
    monkeypatch.setenv("LANDSCAPE_STORE", str(store))
    found = open_catalog(folder).run(run_id)
    assert found.history.height == found.record.n_epochs
    assert all(bool((found.weights()[name] == weights[name]).all()) for name in weights)
    monkeypatch.setenv("LANDSCAPE_STORE", str(store.parent / "another"))
    with pytest.raises(MissingArtifactError, match="nor in the shared store"):
        open_catalog(folder).run(run_id)
