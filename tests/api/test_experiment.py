"""Training and measuring cells in Python: the same bytes as the pipeline, and no side effects."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from landscape_catalog.api.catalog import Catalog, open_catalog
from landscape_catalog.api.experiment import Experiment
from landscape_catalog.api.networks import evaluate
from landscape_catalog.errors import JobsFailedError, SpecError, UserError
from tests.conftest import TINY_PARAMS
from tests.stages import run_stages, uses_store, write_project

Finished = tuple[Path, Path]
CONVERGED = 2  # index of the cell whose two runs have converged


def everything_in(folder: Path) -> dict[str, tuple[int, int]]:
    """Modification time and size of every file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in files}


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.fixture(scope="module")
def measured(finished: Finished) -> tuple[Experiment, Catalog]:
    """An experiment, and the catalog of its converged cell, trained and measured in Python."""
    folder, store = finished
    with uses_store(store):
        before = everything_in(folder) | everything_in(store)
        experiment = Experiment.load(folder / "params.yaml")
        catalog = experiment.cells[CONVERGED].measure()
        assert everything_in(folder) | everything_in(store) == before
    return experiment, catalog


def test_runs_are_byte_identical_to_those_of_the_pipeline(
    finished: Finished, measured: tuple[Experiment, Catalog]
) -> None:
    experiment, catalog = measured
    for seed in (0, 1):
        run = experiment.cells[CONVERGED].train(seed)  # already there, so nothing is trained again
        assert run.seed == seed
        made = files_of(experiment._workspace.project.runs / run.run_id)
        assert made == files_of(finished[0] / "data" / "runs" / run.run_id)
        assert "weights.safetensors" in made
    assert set(catalog.runs["run_id"]) == {
        experiment.cells[CONVERGED].train(s).run_id for s in (0, 1)
    }


def test_measurements_are_byte_identical_to_those_of_the_pipeline(
    finished: Finished, measured: tuple[Experiment, Catalog]
) -> None:
    experiment, catalog = measured
    made = files_of(experiment._workspace.project.measurements)
    stored = files_of(finished[0] / "data" / "measurements")
    assert made == {name: stored[name] for name in made}
    assert catalog.runs["status"].to_list() == ["converged", "converged"]
    metrics = Counter(json.loads(content)["measured"]["metric"] for content in made.values())
    assert metrics == {
        "loss": 2, "statistics": 2, "hessian": 2,
        "connectivity": 1, "barrier": 1, "similarity": 1, "distance": 1,
    }  # fmt: skip


def test_the_catalog_of_a_cell_agrees_with_that_of_the_project(
    finished: Finished, measured: tuple[Experiment, Catalog]
) -> None:
    experiment, catalog = measured
    cell = experiment.cells[CONVERGED]
    whole = open_catalog(finished[0])
    for name in ("estimates", "runs", "curve_points"):
        theirs = whole.table(name).filter(pl.col("cell_id") == cell.cell_id)
        assert catalog.table(name).equals(theirs), name
    mine, theirs = catalog.cells, whole.cells.filter(pl.col("cell_id") == cell.cell_id)
    apart = {"experiment_id", "classification_id", "position", "doubtful"}
    assert mine.drop(apart).equals(theirs.drop(apart))


def test_every_number_has_an_error(measured: tuple[Experiment, Catalog]) -> None:
    estimates = measured[1].table("estimates")
    assert {"value", "error", "error_kind", "unit", "status"} <= set(estimates.columns)
    assert {"top_eigenvalue", "mode_connectivity", "cka"} <= set(estimates["metric"])


def test_only_the_given_seeds_are_measured(finished: Finished) -> None:
    with uses_store(finished[1]):
        cell = Experiment.load(finished[0]).cells[2]  # its runs converge
        catalog = cell.measure(seeds=[5])  # beyond `train.seeds`
    assert catalog.runs["seed"].to_list() == [5]
    assert catalog.table("pairs").is_empty()
    assert catalog.cells["top_eigenvalue_n"].item() == 1
    assert catalog.cells["phase"].item() == "unclassified"


def test_settings_and_random_state_are_restored(finished: Finished) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with uses_store(finished[1]), torch.no_grad():
        Experiment.load(finished[0]).cells[0].train()
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(3), expected)


def test_kept_results_are_shared_with_the_stages(finished: Finished, tmp_path: Path) -> None:
    folder, store = write_project(tmp_path / "kept", TINY_PARAMS), tmp_path / "store"
    with uses_store(store):
        cell = Experiment.load(folder, keep=True).cells[0]
        run = cell.train(seed=1)
        again = Experiment.load(folder, keep=True).cells[0].train(seed=1)
    assert again.run_id == run.run_id
    kept = folder / "data" / "runs" / run.run_id
    assert files_of(kept) == files_of(finished[0] / "data" / "runs" / run.run_id)
    assert files_of(store / "runs" / run.run_id) == files_of(kept)
    assert "7 to train" in run_stages(folder, store, "prepare", "train")


