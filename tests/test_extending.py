"""What adding one of each kind takes: the patches in `tests/extending`, applied to a copy."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
import torch
from filelock import FileLock
from scipy.spatial.distance import jensenshannon
from torch import nn

from landscape_catalog.store.artifacts import read_prepared, read_run, read_weights
from tests.conftest import ROOT

PACKAGE, PATCHES = "landscape_catalog", ROOT / "tests" / "extending"
KINDS = sorted(path.stem for path in PATCHES.glob("*.patch"))
METRIC_FILES = {"__init__.py", "spec.py", "compute.py"}

# An experiment of two runs and ten measurements; `{...}` is where an added thing is named.
ALONE = {
    "dataset": "{name: digits, test_samples: 60}",
    "model": "{name: resnet18}",
    "load": "{width: 8, samples: 64}",
    "temperature": "{batch_size: 16}",
    "train": "{epochs: 1, seeds: 2}",
    "measure": "{hessian: {samples: 16}, connectivity: {batch_size: 16}}",
    "classify": "{}",
    "report": "{}",
    "execution": "{device: cpu}",
    "variants": "{}",
}
CUSTOM = """\
import numpy as np

def points():
    return {"inputs": np.eye(100, 5), "targets": np.arange(100) % 4}

points.version = "1"

def network(width, input_shape, n_outputs):
    from torch import nn
    return nn.Linear(input_shape[0], n_outputs)
"""
# What the experiment names of each kind, and what its plan says then.
PLANNED = {
    "dataset": ({"dataset": "{name: wine, test_samples: 60}", "model": "{name: 'mine:network'}"},
                "dataset       wine, 1 training sets"),
    "network": ({"dataset": "{name: 'mine:points', test_samples: 20}", "model": "{name: mlp}"},
                "model         mlp"),
    "task": ({"dataset": "{name: digits, test_samples: 60, task: margin}"}, "measurements  10:"),
    "run_metric": ({}, "measurements  12:"),
    "pair_metric": ({"measure": ALONE["measure"].replace("{hessian", "{jensen_shannon: {}, hessian")}, "measurements  11:"),
    "panel": ({"report": "{panels: [relative_distance]}"}, "measurements  10:"),
    "phase_rule": ({"classify": "{rule: by_loss, train_loss: 0.1}"}, "measurements  10:"),
    "executor": ({"execution": "{device: cpu, engine: thread}"}, "with 1 worker on cpu"),
}  # fmt: skip

TOGETHER = """\
dataset: {name: wine, test_samples: 60, task: margin}
model: {name: mlp}
load: {width: [4, 8], samples: 64}
temperature: {batch_size: 16, lr: 0.1}
train: {epochs: 2, seeds: 2}
measure:
  hessian: {samples: 16, max_iterations: 2}
  connectivity: {epochs: 1, batch_size: 32}
  similarity: {samples: 32}
  jensen_shannon: {}
classify: {rule: by_loss, train_loss: 0.4}
report: {panels: [train_loss, gradient_norm, jensen_shannon]}
execution: {device: cpu, engine: thread}
variants: {}
"""
RUN = """\
import json, sys, threading
from pathlib import Path
from landscape_catalog.catalog import read_tables
from landscape_catalog.commands.schemas import write_schemas
from landscape_catalog.experiment.experiment import Execution, Report
from landscape_catalog.reports import build_page
from landscape_catalog.runner.registry import chosen_executor
from tests.stages import run_stages

def where(payload, cache):
    import torch
    return [payload, threading.current_thread().name, torch.get_num_threads()]

folder = Path(sys.argv[1])
(folder / "log").write_text(run_stages(folder, folder / "store"))
write_schemas(folder / "schemas")
tables = read_tables(folder / "data" / "catalog")
(folder / "default.html").write_text(build_page(tables, Report()))
with chosen_executor(Execution(engine="thread")) as executor:
    (folder / "where.json").write_text(json.dumps(executor.submit(where, 3).result()))
