"""The five stages: what they compute, what they skip, and what they leave behind.

Tests of `dvc` run it; the others run the stages in this process, on the serial executor.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from landscape_catalog.catalog import read_tables
from landscape_catalog.commands.sql import answer
from landscape_catalog.errors import (
    JobsFailedError,
    MissingArtifactError,
    SpecError,
    StorageError,
)
from landscape_catalog.metrics.connectivity.result import ModeConnectivity
from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.store import artifacts
from landscape_catalog.store.artifacts import (
    read_measurement,
    read_prepared,
    read_run,
    read_weights,
)
from landscape_catalog.store.files import file_sha256
from tests.conftest import TINY_PARAMS, edit, run
from tests.stages import STAGES, counts, plan, run_ids, run_stages, wait_until, write_project

Copy = tuple[Path, Path]


def trained_by(output: str) -> int:
    return counts(output)["trained"]


def train(folder: Path, store: Path) -> int:
    """The runs trained by the first two stages alone."""
    return trained_by(run_stages(folder, store, "prepare", "train"))


def outputs(folder: Path) -> dict[str, str]:
    """Hashes of all outputs, by path."""
    paths = [p for top in ("data", "reports") for p in (folder / top).rglob("*") if p.is_file()]
    return {
        str(p.relative_to(folder)): file_sha256(p)
        for p in sorted(paths)
        if p.name not in ("catalog.duckdb", ".gitignore")
    }


def test_nothing_to_do_is_quick_and_reported(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    done = run(folder, store, "dvc", "repro")
    assert "up to date" in done.stdout + done.stderr
    assert "Running stage" not in done.stdout + done.stderr


@pytest.mark.slow
def test_both_executors_give_identical_bytes(finished: Copy, tmp_path: Path) -> None:
    """Two processes with an empty store against the stages of `dvc repro`, one job at a time."""
    other, store = write_project(tmp_path / "other place", TINY_PARAMS), tmp_path / "empty store"
    edit(other, engine="local")
    output = run_stages(other, store)
    assert counts(output)["trained"] == 8
    assert counts(output)["made"] > 0
    found = outputs(other)
    assert found == outputs(finished[0])
    for folder in ("data/runs/", "data/measurements/", "data/catalog/", "reports/"):
        assert any(name.startswith(folder) for name in found)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_hashes_no_array_and_no_weights_twice(
    stage: str, fresh_copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is work to do: a run and its measurements are deleted, and there is no store."""
    folder, store = fresh_copy
    shutil.rmtree(store)
    paths = list((folder / "data" / "measurements").glob("*.json"))
    measured_on = {path: read_measurement(path).run_ids for path in paths}
    ((lost, _),) = Counter(itertools.chain(*measured_on.values())).most_common(1)
    if stage == "train":
        shutil.rmtree(folder / "data" / "runs" / lost)
    if stage == "measure":
        for path in (path for path, of in measured_on.items() if lost in of):
            path.unlink()
    hashed: Counter[Path] = Counter()

    def counted(path: Path) -> str:
        hashed[path] += 1
        return file_sha256(path)

    monkeypatch.setattr(artifacts, "file_sha256", counted)
    output = run_stages(folder, store, stage)
    assert stage != "train" or trained_by(output) == 1
    assert stage != "measure" or counts(output)["made"] > 2
    runs = set() if stage in ("prepare", "report") else run_ids(folder)
    if stage == "train":
        runs.remove(lost)
    expected = {folder / "data" / "runs" / run_id / "weights.safetensors": 1 for run_id in runs}
    if stage != "report":
        (prepared,) = (folder / "data" / "prepared").glob("*/arrays.safetensors")
        expected[prepared] = 1
    assert hashed == expected


