"""Every family of networks and custom code end to end, even smaller than the smoke presets."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch.optim.swa_utils import update_bn

from landscape_catalog.catalog import read_tables
from landscape_catalog.errors import CodeError
from landscape_catalog.models.build import build
from landscape_catalog.schema.identity import derive_seed
from landscape_catalog.store.artifacts import (
    read_history,
    read_prepared,
    read_run,
    read_weights,
)
from landscape_catalog.tasks import Perturbation, Samples, epoch_batches, perturbed_inputs
from tests.conftest import ROOT, TINY_PARAMS, edit
from tests.stages import SERIAL, plan, run_stages, write_project

pytestmark = pytest.mark.slow

VGG = """\
dataset: {name: digits, test_samples: 60, resize: 32}
model: {name: vgg11}
load: {width: [2, 4], samples: 128}
temperature: {batch_size: 16}
train: {epochs: 6, seeds: 2, schedule: step, milestones: [0.8]}
measure:
  hessian: {samples: 16, max_iterations: 2}
  connectivity: {epochs: 1, batch_size: 32, control_points: 4, init: random}
  similarity:
    - {samples: 32}
    - {name: noise, samples: 32, perturbation: pixel_noise}
    - {name: inner, samples: 32, layer: features}
classify: {}
report: {}
execution: {device: cpu, engine: serial}
variants: {smooth: {train.label_smoothing: 0.1}}
"""

TRANSFORMER = """\
dataset: {name: number_words, test_samples: 50, vocabulary: 270}
model: {name: transformer, args: {n_layers: 1}}
load: {width: [8, 16], samples: 128}
temperature: {batch_size: 32, lr: 0.01, weight_decay: 0.0}
train: {optimizer: adam, stopping: updates, updates: 90, warmup: 10, seeds: 2}
measure:
  snapshots: [last, best_test]
  hessian: {samples: 16, max_iterations: 3}
  connectivity: {updates: 6, batch_size: 32}
  similarity: {samples: 32, perturbation: token_noise}