serial = folder / "serial"
serial.mkdir()
params = (folder / "params.yaml").read_text().replace("engine: thread", "engine: serial")
(serial / "params.yaml").write_text(params)
run_stages(serial, serial / "store", "prepare", "train")
"""


def patched_copy(folder: Path, *kinds: str) -> Path:
    """A folder with a copy of the package to which patches have been applied."""
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    for kind in kinds:
        words = ["git", "apply", str(PATCHES / f"{kind}.patch")]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return folder


def python(copy: Path, code: str, *arguments: str) -> str:
    """What a program prints that imports the package from the copy."""
    path = os.pathsep.join([str(copy), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in (folder / PACKAGE).rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.suffix not in (".pyc", ".pyo")
    }


def test_there_is_a_patch_of_each_kind() -> None:
    assert set(KINDS) == set(PLANNED)


@pytest.mark.parametrize("kind", KINDS)
def test_adding_one_takes_a_file_and_an_entry(kind: str, tmp_path: Path) -> None:
    """One new file, or a metric's folder; one file edited; and planning knows it, without torch."""
    copy = patched_copy(tmp_path / "copy", kind)
    before, after = contents(ROOT), contents(copy)
    added = after.keys() - before.keys()
    edited = [name for name in before if after.get(name) != before[name]]
    assert len(edited) <= 1
    if kind in ("run_metric", "pair_metric"):
        assert len({Path(name).parent for name in added}) == 1
        assert {Path(name).name for name in added} == METRIC_FILES
    else:
        assert len(added) <= 1
    assert added or edited, "the patch changes nothing"
    parameters, said = PLANNED[kind]
    project = tmp_path / "project"
    (project / "custom").mkdir(parents=True)
    (project / "custom" / "mine.py").write_text(CUSTOM)
    sections = ALONE | parameters
    (project / "params.yaml").write_text("".join(f"{k}: {v}\n" for k, v in sections.items()))
    code = (
        "import sys; from pathlib import Path; from tests.stages import plan\n"
        "import landscape_catalog; print(landscape_catalog.__file__)\n"
        "print(plan(Path(sys.argv[1]), Path(sys.argv[1]) / 'store'))\n"
        "assert 'torch' not in sys.modules"
    )
    printed = python(copy, code, str(project))
    assert printed.startswith(str(copy))
    assert said in printed