def test_measuring_a_kept_cell_leaves_the_project_s_catalog_alone(fresh_copy: Finished) -> None:
    folder, store = fresh_copy
    before = files_of(folder / "data" / "catalog")
    with uses_store(store):
        Experiment.load(folder, keep=True).cells[0].measure()
    assert files_of(folder / "data" / "catalog") == before


def test_attributes_of_an_experiment(finished: Finished) -> None:
    experiment = Experiment.load(finished[0] / "params.yaml")
    assert "4 cells" in repr(experiment)
    assert [cell.values["load.width"] for cell in experiment.cells] == [1, 1, 2, 2]
    assert experiment.spec.train.seeds == 2
    assert experiment.cells[2].cell_id in repr(experiment.cells[2])


def test_a_file_of_another_name_can_be_loaded(finished: Finished, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(TINY_PARAMS.replace("[1, 2]", "[1, 2, 3]"))
    assert len(Experiment.load(path).cells) == 6


def test_another_seed_draws_other_samples_and_another_first_seed_other_runs(
    finished: Finished, tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    probes = "".join(f"\n    - {{name: probe{seed}, samples: 64, seed: {seed}}}" for seed in (0, 1))
    text = TINY_PARAMS.replace("\n    samples: 64\nclassify", probes + "\nclassify")
    path.write_text(text.replace("seeds: 2", "seeds: 2\n  first_seed: 1"))
    catalog = Experiment.load(path).cells[CONVERGED].measure()
    assert catalog.runs["seed"].to_list() == [1, 2]
    found = catalog.table("similarities").sort("probe")
    assert found["probe"].to_list() == ["primary", "probe1"]
    one, other = found["cka"].to_list()
    assert one != other
    assert one == pytest.approx(other, abs=8 * found["standard_error"].max())


@pytest.mark.parametrize("seeds", [[-1], [], [0, -2], [1.5], [True], ["0"], "01", 3, np.array([])])
def test_invalid_seeds_are_refused(seeds: Any, finished: Finished) -> None:
    with pytest.raises(UserError, match=r"^seeds: got .*whole numbers"):
        Experiment.load(finished[0]).cells[0].measure(seeds=seeds)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True])
def test_an_invalid_seed_is_refused(seed: Any, finished: Finished) -> None:
    with pytest.raises(UserError, match=r"^seed: got .*whole numbers"):
        Experiment.load(finished[0]).cells[0].train(seed)


def test_seeds_may_be_numbers_of_numpy(
    finished: Finished, measured: tuple[Experiment, Catalog]
) -> None:
    cell, runs = measured[0].cells[CONVERGED], measured[1].runs["run_id"].to_list()
    with uses_store(finished[1]):
        assert cell.train(np.int64(1)).run_id == cell.train(1).run_id  # type: ignore[arg-type]
        found = cell.measure(np.arange(2)).runs["run_id"].to_list()  # type: ignore[arg-type]
    assert found == runs


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"params\.yaml"):
        Experiment.load(tmp_path)


def test_a_failure_of_custom_code_is_reported(tmp_path: Path) -> None:
    custom = "\n".join(
        [
            "from torch import nn",
            "class Fails(nn.Module):",
            "    def __init__(self, n_outputs):",
            "        super().__init__()",
            "        self.layer = nn.Linear(64, n_outputs)",
            "    def forward(self, x):",
            "        if len(x) > 8:",  # more than `prepare` tries
            "            raise RuntimeError('broken on purpose')",
            "        return self.layer(x.flatten(1))",
            "def network(width, input_shape, n_outputs):",
            "    return Fails(n_outputs)",
        ]
    )
    folder = write_project(tmp_path / "p", TINY_PARAMS.replace("resnet18", "fails:network"))
    (folder / "custom").mkdir()
    (folder / "custom" / "fails.py").write_text(custom)
    with pytest.raises(JobsFailedError, match="broken on purpose"):
        Experiment.load(folder).cells[0].train()


TEXT_PARAMS = """\
dataset: {name: number_words, test_samples: 20}
model: {name: transformer, args: {n_heads: 2}}
load: {width: 8, samples: 64, extra: {n_layers: [1, 2]}}
temperature: {batch_size: 32, lr: 0.01, extra: {feed_forward: 2}}
train: {epochs: 1, seeds: 1}
measure:
  hessian: {samples: 16, max_iterations: 2}
  connectivity: {epochs: 1, batch_size: 32}
  similarity: {samples: 20, perturbation: token_noise}
classify: {}
report: {}
variants: {}
"""


def test_networks_are_rebuilt_with_every_parameter_of_the_grid(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "text", TEXT_PARAMS)
    with uses_store(tmp_path / "store"):
        cells = Experiment.load(folder).cells
        runs = [cell.train() for cell in cells]
        measured = cells[1].measure().runs["train_loss"].item()
    networks = [run.network() for run in runs]
    sizes = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert sizes == [run.record.n_parameters for run in runs]
    assert sizes[0] < sizes[1]
    assert evaluate(networks[1], runs[1].task, runs[1].data.train).loss == measured
