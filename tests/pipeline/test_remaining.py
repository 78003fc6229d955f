"""What a plan counts, against the lists of everything that the stages make and do."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from landscape_catalog.commands.remaining import what_is_left
from landscape_catalog.pipeline.measure.jobs import (
    job_work,
    measurement_jobs,
    planned_measuring,
)
from landscape_catalog.pipeline.shared.measurement_specs import (
    MeasurementSpec,
    distinct,
    losses_of,
    measurements_of,
)
from landscape_catalog.pipeline.shared.workspace import Workspace, open_workspace
from landscape_catalog.pipeline.train import groups
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.starting_speed import starting_prediction
from landscape_catalog.schema.identity import Identifier
from landscape_catalog.store import cache
from tests.conftest import ROOT, TINY_PARAMS
from tests.stages import uses_store, write_project

PROBES = """\
measure:
  snapshots: [best_train_loss, last]
  hessian: {samples: 64, batches: 2, density: true}
  connectivity:
  - {epochs: 2, batch_size: 64, pairs: ring, repeats: 2}
  - {name: again, epochs: 2, batch_size: 64, pairs: all, repeats: 2}
  - {name: odd, epochs: 2, batch_size: 60, pairs: first}
  similarity:
  - {samples: 64}
  - {name: twin, samples: 64}
"""
PARAMS = {
    "tiny": TINY_PARAMS,
    "wide": TINY_PARAMS.replace("[1, 2]", "[1, 2, 16, 40]").replace("seeds: 2", "seeds: 3"),
    "probes": TINY_PARAMS[: TINY_PARAMS.index("measure:")].replace("seeds: 2", "seeds: 4")
    + PROBES
    + TINY_PARAMS[TINY_PARAMS.index("classify:") :],
    "variants": TINY_PARAMS.replace(
        "{}", "{adam: {train.optimizer: adam}, hot: {train.epochs: 3}}"
    ),
}


@pytest.fixture(params=PARAMS)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    with uses_store(tmp_path / "store"):
        return open_workspace(write_project(tmp_path / "grid", PARAMS[request.param]))


def every_spec(workspace: Workspace, not_converged: set[str]) -> list[MeasurementSpec]:
    """All measurements, one by one."""
    grid, measure = workspace.grid, workspace.experiment.measure
    specs = losses_of(grid.runs, measure)
    for cell in grid.cells:
        runs = [run for run in cell.runs if run.run_id not in not_converged]
        specs += measurements_of(runs, measure, {})
    return specs


def put(workspace: Workspace, runs: list[str], measurements: list[str]) -> None:
    """Leave empty results in the project and the store: a plan does not read them."""
    for number, run in enumerate(runs):
        path = workspace.runs.path(run) if number % 2 else workspace.runs.shared_path(run)
        path.mkdir(parents=True)
    for number, one in enumerate(measurements):
        own = workspace.measurements
        path = own.path(one) if number % 3 else own.shared_path(one)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize("worth_listing", [1, 10**6], ids=["listed", "one by one"])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_what_is_left_is_what_is_not_there(
    workspace: Workspace, share: float, worth_listing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WORTH_LISTING", worth_listing)
    draw, specs = random.Random(5), every_spec(workspace, set())
    runs = [run.run_id for run in workspace.grid.runs]
    ids = list({spec.measurement_id for spec in specs})
    put(workspace, draw.sample(runs, k=round(share * len(runs))),
        draw.sample(ids, k=round(share * len(ids))))  # fmt: skip
    remaining = what_is_left(workspace)
    left = [spec for spec in specs if not workspace.measurements.has(spec.measurement_id)]
    assert remaining.n_runs == sum(not workspace.runs.has(run) for run in runs)
    assert remaining.n_measurements == len(specs)
    assert remaining.n_left == len(left)
    assert sum(needed.distinct for needed in remaining.measurements) == len(distinct(left))
    counts = Counter((spec.metric, spec.cell.cell_id, spec.probe, spec.repeat) for spec in left)
    found: Counter[Any] = Counter()
    for procedure, cell, _, n, _ in remaining.measurements:
        found[procedure.metric, cell.cell_id, procedure.probe, procedure.repeat] += n
    assert +found == counts


def test_runs_that_have_not_converged_get_no_further_measurements(workspace: Workspace) -> None:
    """Of four runs, one diverged, one converged, one diverged without a loss, and one has a
    measurement that only converged runs get."""
    diverged, converged, unmeasured, measured = workspace.grid.runs[:4]

    def read_run(path: Path) -> Any:
        path.lstat()
        return SimpleNamespace(stop_reason="calm" if path.name == converged.run_id else "diverged")

    def read_loss(path: Path) -> Any:
        path.lstat()
        return SimpleNamespace(measured=SimpleNamespace(train=SimpleNamespace(loss=9.0)))

    fake = replace(
        workspace,
        runs=replace(workspace.runs, read=read_run),
        measurements=replace(workspace.measurements, read=read_loss),
    )
    data: Any = SimpleNamespace(frequency_loss=10.0)
    fake._data.update((spec.data_id, data) for spec in fake.grid.data)
    made = losses_of([diverged, converged, measured], fake.experiment.measure)
    made += measurements_of([measured], fake.experiment.measure, {})[-1:]
    runs = [run.run_id for run in (diverged, converged, unmeasured, measured)]
    put(fake, runs, [spec.measurement_id for spec in made])
    needed = every_spec(fake, {diverged.run_id})
    assert what_is_left(fake).n_measurements == len(needed)
    assert len(needed) < len(every_spec(fake, set()))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_planned_jobs_are_those_of_the_stages(
    workspace: Workspace, workers: int, device: str
) -> None:
    speed = SpeedModel(starting_prediction(device))
    given = {"speed": speed, "workers": workers, "device": device}
    runs = workspace.grid.runs[1:]
    left = Counter(run.cell.cell_id for run in runs)
    cells = [(cell, left[cell.cell_id]) for cell in workspace.grid.cells]
    trained = groups.planned_groups(runs, **given)  # type: ignore[arg-type]
    assert groups.planned_training(cells, **given) == Counter(  # type: ignore[arg-type]
        groups.job_work(group, device) for group in trained
    )
    remaining = what_is_left(workspace).measurements
    needed = [(one.procedure, one.cell, one.distinct) for one in remaining]
    jobs = measurement_jobs(distinct(every_spec(workspace, set())), workers, speed, device)
    assert planned_measuring(needed, **given) == Counter(  # type: ignore[arg-type]
        job_work(job, device) for job in jobs
    )


@pytest.mark.parametrize("workspace", ["tiny", "wide", "variants"], indirect=True)
def test_no_id_is_hashed_where_nothing_has_been_computed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> list[str]:
        raise AssertionError("a large grid has hundreds of thousands of ids")

    monkeypatch.setattr(Identifier, "of_json", refuse)
    assert what_is_left(workspace).n_runs == len(workspace.grid.runs)


def test_planning_loads_nothing_that_only_stages_need() -> None:
    code = "import sys, landscape_catalog.commands.plan; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    names = set(loaded.stdout.split())
    heavy = {"torch", "scipy", "sklearn", "polars", "duckdb", "pyarrow", "altair", "pebble", "rich"}
    assert "landscape_catalog.experiment.grid" in names
    assert not heavy & names