@dataclass(frozen=True)
class Finished:
    """An experiment that uses everything that the patches add."""

    folder: Path

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / "data" / "catalog" / f"{name}.parquet")

    def numbers(self, metric: str) -> pl.DataFrame:
        """The rows of `estimates` of a metric."""
        return self.table("estimates").filter(pl.col("metric") == metric)

    def schema(self, name: str) -> dict[str, dict]:
        text = (self.folder / "schemas" / f"{name}.schema.json").read_text()
        return json.loads(text)["$defs"]

    def arrays(self) -> dict[str, torch.Tensor]:
        (place,) = (self.folder / "data" / "prepared").iterdir()
        return {k: torch.from_numpy(v) for k, v in read_prepared(place)[1].arrays.items()}

    def network(self, run_id: str) -> nn.Sequential:
        """A trained network, built here by hand."""
        place = self.folder / "data" / "runs" / run_id
        width = read_run(place).spec["model"]["width"]
        layers = [nn.Linear(13, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        network = nn.Sequential(nn.Flatten(), *layers, nn.Linear(width, 3))
        weights = read_weights(place)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        return network


@pytest.fixture(scope="session")
def finished_with_all(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """All patches together, run once; the processes of pytest-xdist share it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / "extended" / "project"
    with FileLock(base / "extended.lock"):
        if not (base / "extended").exists():
            copy = patched_copy(base / "extended" / "copy", *KINDS)
            folder.mkdir()
            (folder / "params.yaml").write_text(TOGETHER)
            python(copy, RUN, str(folder))
            (base / "extended" / "done").touch()
    assert (base / "extended" / "done").exists(), "another process has tried and failed"
    return Finished(folder)


def hinge(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The squared hinge loss of each sample, by its definition."""
    rows = []
    for z, y in zip(logits, targets):
        others = [(1 - z[y] + z[j]).clamp(min=0) ** 2 for j in range(len(z)) if j != y]
        rows.append(torch.stack(others).sum() / len(z))
    return torch.stack(rows)


@pytest.mark.slow
def test_the_dataset_is_prepared(finished_with_all: Finished) -> None:
    arrays = finished_with_all.arrays()
    assert arrays["train_inputs"].shape == (64, 13)
    assert arrays["test_inputs"].shape == (60, 13)
    landscape = finished_with_all.table("landscapes").row(0, named=True)
    assert (landscape["dataset"], landscape["n_classes"], landscape["n_test"]) == ("wine", 3, 60)


@torch.no_grad()
def test_the_network_is_trained_by_the_task(finished_with_all: Finished) -> None:
    """The stored weights fit the network, and the catalog's loss is the task's."""
    arrays = finished_with_all.arrays()
    runs = finished_with_all.table("runs")
    assert runs.height == 4
    for row in runs.iter_rows(named=True):
        logits = finished_with_all.network(row["run_id"])(arrays["test_inputs"])
        loss = hinge(logits, arrays["test_targets"])
        assert row["test_loss"] == pytest.approx(float(loss.mean()), rel=1e-5)
        wrong = (logits.argmax(dim=1) != arrays["test_targets"]).float().mean()
        assert row["test_error"] == pytest.approx(100 * float(wrong))
    units = finished_with_all.numbers("test_loss")["unit"].unique().to_list()
    assert units == ["squared margins"]


def test_the_run_metric(finished_with_all: Finished) -> None:
    """Its numbers are right, with unit and error, and land in every table and the page."""
    arrays, numbers = finished_with_all.arrays(), finished_with_all.numbers("gradient_norm")
    assert numbers.height == 4
    for row in numbers.iter_rows(named=True):
        network = finished_with_all.network(row["run_id"])
        hinge(network(arrays["train_inputs"]), arrays["train_targets"]).mean().backward()
        gradient = torch.cat([p.grad.flatten() for p in network.parameters()])  # type: ignore[union-attr]
        assert row["value"] == pytest.approx(float(gradient.norm()), rel=1e-4)
        assert (row["error"], row["error_kind"], row["unit"]) == (0.0, "exact", "squared margins")
    record = finished_with_all.schema("measurement_record")["Gradient"]
    assert set(record["properties"]) == {"norm", "n", "unit", "metric"}
    assert "Gradient norm, ln squared margins" in page(finished_with_all)
    require_cell_means(finished_with_all, "gradient_norm", numbers)


def test_the_pair_metric(finished_with_all: Finished) -> None:
    """The same, and it has its own section of parameters and its own column of `pairs`."""
    inputs, numbers = (
        finished_with_all.arrays()["test_inputs"],
        finished_with_all.numbers("jensen_shannon"),
    )
    assert numbers.height == 2
    for row in numbers.iter_rows(named=True):
        one, other = (
            finished_with_all.network(row[key])(inputs).double().softmax(1).detach().numpy()
            for key in ("run_id", "other_run_id")
        )
        distances = jensenshannon(one, other, axis=1) ** 2
        assert row["value"] == pytest.approx(distances.mean(), rel=1e-4)
        assert row["error"] == pytest.approx(distances.std(ddof=1) / math.sqrt(60), rel=1e-4)
        assert (row["n"], row["unit"]) == (60, "nats")
    pairs = finished_with_all.table("pairs")
    assert pairs["jensen_shannon"].sort().to_list() == numbers["value"].sort().to_list()
    section = finished_with_all.schema("experiment")["JensenShannonSettings"]
    assert section["properties"]["samples"]["enum"] == ["test", "train"]
    assert "JensenShannon" in finished_with_all.schema("measurement_record")
    probes = finished_with_all.table("probes").select("metric", "parameters").rows()
    assert ("jensen_shannon", '{"samples":"test"}') in probes
    assert "Jensen-Shannon divergence, nats" in page(finished_with_all)
    require_cell_means(finished_with_all, "jensen_shannon", numbers)


def page(finished: Finished) -> str:
    return (finished.folder / "reports" / "phases.html").read_text()


def require_cell_means(finished: Finished, metric: str, numbers: pl.DataFrame) -> None:
    """`cell_metrics` and the view `cells` have the means of these numbers."""
    means = dict(numbers.group_by("cell_id").agg(pl.col("value").mean()).rows())
    long = finished.table("cell_metrics").filter(pl.col("metric") == metric)
    assert dict(long.select("cell_id", "mean").rows()) == pytest.approx(means)
    assert long["status"].to_list() == ["ok"] * len(means)
    with duckdb.connect(str(finished.folder / "data" / "catalog.duckdb"), read_only=True) as db:
        wide = db.sql(f"SELECT cell_id, {metric}, {metric}_status FROM cells").fetchall()
    assert {cell: value for cell, value, _ in wide} == pytest.approx(means)
    assert {status for _, _, status in wide} == {"ok"}


def test_the_panel(finished_with_all: Finished) -> None:
    """Drawn with the others unless panels are chosen."""
    card = '<div class="card" id="card-relative_distance"{}><h3>L2 distance over mean norm</h3>'
    assert card.format("") in (finished_with_all.folder / "default.html").read_text()
    assert card.format(" hidden") in page(finished_with_all)


def test_the_phase_rule(finished_with_all: Finished) -> None:
    """Cells are in its phases, and the page explains it."""
    losses = finished_with_all.table("cell_metrics").filter(pl.col("metric") == "train_loss")
    phases = finished_with_all.table("phases").join(losses, on="cell_id")
    for row in phases.iter_rows(named=True):
        assert row["phase"] == ("fitted" if row["mean"] <= 0.4 else "unfitted")
        assert row["reason"].startswith(f"training loss {row['mean']:.3g}")
    assert set(phases["phase"]) == {"fitted", "unfitted"}, "both are needed for a test"
    shown = page(finished_with_all)
    for words in (
        "the network fits its training data",
        "the training loss is still high",
        "#1b8a63",
        "training loss ≤ 0.4 squared margins",
    ):
        assert words in shown
    assert "poorly connected" not in shown


def test_the_executor(finished_with_all: Finished) -> None:
    """Its jobs run in its thread, under every worker's settings, with the bits of `serial`."""
    folder = finished_with_all.folder
    assert "22 measurements, 0 already there, 22 made" in (folder / "log").read_text()
    payload, thread, torch_threads = json.loads((folder / "where.json").read_text())
    assert (payload, torch_threads) == (3, 1)
    assert thread.startswith("ThreadPoolExecutor")
    runs = list((folder / "data" / "runs").iterdir())
    assert len(runs) == 4
    for place in runs:
        weights, serial = (
            read_weights(where)
            for where in (place, folder / "serial" / "data" / "runs" / place.name)
        )
        assert weights.keys() == serial.keys()
        assert all(np.array_equal(weights[name], serial[name]) for name in weights)


def test_the_patched_package_is_in_style(tmp_path: Path) -> None:
    copy = patched_copy(tmp_path / "copy", *KINDS)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--no-cache", "."],
            cwd=copy, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


def test_the_chapter_quotes_the_patches() -> None:
    """Every piece of code in *Extending* stands in the patch that its section links, line by line.

    `...` alone on a line stands for lines that are left out. Blocks of Python quote added lines,
    blocks of `diff` the patch itself.
    """
    text = (ROOT / "docs" / "architecture.md").read_text()
    chapter = text.partition("\n## Extending\n")[2].partition("\n## ")[0]
    quoted = set()
    for section in re.split(r"^### ", chapter, flags=re.MULTILINE)[1:]:
        (name,) = set(re.findall(r"\(\.\./tests/extending/(\w+)\.patch\)", section))
        patch = (PATCHES / f"{name}.patch").read_text()
        added = "".join(line[1:] for line in patch.splitlines(True) if line.startswith("+"))
        fences = re.findall(r"^```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
        assert fences, name
        for language, block in fences:
            whole = {"python": added, "diff": patch}[language]
            for piece in re.split(r"^\.\.\.\n", block, flags=re.MULTILINE):
                assert f"\n{piece.rstrip()}\n" in whole, piece
        quoted.add(name)
    assert quoted == set(KINDS)
