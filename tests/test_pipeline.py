"""The five stages under a real `dvc`: what is computed, what is not, what is left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import polars as pl
import pytest

from landscape_catalog.catalog import read_tables
from landscape_catalog.metrics.connectivity.spec import ModeConnectivity
from landscape_catalog.metrics.distance.spec import WeightDistance
from landscape_catalog.store.artifacts import (
    read_measurement,
    read_prepared,
    read_run,
    read_weights,
)
from landscape_catalog.store.files import file_sha256
from tests.conftest import TINY_PARAMS, edit, make_project, run

Copy = tuple[Path, Path]


def counts(output: str) -> dict[str, int]:
    """Runs trained and measurements made, from the log."""
    trained = re.search(r"(\d+) to train", output)
    made = re.search(r"(\d+) made", output)
    return {"trained": int(trained[1]) if trained else 0, "made": int(made[1]) if made else 0}


def repro(folder: Path, store: Path) -> dict[str, int]:
    done = run(folder, store, "dvc", "repro")
    return counts(done.stdout + done.stderr)


def train(folder: Path, store: Path) -> int:
    """Runs that the first two stages train, without the others."""
    run(folder, store, "landscape", "prepare")
    return counts(run(folder, store, "landscape", "train").stderr)["trained"]


def outputs(folder: Path) -> dict[str, str]:
    """Hashes of everything that is an output, by path."""
    paths = [p for top in ("data", "reports") for p in (folder / top).rglob("*") if p.is_file()]
    return {
        str(p.relative_to(folder)): file_sha256(p)
        for p in sorted(paths)
        if p.name not in ("catalog.duckdb", ".gitignore")
    }


def run_ids(folder: Path) -> set[str]:
    return {item.name for item in (folder / "data" / "runs").iterdir()}


def test_nothing_to_do_is_quick_and_says_so(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    done = run(folder, store, "dvc", "repro")
    assert "up to date" in done.stdout + done.stderr
    assert "Running stage" not in done.stdout + done.stderr


def test_two_runs_with_stores_of_their_own_are_equal_to_the_byte(
    finished: Copy, tmp_path: Path
) -> None:
    other, store = make_project(tmp_path / "other place", TINY_PARAMS), tmp_path / "own store"
    assert repro(other, store)["trained"] == 8
    assert outputs(other) == outputs(finished[0])


def test_adding_a_width_and_a_seed_trains_exactly_the_new_runs(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    before = run_ids(folder)
    edit(folder, width="[1, 2, 3]")
    assert train(folder, store) == 4
    assert before < run_ids(folder)
    assert len(run_ids(folder)) == 12
    edit(folder, seeds="3")
    assert train(folder, store) == 6
    edit(folder, width="[1, 2]", seeds="2")
    assert repro(folder, store) == {"trained": 0, "made": 0}
    assert run_ids(folder) == before  # no leftover


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


def test_experiments(fresh_copy: Copy) -> None:
    """`dvc exp run -S`: another landscape, back again, and both as an axis."""
    folder, store = fresh_copy
    run(folder, store, "git", "add", "-A")
    run(folder, store, "git", "commit", "-qm", "done")
    clean = outputs(folder)
    done = run(folder, store, "dvc", "exp", "run", "-n", "noisy", "-S", "load.label_noise=0.2")
    assert counts(done.stdout + done.stderr)["trained"] == 8
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
    assert len(run_ids(folder)) == 16
    rows = run(folder, store, "landscape", "sql", "--format", "csv",
               "SELECT label_noise, count(*) FROM cells GROUP BY 1 ORDER BY 1").stdout  # fmt: skip
    assert rows.splitlines()[1:] == ["0.0,4", "0.2,4"]


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
    assert repro(folder, store)["trained"] == 1
    assert outputs(folder) == good


def test_one_failing_run_does_not_stop_the_others(fresh_copy: Copy) -> None:
    """A run whose width makes it fail: the stage ends with a table, the rest is kept."""
    folder, store = fresh_copy
    edit(folder, width="[1, 2, 3, 5000000]")
    done = run(folder, store, "landscape", "prepare")
    done = run(folder, store, "landscape", "train", fails=True)
    assert done.returncode == 1
    assert "train: 4 jobs failed, the others are kept" in done.stderr
    assert "Traceback (most" not in done.stderr
    assert json.loads((folder / ".landscape" / "failures.json").read_text())[0]["details"]
    assert len(run_ids(folder)) == 12
    edit(folder, width="[1, 2, 3]")
    assert repro(folder, store)["trained"] == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    edit(folder, label_noise="0.3")
    (folder / "data" / "prepared").chmod(0o500)
    done = run(folder, store, "landscape", "prepare", fails=True)
    assert "no permission" in done.stderr
    (folder / "data" / "prepared").chmod(0o700)


def test_a_stage_before_its_time(tmp_path: Path) -> None:
    folder, store = make_project(tmp_path / "new", TINY_PARAMS), tmp_path / "store"
    for stage, needs in (("train", "landscape prepare"), ("measure", "landscape prepare"),
                         ("report", "landscape aggregate")):  # fmt: skip
        done = run(folder, store, "landscape", stage, fails=True)
        assert done.returncode == 2
        assert needs in done.stderr
    done = run(folder, store, "landscape", "sql", "SELECT 1", fails=True)
    assert done.returncode == 2
    assert "there is no catalog yet" in done.stderr


def test_a_ring_of_three_seeds_and_a_cell_that_has_not_converged(fresh_copy: Copy) -> None:
    """Curves start at the run that they name; an NC cell has no pairs, and the plan knows."""
    folder, store = fresh_copy
    text = (folder / "params.yaml").read_text()
    text = text.replace("connectivity:\n", "connectivity:\n    pairs: ring\n")
    (folder / "params.yaml").write_text(text.replace("batch_size: [16, 32]", "batch_size: 16"))
    edit(folder, width="2", seeds="3", lr="[0.02, 1000000.0]")
    repro(folder, store)
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
    assert "nothing to do" in run(folder, store, "landscape", "plan").stdout


def test_one_seed_has_no_pairs(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    edit(folder, seeds="1")
    repro(folder, store)
    tables = read_tables(folder / "data" / "catalog")
    assert tables["pairs"].height == 0
    unclassified = tables["phases"].filter(pl.col("phase") != "NC")
    assert set(unclassified["phase"]) == {"unclassified"}
    assert unclassified["reason"].str.contains("mode connectivity is missing").all()
    assert "There are none" in (folder / "reports" / "phases.html").read_text()


def test_the_plan(fresh_copy: Copy) -> None:
    folder, store = fresh_copy
    before = run(folder, store, "landscape", "plan").stdout
    assert "runs          8 (2 seeds a cell): 8 done, 0 to train" in before
    assert "time          nothing to do" in before
    edit(folder, width="[1, 2, 4]", seeds="3")
    after = run(folder, store, "landscape", "plan").stdout
    assert "axis          load.width: 1, 2, 4" in after
    assert "cells         6" in after
    assert "runs          18 (3 seeds a cell): 8 done, 10 to train" in after
    assert re.search(r"pairs         18; \d curves", after)
    assert re.search(r"time          about .+ with \d+ workers", after)


def test_what_is_stored_is_what_was_measured(finished: Copy) -> None:
    """A curve's ends and the distance follow from the stored networks themselves."""
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


def test_help_is_quick() -> None:
    """No heavy import stands in the way of `landscape --help` (a count, not a time)."""
    import subprocess
    import sys

    code = (
        "import sys, landscape_catalog.cli; print(*sorted(m for m in sys.modules if '.' not in m))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "polars", "duckdb", "altair", "numpy", "pydantic", "sklearn", "dvc", "pebble"}
    assert not heavy & set(loaded.stdout.split())


def test_the_lock_makes_a_second_stage_wait(fresh_copy: Copy) -> None:
    import subprocess
    import sys

    from tests.conftest import environment

    folder, store = fresh_copy
    code = (
        "import time; from pathlib import Path; from landscape_catalog.store.lock import project_lock\n"
        "with project_lock(Path('.landscape/lock')): print('held', flush=True); time.sleep(3)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    started = time.monotonic()
    done = subprocess.run(
        ["landscape", "prepare"],
        cwd=folder,
        env=environment(store),
        capture_output=True,
        text=True,
        check=True,
    )
    holder.wait()
    holder.stdout.close()
    assert f"process {holder.pid}" in done.stderr
    assert time.monotonic() - started > 0.5
