"""What a group in training reports of its progress, whichever of its runs ends or continues."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from unittest import mock

import pytest

from landscape_catalog.experiment.grid import Run
from landscape_catalog.pipeline.shared.workspace import Workspace
from landscape_catalog.pipeline.train import run_training, stage
from landscape_catalog.pipeline.train.checkpoints import Interval, RunCheckpoints, checkpoint_key
from landscape_catalog.runner.activity import announced, read_activities, resumed_share
from landscape_catalog.store.records import Provenance
from landscape_catalog.training.checkpoints import TrainingState
from tests.stages import run_ids, run_stages, write_project

PARAMS = """\
dataset: {{name: digits, test_samples: 100}}
model: {{name: resnet18}}
load: {{width: 1, samples: 64}}
temperature: {{batch_size: 16, lr: {rates}}}
train: {{epochs: 4, seeds: 1, stopping: epochs}}
execution: {{device: cpu, engine: serial}}
classify: {{}}
report: {{}}
variants: {{}}
measure: {{hessian: {{samples: 64}}, connectivity: {{batch_size: 64}}, similarity: {{samples: 64}}}}
"""
DIVERGES = "1.0e+30"


@pytest.mark.parametrize(
    "rates", [[DIVERGES, "0.05", "0.1"], ["0.05", DIVERGES, "2.0e+30"], ["0.05", "0.1"]], ids=str
)
def test_progress_is_reported_until_the_last_run_ends(rates: list[str], tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", PARAMS.format(rates=f"[{', '.join(rates)}]"))
    run_stages(project, tmp_path / "store", "prepare")
    with mock.patch.object(run_training, "report_progress") as report:
        run_stages(project, tmp_path / "store", "train")
    told = [call.args[0] for call in report.call_args_list]
    assert sorted(set(told)) == [0.25, 0.5, 0.75, 1.0]
    assert told == sorted(told)


@pytest.mark.parametrize("done", [[], [4], [4, 4], [1, 2, 3, 4]], ids=str)
def test_what_checkpoints_save_of_a_group_adds_up(done: list[int], tmp_path: Path) -> None:
    steps, ids = 5, "abcd"
    provenance = Provenance(torch="2", device="cpu", cpu="x")
    group = [
        RunCheckpoints(
            tmp_path / "partial",
            checkpoint_key(run_id, "d", [], provenance),
            Interval(60),
            job_steps=steps * len(ids),
        )
        for run_id in ids
    ]
    for one, step in zip(group, done):
        one.save(TrainingState({"done": step}, {}))
    (tmp_path / "workers").mkdir()
    with announced(tmp_path / "workers", "job", first=False):
        assert [one.resume() is not None for one in group].count(True) == len(done)
        assert resumed_share() == pytest.approx(sum(done) / (steps * len(ids)))
    assert read_activities(tmp_path / "workers")["job"].done == pytest.approx(sum(done) / 20)


@pytest.mark.parametrize("finished", [0, 1, 3, 4])
def test_runs_that_another_process_has_finished_are_no_training_time(
    finished: int, tmp_path: Path
) -> None:
    rates = "[0.05, 0.1, 0.2, 0.3]"
    project, store = write_project(tmp_path / "project", PARAMS.format(rates=rates)), tmp_path / "s"
    run_stages(project, store, "prepare", "train")
    done = sorted(run_ids(project))[:finished]
    (project / ".landscape" / "timings.jsonl").unlink()
    missing_runs = stage.missing_runs

    def finish_later(workspace: Workspace) -> list[Run]:
        """Another process finishes some runs after the stage has looked for them."""
        hidden = [workspace.runs.shared_path(run_id) for run_id in run_ids(project)]
        for path in hidden:
            path.rename(path.with_suffix(".hidden"))
        shutil.rmtree(project / "data" / "runs")
        missing = missing_runs(workspace)
        for path in hidden:
            if path.name in done:
                path.with_suffix(".hidden").rename(path)
        return missing

    with mock.patch.object(stage, "missing_runs", finish_later):
        run_stages(project, store, "train")
    assert len(run_ids(project)) == 4
    timings = project / ".landscape" / "timings.jsonl"
    lines = timings.read_text().splitlines() if timings.exists() else []
    shares = [json.loads(line)["share"] for line in lines]
    assert shares == pytest.approx([1 - finished / 4] if finished < 4 else [])


@pytest.mark.parametrize("trained_again", [True, False])
def test_leftovers_of_killed_stages_are_removed(trained_again: bool, tmp_path: Path) -> None:
    project, store = write_project(tmp_path / "project", PARAMS.format(rates=0.05)), tmp_path / "s"
    run_stages(project, store, "prepare", "train")
    (run_id,) = run_ids(project)
    if trained_again:
        shutil.rmtree(project / "data" / "runs")
        shutil.rmtree(store / "runs")
    for name in (".checkpoint", ".lock", ".lock.holder"):
        (store / "partial" / f"{run_id}{name}").touch()
    run_stages(project, store, "train")
    assert list((store / "partial").iterdir()) == []
