"""Upper limits: of the data and of counts at once, of this machine where it would have to work."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from landscape_catalog import machine
from landscape_catalog.commands.plan import describe_plan
from landscape_catalog.errors import SpecError
from landscape_catalog.experiment.reading import parse_experiment
from landscape_catalog.pipeline.measure.stage import measure_missing
from landscape_catalog.pipeline.prepare.stage import run_prepare
from landscape_catalog.pipeline.shared import limits
from landscape_catalog.pipeline.shared.limits import measuring_problems
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.pipeline.train.stage import run_train, train_runs
from landscape_catalog.runner.schedule import cut_groups, makespan
from landscape_catalog.runner.serial import SerialExecutor
from landscape_catalog.runner.speed import SpeedModel
from landscape_catalog.runner.timings import Work
from landscape_catalog.schema.pairs import chosen_pairs, n_pairs

DIGITS = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet18"},
    "load": {"width": [2, 4]},
    "temperature": {"batch_size": [16, 32]},
    "train": {"seeds": 2},
    "measure": {"hessian": {}, "connectivity": {}, "similarity": {}},
    "classify": {},
    "report": {},
    "execution": {},
    "variants": {},
}
TEXT = DIGITS | {
    "dataset": {"name": "number_words", "vocabulary": 300},
    "model": {"name": "transformer", "args": {}},
    "load": {"width": 8},
    "measure": {"similarity": {"perturbation": "token_noise"}},
}


def project(folder: Path, base: dict[str, Any], **changes: Any) -> Path:
    """A project whose parameters differ from the base at paths with `__` for dots."""
    content = {name: dict(section) for name, section in base.items()}
    for path, value in changes.items():
        *parents, key = path.split("__")
        section: Any = content
        for parent in parents:
            section[parent] = dict(section.get(parent, {}))
            section = section[parent]
        section[key] = value
    with (folder / "params.yaml").open("w") as stream:
        YAML(typ="safe").dump(content, stream)
    return folder


HUGE = 10**30
AT_ONCE: dict[str, tuple[dict[str, Any], str, str]] = {
    name: (base, path, message)
    for name, base, path, message in (
        ("samples of CKA", DIGITS, "measure.similarity.samples", "less than 2147483648"),
        ("epochs", DIGITS, "train.epochs", "less than 2147483648"),
        ("updates", DIGITS, "train.updates", "less than 2147483648"),
        ("warm-up", DIGITS, "train.warmup", "less than 2147483648"),
        ("patience", DIGITS, "train.stop_patience", "less than 2147483648"),
        ("seeds", DIGITS, "train.seeds", "less than 2147483648"),
        ("first seed", DIGITS, "train.first_seed", "less than 4294967296"),
        ("width", DIGITS, "load.width", "less than 2147483648"),
        ("batch size", DIGITS, "temperature.batch_size", "less than 2147483648"),
        ("size", DIGITS, "dataset.resize", "a positive integer below 2.31"),
        ("workers", DIGITS, "execution.workers", "less than 2147483648 or 'auto'"),
        ("iterations", DIGITS, "measure.hessian.max_iterations", "less than 2147483648"),
        ("density", DIGITS, "measure.hessian.density_steps", "less than 2147483648"),
        ("curve points", DIGITS, "measure.connectivity.points", "less than or equal to 10000"),
        ("refinement", DIGITS, "measure.connectivity.refine", "less than 2147483648"),
        ("words", TEXT, "dataset.max_words", "less than 2147483648"),
        ("vocabulary", TEXT, "dataset.vocabulary", "less than or equal to 1000000"),
        ("layers", TEXT, "model.args.n_layers", "integers of 64 bits"),
    )
}


@pytest.mark.parametrize("name", AT_ONCE)
def test_a_number_that_no_library_can_hold_is_refused_at_once(name: str, tmp_path: Path) -> None:
    base, path, message = AT_ONCE[name]
    with pytest.raises(SpecError, match=rf"{path}: got 10+; allowed: .*{message}"):
        open_workspace(project(tmp_path, base, **{path.replace(".", "__"): HUGE}))


TOO_MANY: dict[str, tuple[dict[str, Any], str]] = {
    "seeds": ({"train__seeds": 10**7}, "train.seeds: got 10000000; allowed: at most 62500: an exp"),
    "pairs of seeds": ({"train__seeds": 10**4}, "train.seeds: got 10000; allowed: fewer: .* 1000000 m"),
    "repeats": (
        {"measure__connectivity__repeats": 10**9},
        "measure.connectivity.repeats: got 1000000000; allowed: fewer: an experiment has at most",
    ),
    "an axis": (
        {"temperature__lr": [1e-3 + 1e-9 * n for n in range(3000)], "train__seeds": 100},
        "temperature.lr: got 3000 values; allowed: at most 625: an experiment has at most 250000",
    ),
    "extra values of several axes": (
        {"load__samples": list(range(100, 600)), "load__pixel_noise": [n / 10 for n in range(999)]},
        "load.pixel_noise: got 999 values; allowed: at most 62: an experiment has at most 250000",
    ),
    "batches": (
        {"measure__hessian__batches": 10**9}, "measure.hessian.batches: got 1000000000; allowed: "),
    "a long axis": (
        {"temperature__lr": [1e-3 + 1e-9 * n for n in range(62_501)], "train__seeds": 1},
        "temperature.lr: got 62501 values; allowed: at most 62500: an experiment has at most 250000",
    ),
    "the last seed": (
        {"train__first_seed": 2**32 - 2, "train__seeds": 3},
        "train.first_seed: got 4294967294; allowed: at most 4294967293 with 3 seeds: seeds are",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_MANY)
def test_what_cannot_be_listed_is_refused_before_it_is(name: str, tmp_path: Path) -> None:
    changes, message = TOO_MANY[name]
    folder = project(tmp_path, DIGITS, **changes)
    started = time.process_time()
    with pytest.raises(SpecError, match=message):
        open_workspace(folder)
    assert time.process_time() - started < 30


def test_pairs_are_counted_as_they_are_chosen() -> None:
    for n in range(7):
        for which in ("first", "ring", "all"):
            assert n_pairs(n, which) == len(chosen_pairs(range(n), which))


OF_THE_MACHINE: dict[str, tuple[dict[str, Any], str]] = {
    "workers": (
        {"execution__workers": 10**6},
        r"execution.workers: got 1000000; allowed: at most 35 on this machine, which has 16 GB",
    ),
    "size": ({"dataset__resize": 20_000}, "dataset.resize: got 20000; allowed: less: .* 1.4 TB"),
    "a long side": (
        {"dataset__resize": [10**6, 64]}, r"dataset.resize: got \(1000000, 64\); allowed: less"),
    "samples of CKA": (
        {"measure__similarity__samples": 10**9},
        "measure.similarity.samples: got 1000000000; allowed: less: they would take 336 GB",
    ),
    "epochs": (
        {"train__epochs": 2 * 10**9}, "train.epochs: got 2000000000, with which a run takes .* years"),
    "updates": (
        {"train__stopping": "updates", "train__updates": 2 * 10**9, "load__width": 64},
        "train.updates: got 2000000000, with which",
    ),
    "width": ({"load__width": 10**6}, "train.epochs: got 150, with which a run takes .* years"),
    "iterations": (
        {"measure__hessian__max_iterations": 2 * 10**9, "load__width": 64},
        "measure.hessian: got a measurement that takes",
    ),
    "density": (
        {"measure__hessian__density": True, "measure__hessian__density_probes": 2 * 10**9},
        "measure.hessian: got a measurement that takes some .* years; allowed: at most 2",
    ),
    "fits": (
        {"measure__connectivity__epochs": 10**9}, "measure.connectivity: got a measurement that takes"),
    "points": (
        {"measure__connectivity__points": 10**4, "load__width": 64},
        "measure.connectivity.points: got 10000, with load.width 64; allowed: less: the 10003 "
        "vectors of weights held at once would take 447 GB, and this machine has 16 GB of mem",
    ),
    "points of one of several widths": (
        {"measure__connectivity__points": 1000, "load__width": [2, 32, 64]},
        "measure.connectivity.points: got 1000, with load.width 64; allowed: less: the 1003 ",
    ),
    "control points": (
        {"measure__connectivity__control_points": 10, "load__width": 320},
        "measure.connectivity.control_points: got 10, with load.width 320; allowed: less: the 21 ",
    ),
    "steps of the density": (
        {"measure__hessian__density": True, "measure__hessian__density_steps": 500, "load__width": 64},
        "measure.hessian.density_steps: got 500, with load.width 64; allowed: less: the 501 vectors",
    ),
}  # fmt: skip
OF_PREPARE = {"size", "a long side"}
OF_TRAIN = {"workers", "epochs", "updates", "width"}


@pytest.mark.parametrize("name", OF_THE_MACHINE)
def test_what_this_machine_cannot_do_is_a_warning_of_plan_and_an_error_of_the_stage(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = machine.Memory(16 * 10**9, 16 * 10**9)
    monkeypatch.setattr(limits, "main_memory", lambda: memory)
    monkeypatch.setattr(machine, "main_memory", lambda: memory)
    monkeypatch.setenv("LANDSCAPE_STORE", str(tmp_path / "store"))
    changes, message = OF_THE_MACHINE[name]
    folder = project(tmp_path, DIGITS, **changes)
    started = time.process_time()
    plan = describe_plan(folder)
    assert time.process_time() - started < 10
    with pytest.raises(SpecError, match=message) as caught:
        if name in OF_PREPARE:
            run_prepare(folder)
        workspace = open_workspace(folder)
        if name in OF_TRAIN:
            train_runs(workspace, workspace.grid.runs, SerialExecutor())
        limits.require_possible(measuring_problems(workspace))
    warnings = [line for line in plan.splitlines() if line.startswith("warning")]
    assert {f"warning       {problem}" for problem in caught.value.problems} <= set(warnings)
    assert not list(tmp_path.glob("data/prepared/*"))


def test_an_ordinary_experiment_gives_no_warning(tmp_path: Path) -> None:
    assert "warning" not in describe_plan(project(tmp_path, DIGITS))
    assert "warning" not in describe_plan(project(tmp_path, TEXT))


def test_measuring_asks_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from landscape_catalog.pipeline.measure import stage

    workspace = open_workspace(project(tmp_path, DIGITS, measure__connectivity__epochs=10**9))
    monkeypatch.setattr(stage, "trained_runs", lambda _: {})
    with pytest.raises(SpecError, match=r"measure\.connectivity: got a measurement that takes"):
        measure_missing(workspace, SerialExecutor())


def test_training_asks_whether_its_runs_can_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDSCAPE_STORE", str(tmp_path / "store"))
    folder = project(tmp_path, DIGITS, measure__connectivity__epochs=10**9)
    run_prepare(folder)
    with pytest.raises(SpecError, match=r"measure\.connectivity: got a measurement that takes"):
        run_train(folder)


def seconds(function: Any) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


def test_an_axis_is_checked_in_linear_time() -> None:
    from landscape_catalog.experiment.training import Temperature

    values = [1e-3 + 1e-9 * n for n in range(2 * 10**5)]
    assert seconds(lambda: Temperature(lr=values)) < 10  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"repeated: 0\.001, .* and 199990 more"):
        Temperature(lr=values + values)  # type: ignore[arg-type]


def test_repeated_values_are_named() -> None:
    text = "{load: {width: [2, 4, 2]}}"
    with pytest.raises(SpecError, match=r"load\.width: .*distinct values .repeated: 2."):
        parse_experiment(text)


def test_a_plan_takes_linear_time(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()

    def plan(n: int) -> float:
        rates = [1e-3 + 1e-9 * k for k in range(n)]
        folder = project(tmp_path, DIGITS, temperature__lr=rates, train__seeds=1)
        return seconds(lambda: describe_plan(folder))

    plan(10)
    small, large = plan(250), plan(1000)
    assert large < 10 * small  # 16 times if it were quadratic


def test_predictions_take_linear_time_in_the_lines_of_the_timings() -> None:
    def work(n: int) -> Work:
        return Work("train", "resnet18", 1 + n, 16, 100, 10**6)

    model = SpeedModel(lambda _: 1.0, [(work(n), 2.0) for n in range(5000)])
    assert seconds(lambda: [model.seconds(work(n)) for n in range(2000)]) < 20
    assert model.seconds(work(3)) == pytest.approx(2.0, rel=0.05)


def test_schedules_of_many_jobs_and_workers() -> None:
    assert makespan([1.0, 2.0], 10**9) == 2.0
    assert makespan([], 10**9) == 0.0
    assert makespan([1.0], 3, busy=[5.0, 4.0]) == 5.0
    took = seconds(
        lambda: cut_groups(
            range(30_000),
            key=lambda n: None if n % 2 else n % 7,
            seconds=lambda group: 1.0 + len(group),
            workers=2,
            largest=64,
        )
    )
    assert took < 10