classify: {}
report: {}
execution: {device: cpu, engine: serial}
variants: {}
"""


def tables_of(tmp_path: Path, params: str, custom: Path | None = None) -> dict[str, pl.DataFrame]:
    """The catalog of an experiment run from scratch; checks that its report shows every cell."""
    folder = write_project(tmp_path / "grid", params)
    if custom is not None:
        shutil.copytree(custom, folder / "custom")
    run_stages(folder, tmp_path / "store")
    tables = read_tables(folder / "data" / "catalog")
    page = (folder / "reports" / "phases.html").read_text()
    shown = re.findall(
        r"<tr>.*?</tr>", page.partition("All cells with their phases")[2].partition("</table>")[0]
    )
    assert len(shown) == 1 + tables["cells"].height, "a heading, and a row for each cell"
    return tables


def test_vgg11_with_variants_and_probes(tmp_path: Path) -> None:
    tables = tables_of(tmp_path, VGG)
    assert tables["cells"]["variant"].to_list() == ["base", "base", "smooth", "smooth"]
    assert tables["runs"].height == 8
    assert tables["pairs"].height >= 2, "nothing has converged: the test means nothing"
    probes = tables["probes"].select("metric", "name", "method").rows()
    assert ("connectivity", "primary", "cubic Bezier curve, random start") in probes
    assert {name for metric, name, _ in probes if metric == "similarity"} == {"primary", "noise", "inner"}  # fmt: skip
    likeness = tables["similarities"]
    by_hand = cka_by_hand(tmp_path / "grid", likeness.filter(pl.col("probe") != "inner"))
    found = likeness.filter(pl.col("probe") != "inner")["cka"].to_list()
    assert found == pytest.approx(by_hand, abs=1e-5)
    counts = likeness.group_by("probe").len()["len"].to_list()
    assert counts == [tables["pairs"].height] * 3


def cka_by_hand(folder: Path, pairs: pl.DataFrame) -> list[float]:
    """Linear CKA of softmax outputs on perturbed samples, from the stored networks and data.

    Their batch-norm statistics are recomputed by torch's own `update_bn`.
    """
    (place,) = (folder / "data" / "prepared").iterdir()
    record, data = read_prepared(place)
    mean, std = (torch.from_numpy(data.arrays[name]).view(-1, 1, 1) for name in ("mean", "std"))
    train = Samples(
        *(torch.from_numpy(data.arrays[f"train_{name}"]) for name in ("images", "labels"))
    )
    kinds = {"primary": "mixup", "noise": "pixel_noise"}

    @torch.no_grad()
    def outputs(run_id: str, probe: str) -> torch.Tensor:
        run = read_run(folder / "data" / "runs" / run_id)
        network = build(
            "vgg11",
            width=run.spec["model"]["width"],
            input_shape=(1, 32, 32),
            n_outputs=10,
            args={},
            seed=0,
        )
        weights = read_weights(folder / "data" / "runs" / run_id)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        order = derive_seed(record.data_id, "curve statistics", 0)
        batches = epoch_batches(len(train), 32, seed=order, epoch=0)
        images = [((train.inputs[rows] / 255 - mean) / std).float() for rows in batches]
        update_bn(images, network)
        seed = derive_seed(record.data_id, "similarity", 0)
        inputs = perturbed_inputs(
            train, Perturbation(kind=kinds[probe], samples=32), seed=seed
        ).inputs
        logits = network.eval()(((inputs / 255 - mean) / std).float())
        features = logits.double().softmax(1)
        return features - features.mean(0)

    found = []
    for row in pairs.iter_rows(named=True):
        x, y = (outputs(row[run], row["probe"]) for run in ("run_id", "other_run_id"))
        found.append(float((x.T @ y).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())))
    return found


def test_transformer(tmp_path: Path) -> None:
    tables = tables_of(tmp_path, TRANSFORMER)
    runs = tables["runs"].filter(pl.col("status") == "converged")
    assert runs.height >= 2, "nothing has converged: the test means nothing"
    assert tables["experiments"]["connectivity_unit"].to_list() == ["nats"]
    points = tables["curve_points"]
    for row in tables["curves"].iter_rows(named=True):
        of_curve = (pl.col("run_id") == row["run_id"]) & (pl.col("probe") == row["probe"])
        losses = points.filter(of_curve).sort("t")["train_loss"].to_list()
        level = (losses[0] + losses[-1]) / 2
        wanted = max((level - loss for loss in losses[1:-1]), key=abs)
        assert row["mode_connectivity"] == pytest.approx(wanted)
    best, last = (
        tables["snapshots"].filter(pl.col("snapshot") == name).sort("run_id")
        for name in ("best_test", "last")
    )
    assert (best["test_loss"] <= last["test_loss"] + 1e-9).all()
    assert (last["epoch"] == 23).all()  # 90 updates at 4 per epoch


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")  # within torch.func
def test_the_example_of_custom_code(tmp_path: Path) -> None:
    """The `params.yaml` that docs/own.md shows."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "own.md").read_text(), re.S)
    assert blocks[-1].count("execution:") == 0
    tables = tables_of(tmp_path, blocks[-1] + SERIAL, ROOT / "custom")
    losses = tables["cells"].join(tables["runs"], on="cell_id")
    by_beta = losses.group_by(pl.col("extra").str.json_path_match("$['load.extra.beta']").alias("beta")).agg(pl.col("train_loss").mean())  # fmt: skip
    found = {float(beta): loss for beta, loss in by_beta.iter_rows()}
    assert found[1.0] < found[10.0], "more convection is harder"
    assert tables["pairs"]["mode_connectivity"].count() == 8


def test_a_missing_snapshot_is_trained_again_and_matches(
    fresh_copy: tuple[Path, Path],
) -> None:
    folder, store = fresh_copy
    edit(folder, width="2", temperature__batch_size="16")
    assert "0 to train" in run_stages(folder, store, "train")
    before = {path.name: read_weights(path) for path in (folder / "data" / "runs").iterdir()}
    text = (folder / "params.yaml").read_text()
    text = text.replace("measure:\n", "measure:\n  snapshots: [best_train_loss, last]\n")
    (folder / "params.yaml").write_text(text)
    assert "2 to train" in run_stages(folder, store, "train")
    for name, weights in before.items():
        path = folder / "data" / "runs" / name
        record, again = read_run(path), read_weights(path)
        assert set(record.other_snapshots) == {"last"}
        assert read_weights(path, "last").keys() == weights.keys()
        assert all(np.array_equal(again[key], weights[key]) for key in weights)
    assert "0 to train" in run_stages(folder, store, "train")
    # A second workspace requests another snapshot: the store then has both.
    shutil.rmtree(folder / "data" / "runs")
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("best_train_loss, last", "early_stopped"))
    assert "2 to train" in run_stages(folder, store, "train")
    shutil.rmtree(folder / "data" / "runs")
    params.write_text(params.read_text().replace("early_stopped", "last, early_stopped"))
    assert "0 to train" in run_stages(folder, store, "train")