def test_adding_a_width_and_a_seed_trains_exactly_the_new_runs(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    edit(folder, temperature__batch_size="16")
    assert train(folder, store) == 0
    before = run_ids(folder)
    assert len(before) == 4
    edit(folder, width="[1, 2, 3]")
    assert train(folder, store) == 2
    assert before < run_ids(folder)
    assert len(run_ids(folder)) == 6
    edit(folder, seeds="3")
    assert train(folder, store) == 3
    edit(folder, width="[1, 2]", seeds="2")
    assert counts(run_stages(folder, store)) == {"trained": 0, "made": 0}
    assert run_ids(folder) == before  # nothing is left over


def test_a_threshold_recomputes_no_metric(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    before = json.loads((folder / "reports" / "metrics.json").read_text())
    edit(folder, train_loss="1.9e-9", threshold="0.01")
    done = run(folder, store, "dvc", "repro")
    assert counts(done.stdout + done.stderr) == {"trained": 0, "made": 0}
    assert "Running stage 'train'" not in done.stdout
    assert "Running stage 'measure'" not in done.stdout
    after = json.loads((folder / "reports" / "metrics.json").read_text())
    assert {**before, "phases": 0, "best": 0} == {**after, "phases": 0, "best": 0}


@pytest.mark.slow
def test_experiments(fresh_copy: Copy) -> None:
    """`dvc exp run -S`: another landscape, the first one again, and both as an axis."""
    folder, store = fresh_copy
    edit(folder, temperature__batch_size="16")
    run_stages(folder, store)
    run(folder, store, "git", "add", "-A")
    run(folder, store, "git", "commit", "-qm", "done")
    clean = outputs(folder)
    done = run(folder, store, "dvc", "exp", "run", "-n", "noisy", "-S", "load.label_noise=0.2")
    assert counts(done.stdout + done.stderr)["trained"] == 4
    assert (
        outputs(folder)["data/catalog/cell_metrics.parquet"]
        != clean["data/catalog/cell_metrics.parquet"]
    )
    shown = run(folder, store, "dvc", "exp", "show", "--csv").stdout
    assert "noisy" in shown
    assert "load.label_noise" in shown
    assert "test_accuracy" in shown
    differences = run(folder, store, "dvc", "metrics", "diff", "--json").stdout
    assert "reports/metrics.json" in differences
    done = run(folder, store, "dvc", "exp", "run", "-S", "load.label_noise=0.0")
    assert counts(done.stdout + done.stderr) == {"trained": 0, "made": 0}
    assert outputs(folder) == clean
    done = run(folder, store, "dvc", "exp", "run", "-S", "load.label_noise=[0.0,0.2]")
    assert counts(done.stdout + done.stderr) == {"trained": 0, "made": 0}
    assert len(run_ids(folder)) == 8
    rows = run(folder, store, "landscape", "sql", "--format", "csv",
               "SELECT label_noise, count(*) FROM cells GROUP BY 1 ORDER BY 1").stdout  # fmt: skip
    assert rows.splitlines()[1:] == ["0.0,2", "0.2,2"]


@pytest.mark.slow
def test_thresholds_are_found_without_training_or_measuring(fresh_copy: Copy) -> None:
    """`dvc exp run -S classify...=auto`; this grid has too few temperatures, and says so."""
    folder, store = fresh_copy
    done = run(folder, store, "dvc", "exp", "run", "-S", "classify.cka.threshold=auto",
               "-S", "classify.train_loss=auto", "-S", "+classify.hessian.threshold=auto")  # fmt: skip
    words = done.stdout + done.stderr
    assert counts(words) == {"trained": 0, "made": 0}
    assert "Stage 'measure' didn't change, skipping" in words
    phases = run(folder, store, "landscape", "phases").stdout
    assert "Thresholds found from the grid:\ntrain_loss: 0.05, the default: no line along" in phases
    assert (
        "no line along temperature.batch_size" in (folder / "reports" / "phases.html").read_text()
    )


def test_a_misspelt_section_under_dvc(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    path = folder / "params.yaml"
    path.write_text(path.read_text().replace("classify:", "clasify:"))
    done = run(folder, store, "dvc", "repro", fails=True)
    assert "clasify: got an unknown key" in done.stderr
    assert "did you mean `classify`" in done.stderr


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_damaged_files_are_named_and_rebuilt(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    good = outputs(folder)
    patterns = [
        "data/prepared/*/arrays.safetensors",
        "data/runs/*/weights.safetensors",
        "data/runs/*/record.json",
        "data/measurements/*.json",
        "data/catalog/cells.parquet",
        "reports/phases.html",
    ]
    victims = [sorted(folder.glob(pattern))[at // 2] for at, pattern in enumerate(patterns[:4])]
    victims += [folder / pattern for pattern in patterns[4:]]
    for victim in victims:
        flip(victim)
    done = run(folder, store, "dvc", "repro")
    for victim in victims[:4]:
        assert f"{victim.name} is damaged" in done.stdout + done.stderr
    assert outputs(folder) == good


def test_damage_without_a_store_is_computed_again(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    good = outputs(folder)
    shutil.rmtree(store)
    flip(sorted(folder.glob("data/runs/*/weights.safetensors"))[0])
    assert trained_by(run_stages(folder, store)) == 1
    assert outputs(folder) == good


# Fails at the first step of training; planning tries networks with other numbers of samples.
FRAGILE = """\
from torch import nn

class Fragile(nn.Sequential):
    def forward(self, inputs):
        if self[1].out_features == 5 and len(inputs) == 16:
            raise RuntimeError("too wide")
        return super().forward(inputs)

def network(width, input_shape, n_outputs):
    return Fragile(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, n_outputs))
"""


def test_one_failing_run_does_not_stop_the_others(fresh_copy: Copy) -> None:
    """One width makes its runs fail: the stage ends with a table, and the rest is kept."""
    folder, store = fresh_copy
    (folder / "custom" / "fragile.py").write_text(FRAGILE)
    edit(folder, width="[1, 3, 5]", temperature__batch_size="16", model__name="fragile:network")
    with pytest.raises(JobsFailedError) as caught:
        run_stages(folder, store, "prepare", "train")
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith("train: 2 jobs failed; the results of the others are kept")
    entries = json.loads((folder / ".landscape" / "failures.json").read_text())
    assert {entry["name"] for entry in entries} == set(
        re.findall(r"^  (\w+)", str(caught.value), re.M)
    )
    assert all("Traceback (most recent call last)" in entry["details"] for entry in entries)
    assert len(run_ids(folder)) == 4
    edit(folder, width="[1, 3]")
    assert train(folder, store) == 0
    assert not (folder / ".landscape" / "failures.json").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    edit(folder, label_noise="0.3")
    (folder / "data" / "prepared").chmod(0o500)
    with pytest.raises(StorageError, match="no permission"):
        run_stages(folder, store, "prepare")
    (folder / "data" / "prepared").chmod(0o700)


@pytest.mark.parametrize(
    ("stage", "needs"),
    [
        ("train", "landscape prepare"),
        ("measure", "landscape prepare"),
        ("aggregate", "landscape prepare"),
        ("report", "landscape aggregate"),
    ],
)
def test_a_stage_without_its_inputs(stage: str, needs: str, tmp_path: Path) -> None:
    folder = write_project(tmp_path / "new", TINY_PARAMS)
    with pytest.raises(MissingArtifactError, match=needs):
        run_stages(folder, tmp_path / "store", stage)


def test_a_query_without_a_catalog(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "new", TINY_PARAMS)
    with pytest.raises(MissingArtifactError, match="there is no catalog yet"):
        answer(folder, "SELECT 1", "table")


def test_the_report_reads_only_the_catalog_and_its_own_section(
    fresh_copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, store = fresh_copy
    params = folder / "params.yaml"
    report = "report: {title: Another, x: load.samples, y: temperature.lr}\n"
    params.write_text("dataset: {name: 'no_such_module:data'}\nmodle: 1\n" + report)
    shutil.rmtree(folder / "data" / "prepared")
    run_stages(folder, store, "report")
    assert "<h1>Another</h1>" in (folder / "reports" / "phases.html").read_text()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("report: {x: width}", r"report\.x: got 'width'; allowed: null, load\.width, "),
        ("report: {y: load.width}", r"report\.y: got 'load\.width'; allowed: null, temperature\."),
        ("report: {titel: x}", r"report\.titel: got an unknown key; .*did you mean `title`\?"),
        ("classify: {}", r"report: "),
        ("report: [", r"\(file\): "),
    ],
)
def test_an_invalid_report_section(
    section: str, message: str, finished: Copy, tmp_path: Path
) -> None:
    folder = write_project(tmp_path / "copy", section)
    shutil.copytree(finished[0] / "data" / "catalog", folder / "data" / "catalog")
    with pytest.raises(SpecError, match=rf"^params\.yaml:\n  {message}"):
        run_stages(folder, tmp_path / "store", "report")


def test_a_ring_of_three_seeds_and_a_cell_that_has_not_converged(fresh_copy: Copy) -> None:
    """Curves start at the run that they name; an NC cell has no pairs, as the plan predicts."""
    folder, store = fresh_copy
    text = (folder / "params.yaml").read_text()
    text = text.replace("connectivity:\n", "connectivity:\n    pairs: ring\n")
    (folder / "params.yaml").write_text(text.replace("batch_size: [16, 32]", "batch_size: 16"))
    edit(folder, width="2", seeds="3", lr="[0.02, 1000000.0]")
    run_stages(folder, store)
    tables = read_tables(folder / "data" / "catalog")
    phases = dict(tables["cells"].join(tables["phases"], on="cell_id").select("lr", "phase").rows())
    assert phases[1e6] == "NC"
    pairs = tables["pairs"]
    assert pairs["mode_connectivity"].count() == pairs.height == 3
    starts = tables["curve_points"].filter(pl.col("t") == 0)
    by_run = {
        run: starts.filter(pl.col("run_id") == run)["train_loss"].unique().len()
        for run in starts["run_id"]
    }
    assert set(by_run.values()) == {1}, "every curve from a run starts at the same loss"
    ends = tables["curve_points"].filter(pl.col("t") == 1)
    same = starts.join(ends, left_on="run_id", right_on="other_run_id")
    assert same.height > 0
    assert (same["train_loss"] == same["train_loss_right"]).all()
    assert "nothing to do" in plan(folder, store)


def test_one_seed_has_no_pairs(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    edit(folder, seeds="1")
    run_stages(folder, store)
    tables = read_tables(folder / "data" / "catalog")
    assert tables["pairs"].height == 0
    unclassified = tables["phases"].filter(pl.col("phase") != "NC")
    assert set(unclassified["phase"]) == {"unclassified"}
    assert unclassified["reason"].str.contains("mode connectivity is missing").all()
    assert "No cell has two converged runs" in (folder / "reports" / "phases.html").read_text()


def test_the_plan(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    before = plan(folder, store)
    assert "runs          8 (2 seeds per cell): 8 done, 0 to train" in before
    assert "time          nothing to do" in before
    edit(folder, width="[1, 2, 4]", seeds="3")
    after = plan(folder, store)
    assert "axis          load.width: 1, 2, 4" in after
    assert "cells         6" in after
    assert "runs          18 (3 seeds per cell): 8 done, 10 to train" in after
    assert re.search(r"pairs         18; \d curves", after)
    assert re.search(r"time          about .+ with 1 worker\b", after)
    edit(folder, engine="local", workers="3")
    assert re.search(r"time          about .+ with 3 workers", plan(folder, store))


def test_what_is_stored_is_what_was_measured(finished: Copy) -> None:
    """A curve's endpoints and the distance are recomputed from the stored networks."""
    folder, _ = finished
    records = [read_measurement(path) for path in (folder / "data" / "measurements").iterdir()]
    distances = [r for r in records if isinstance(r.measured, WeightDistance)]
    assert distances
    for record in distances:
        one, other = (read_weights(folder / "data" / "runs" / run_id) for run_id in record.run_ids)
        names = [name for name in one if "running" not in name and "tracked" not in name]
        total = sum(float(((one[n].astype(float) - other[n]) ** 2).sum()) for n in names)
        assert record.measured.l2 == pytest.approx(total**0.5, rel=1e-6)  # type: ignore[union-attr]
    curves = [r for r in records if isinstance(r.measured, ModeConnectivity)]
    assert all(len(r.measured.points) == 5 for r in curves)  # type: ignore[union-attr]
    for item in (folder / "data" / "runs").iterdir():
        record = read_run(item)
        data, _ = read_prepared(next((folder / "data" / "prepared").iterdir()))
        assert record.data_content_hash == data.content_hash


def test_help_imports_nothing_heavy() -> None:
    """`landscape --help` imports nothing heavy (checked by counting modules, not by time)."""
    code = (
        "import sys, landscape_catalog.cli; print(*sorted(m for m in sys.modules if '.' not in m))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "polars", "duckdb", "altair", "numpy", "pydantic", "sklearn", "dvc", "pebble"}
    assert not heavy & set(loaded.stdout.split())


def test_the_lock_makes_a_second_stage_wait(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    code = (
        "import sys; from pathlib import Path\n"
        "from landscape_catalog.store.lock import project_lock\n"
        "with project_lock(Path('.landscape/lock')): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with holder, ThreadPoolExecutor() as threads:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said: list[str] = []
        stage = threads.submit(run_stages, folder, store, "prepare", said=said)
        wait_until(lambda: said)
        assert f"process {holder.pid}" in said[0]
        assert not stage.done()
        holder.communicate("")
        assert "already there" in stage.result(timeout=60)