def test_another_probe_measures_only_itself(fresh_copy: tuple[Path, Path]) -> None:
    folder, store = fresh_copy
    text = (folder / "params.yaml").read_text()
    one = "  similarity:\n    samples: 64\n"
    assert one in text
    several = "  similarity:\n    - {samples: 64}\n    - {name: noisy, samples: 64, perturbation: pixel_noise}\n"
    (folder / "params.yaml").write_text(text.replace(one, several))
    assert "0 to train" in run_stages(folder, store, "train")
    pairs = read_tables(folder / "data" / "catalog")["pairs"].height
    assert f", {pairs} made," in run_stages(folder, store, "measure")


def test_a_change_of_custom_code_changes_run_ids(tmp_path: Path) -> None:
    """In one process: a module in memory is never used in place of its changed file."""
    params = TINY_PARAMS.replace("name: resnet18", 'name: "small:network"')
    folder, store = write_project(tmp_path / "grid", params), tmp_path / "store"
    (folder / "custom").mkdir()
    source = folder / "custom" / "small.py"
    code = (
        "from torch import nn\n"
        "def network(width, input_shape, n_outputs):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.{}(), nn.Linear(width, n_outputs))\n"
    )
    source.write_text(code.format("Tanh"))
    assert "8 to train" in plan(folder, store)
    assert "8 to train" in run_stages(folder, store, "prepare", "train")
    smooth = losses(folder)
    assert "0 to train" in plan(folder, store)
    source.write_text(code.format("ReLU"))
    assert "8 to train" in run_stages(folder, store, "train")
    assert not set(losses(folder).values()) & set(smooth.values()), "trained by the former code"
    source.write_text(code.format("Tanh"))
    (folder / "custom" / "other.py").write_text("x = 1\n")
    assert "0 to train" in run_stages(folder, store, "train")
    assert losses(folder) == smooth
    source.write_text(code.format("Nothing"))
    with pytest.raises(CodeError, match=r"^small:network: .*has no attribute 'Nothing'") as caught:
        run_stages(folder, store, "prepare")
    assert caught.value.exit_code == 2


def losses(folder: Path) -> dict[str, float]:
    """The last training loss of each run."""
    runs = (folder / "data" / "runs").iterdir()
    return {path.name: float(read_history(path)["train_loss"][-1]) for path in runs}


def test_every_setting_of_the_metrics(fresh_copy: tuple[Path, Path]) -> None:
    folder, store = fresh_copy
    text = (folder / "params.yaml").read_text()
    hessian = "batches: 2, batch_size: 32, mode: train, density: true, density_probes: 2, density_steps: 4"
    for old, new in (
        ("    samples: 64\n    max_iterations: 4\n", f"    {{samples: 64, max_iterations: 4, {hessian}, layers: true}}\n"),
        ("    epochs: 2\n    batch_size: 64\n", "    {epochs: 2, batch_size: 64, repeats: 2, refine: 1}\n"),
        ("    samples: 64\nclassify", "    {samples: 64, draw: pair}\nclassify"),
    ):  # fmt: skip
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "params.yaml").write_text(text)
    edit(folder, width="2", temperature__batch_size="16")
    run_stages(folder, store)
    tables = read_tables(folder / "data" / "catalog")
    converged = tables["runs"].filter(pl.col("status") == "converged").height
    assert converged >= 2, "nothing has converged: the test means nothing"
    hessians = tables["hessians"]
    whole, layers = (hessians.filter((pl.col("layer") == "") == flag) for flag in (True, False))
    assert whole.height == 2 * converged
    assert set(whole["batch"]) == {0, 1}
    assert set(layers["batch"]) == {0}
    assert layers.height > 10 * converged
    assert tables["densities"].height == 201 * converged
    points = tables["curve_points"].filter(pl.col("probe") == "primary")
    counts = points.group_by("run_id", "other_run_id", "fit").len()
    assert set(counts["fit"]) == {0, 1}
    assert set(counts["len"]) <= {5, 6}
    assert 6 in set(counts["len"])
    pairs = tables["pairs"].filter(pl.col("fits").is_not_null())
    assert set(pairs["fits"]) == {2}
    assert pairs["mode_connectivity_error"].is_not_null().all()
    estimates = tables["estimates"]
    mc = estimates.filter(pl.col("metric") == "mode_connectivity")
    assert set(mc["error_kind"]) == {"standard error"}
    traces = estimates.filter((pl.col("metric") == "trace") & (pl.col("status") != "missing"))
    assert traces["reason"].is_not_null().to_list() == (traces["status"] == "not converged").to_list()  # fmt: skip
