"""Ids: pinned, and determined by content alone."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape_catalog.experiment.experiment import Experiment
from landscape_catalog.experiment.grid import Cell, Run
from landscape_catalog.experiment.landscape import Dataset, Load, Model
from landscape_catalog.experiment.measure import MeasureBase
from landscape_catalog.experiment.training import Temperature, Train
from landscape_catalog.metrics.connectivity.settings import ConnectivitySettings
from landscape_catalog.metrics.connectivity.spec import ConnectivityMetric
from landscape_catalog.metrics.hessian.spec import HessianSettings
from landscape_catalog.metrics.similarity.spec import SimilaritySettings
from landscape_catalog.paths import Project
from landscape_catalog.pipeline.shared.custom_code import code_checksum
from landscape_catalog.pipeline.shared.measurement_specs import (
    MeasurementSpec,
    losses_of,
    measurements_of,
)
from landscape_catalog.pipeline.shared.workspace import lay_out
from landscape_catalog.schema.fields import Section
from landscape_catalog.schema.identity import canonical_json, derive_seed, identify
from landscape_catalog.schema.pairs import chosen_pairs
from tests.experiment.conftest import Own
from tests.experiment.grids import BASE, CUSTOM_CODE, TEXT, experiment_of, grid, grid_of
from tests.former import use_former_recipes


def of_runs(runs: Sequence[Run], measure: MeasureBase) -> list[MeasurementSpec]:
    """What is measured on each run, besides its losses."""
    return [spec for spec in measurements_of(runs, measure, {}) if len(spec.runs) == 1]


def of_pairs(runs: Sequence[Run], measure: MeasureBase) -> list[MeasurementSpec]:
    """What is measured on each pair."""
    return [spec for spec in measurements_of(runs, measure, {}) if len(spec.runs) == 2]


def golden() -> dict[str, Any]:
    """Ids of a cell of small networks and of what is measured on it."""
    first = grid().cells[0]
    measure = Experiment.model_validate(BASE).measure
    theirs = experiment_of({"measure.hessian.backend": "pyhessian"}).measure
    found = {
        "data": first.landscape.data.data_id,
        "landscape": first.landscape.landscape_id,
        "cell": first.cell_id,
        "runs": [run.run_id for run in first.runs],
        "loss": losses_of(first.runs, measure)[0].measurement_id,
        "hessian": of_runs(first.runs, measure)[0].measurement_id,
        "pyhessian": of_runs(first.runs, theirs)[0].measurement_id,
    }
    return found | {item.metric: item.measurement_id for item in of_pairs(first.runs, measure)}


FORMER_IDS = {
    "data": "7ff70bae4d9c75e1",
    "landscape": "5f9ac81009496231",
    "cell": "502cee8040d76387",
    "runs": ["f08326d11bbf778f", "3a5cda2001985052"],
    "loss": "399da1cf7b672a68",
    "hessian": "69c9beda32e53cc9",
    "pyhessian": "ebd155dc7c758a06",
    "connectivity": "59f66a3b610e5873",
    "barrier": "07ccaf5521bb6b04",
    "similarity": "2d4efe21e6170009",
    "distance": "da51ae58592075ac",
}


def test_golden_ids() -> None:
    """These must never change: finished runs in users' stores are found by them."""
    assert golden() == {
        "data": "7ff70bae4d9c75e1",
        "landscape": "5f9ac81009496231",
        "cell": "36fc0bfc1660762b",
        "runs": ["5a836ece3dd7a168", "12279807472f6651"],
        "loss": "d21dc777e15c7c9c",
        "hessian": "dcdd3a495b00eb29",
        "pyhessian": "554996dd737c71e6",
        "connectivity": "2f82542129d38c0b",
        "barrier": "462498b114e13610",
        "similarity": "21a8064b5641c77a",
        "distance": "09b2289d13156c03",
    }


def test_ids_of_grouped_runs_differ_from_former_ones_by_recipes_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = grid().cells[0].runs[0]
    numbers = {"model": 1, "task": 1, "train": 2}
    assert identify("run", run.content, numbers) == run.run_id
    assert identify("run", run.content, numbers | {"train": 1}) == FORMER_IDS["runs"][0]
    use_former_recipes(monkeypatch)
    assert golden() == FORMER_IDS


@pytest.mark.parametrize("device", ["cpu", "cuda", "auto"])
def test_ids_are_the_same_on_every_device(device: str, tmp_path: Path) -> None:
    """The CPU's rule says which runs are grouped, wherever they are trained."""
    grids = [
        lay_out(experiment_of({"execution": execution, "load.width": [2, 64]}), Project(tmp_path))
        for execution in ({"device": device}, {})
    ]
    one, other = ([(cell.is_grouped, cell.cell_id) for cell in grid.cells] for grid in grids)
    assert one == other
    assert {is_grouped for is_grouped, _ in one} == {True, False}
    assert [run.run_id for run in grids[0].runs] == [run.run_id for run in grids[1].runs]


@pytest.mark.parametrize(
    ("width", "numbers", "others"),
    [
        (2, ConnectivityMetric.grouped_recipes, ConnectivityMetric.recipes),
        (64, ConnectivityMetric.recipes, ConnectivityMetric.grouped_recipes),
    ],
    ids=["grouped", "alone"],
)
def test_a_recipe_changes_only_the_ids_of_its_component(
    width: int,
    numbers: dict[str, int],
    others: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measure = Experiment.model_validate(BASE).measure

    def found() -> tuple[str, str, str]:
        runs = grid(load={"width": [width]}).cells[0].runs
        curve, hessian = of_pairs(runs, measure)[0], of_runs(runs, measure)[0]
        return runs[0].run_id, curve.measurement_id, hessian.measurement_id

    before = found()
    monkeypatch.setitem(others, "curve_fit", 99)
    assert found() == before
    monkeypatch.setitem(numbers, "curve_fit", 99)
    after = found()
    assert [one == other for one, other in zip(before, after)] == [True, False, True]


def test_values_in_effect_are_hashed() -> None:
    ids = [cell.cell_id for cell in grid().cells]
    everything = {"width": [2, 4], "samples": 1437}
    assert [cell.cell_id for cell in grid(load=everything).cells] == ids
    assert [cell.cell_id for cell in grid(load={"width": [2, 4], "pixel_noise": 0}).cells] == ids
    integer_rate = {"batch_size": [16, 32], "lr": 1}
    float_rate = {"batch_size": [16, 32], "lr": 1.0}
    assert (
        grid(temperature=integer_rate).cells[0].cell_id
        == grid(temperature=float_rate).cells[0].cell_id
    )


def test_seeds_are_a_count() -> None:
    """Adding a seed adds runs and changes no existing id."""
    few, more = grid(), grid(train={"seeds": 3})
    assert {run.run_id for run in few.runs} < {run.run_id for run in more.runs}
    assert len(more.runs) == 12


def test_a_first_seed_selects_runs_and_renames_none() -> None:
    """Seeds 1 and 2 are runs of the grid with seeds 0 to 3; the first one adds nothing to ids."""
    more, shifted = grid(train={"seeds": 4}), grid(train={"seeds": 2, "first_seed": 1})
    assert [run.seed for run in shifted.runs[:3]] == [1, 2, 1]
    expected = {run.run_id for run in more.runs if run.seed in (1, 2)}
    assert {run.run_id for run in shifted.runs} == expected
    assert [cell.cell_id for cell in shifted.cells] == [cell.cell_id for cell in more.cells]


def test_thresholds_and_report_settings_enter_no_run_id() -> None:
    ids = [run.run_id for run in grid().runs]
    assert [run.run_id for run in grid(classify={"train_loss": 1.0}).runs] == ids
    assert [run.run_id for run in grid(report={"title": "other"}).runs] == ids


def test_another_axis_value_changes_no_run_id() -> None:
    wider = grid(load={"width": [2, 4, 8]})
    assert {run.run_id for run in grid().runs} < {run.run_id for run in wider.runs}
    fixed = grid(load={"width": 2})
    assert {run.run_id for run in fixed.runs} < {run.run_id for run in grid().runs}


def custom_ids(code: str = "a" * 64, **settings: Any) -> set[str]:
    """The ids of the measurements of one custom metric on a cell."""
    chosen = {"name": "mine", "scope": "run", "function": "mine:metric", **settings}
    measure = experiment_of({"measure.custom": [chosen]}).measure
    specs = measurements_of(grid().cells[0].runs, measure, {chosen["function"]: code})
    return {spec.measurement_id for spec in specs if spec.metric == "custom"}


def test_the_id_of_a_custom_metric() -> None:
    """It depends on the source, function and constants, but not on the name in the catalog."""
    before = custom_ids()
    assert before == {"2e80f09c9f673ddf", "a52af46b0647f958"}, (
        "of the two runs; these must never change"
    )
    assert len(custom_ids(scope="pair")) == 1
    assert custom_ids(name="other") == custom_ids(args={}) == before
    renamed = [
        custom_ids(code="b" * 64),
        custom_ids(function="mine:other"),
        custom_ids(args={"epsilon": 1}),
        custom_ids(args={"epsilon": 2}),
        custom_ids(scope="pair"),
    ]
    every = [before, *renamed]
    assert len(set.union(*every)) == sum(map(len, every))


def test_a_custom_metric_changes_no_other_id() -> None:
    runs, plain = grid().cells[0].runs, experiment_of({}).measure
    chosen = {"name": "mine", "scope": "run", "function": "mine:metric"}
    measure = experiment_of({"measure.custom": [chosen]}).measure
    others = [
        spec.measurement_id
        for spec in measurements_of(runs, measure, {"mine:metric": "a" * 64})
        if spec.metric != "custom"
    ]
    assert others == [spec.measurement_id for spec in measurements_of(runs, plain, {})]
    assert "custom" not in plain.stored()
    assert "custom" in measure.stored()


def test_all_run_ids_are_distinct() -> None:
    cells = grid(load={"width": [2, 4], "label_noise": [0.0, 0.2]}, train={"seeds": 3}).runs
    assert len({run.run_id for run in cells}) == 2 * 2 * 2 * 3


def test_the_grid_follows_the_order_of_its_axes() -> None:
    found = grid()
    assert [axis.path for axis in found.axes] == ["load.width", "temperature.batch_size"]
    places = [
        (cell.values["load.width"], cell.values["temperature.batch_size"]) for cell in found.cells
    ]
    assert places == [(2, 16), (2, 32), (4, 16), (4, 32)]
    assert len(found.data) == 1
    assert len(found.landscapes) == 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_canonical_json_ignores_key_order(value: Any) -> None:
    def reversed_keys(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: reversed_keys(part[key]) for key in reversed(list(part))}
        return [reversed_keys(item) for item in part] if isinstance(part, list) else part

    assert canonical_json(value) == canonical_json(reversed_keys(value))


def test_canonical_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))


def test_seeds_differ_by_purpose() -> None:
    seeds = {derive_seed("data", purpose, 0) for purpose in ("curve", "hessian", "similarity")}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert identify("a", 1, {}) != identify("b", 1, {})


def test_pairs() -> None:
    runs = ["a", "b", "c", "d"]
    assert chosen_pairs(runs, "first") == [("a", "b")]
    assert chosen_pairs(runs, "ring") == [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    assert len(chosen_pairs(runs, "all")) == 6
    assert chosen_pairs(["a", "b"], "ring") == [("a", "b")]
    assert chosen_pairs(["a"], "first") == []


def ids(cell: Cell, measure: MeasureBase) -> dict[str, Any]:
    """Every id of a cell, its runs and their measurements, by kind."""
    items = [
        *losses_of(cell.runs, measure)[:1],
        *of_runs(cell.runs, measure)[:1],
        *of_pairs(cell.runs[:2], measure),
    ]
    found: dict[str, Any] = {
        "data": cell.landscape.data.data_id,
        "landscape": cell.landscape.landscape_id,
        "cell": cell.cell_id,
        "run": [run.run_id for run in cell.runs[:2]],
    }
    for item in items:  # of several probes, keep the primary one, which is the first
        found.setdefault(item.metric, item.measurement_id)
    return found


def first_ids(changes: dict[str, Any]) -> dict[str, Any]:
    """The ids of the first cell of the base experiment with values set at dotted paths."""
    return ids(grid_of(changes).cells[0], experiment_of(changes).measure)


def test_ids_are_hashes_of_the_documented_content() -> None:
    """Hashes of contents that are written out in full."""

    def hashed(kind: str, content: Any, *recipes: str) -> str:
        raised = {"curve_fit": 3, "curve_points": 3}  # a grouped fit, no batch norm
        numbers = {name: raised.get(name, 1) for name in recipes}
        named = {"kind": kind, "content": content, "recipes": numbers}
        text = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    data = {
        "dataset": {"name": "digits", "test_samples": 360, "seed": 0, "resize": 32},
        "source_checksum": "c",
        "samples": 500,
        "label_noise": 0.25,
        "pixel_noise": 0.0,
        "label_noise_mode": "any",
    }
    landscape = {
        "data": hashed("data", data, "data"),
        "model": {"name": "vgg11", "width": 3, "args": {"batch_norm": False}},
    }
    cell = {
        **landscape,
        "train": {
            "epochs": 7,
            "momentum": 0.5,
            "schedule": "step",
            "milestones": [0.5, 0.75],
            "factor": 0.2,
            "clip_norm": 1.0,
            "stop_tolerance": 0.0001,
            "stop_patience": 5,
        },
        "temperature": {"batch_size": 64, "lr": 0.1, "weight_decay": 0.0},
    }
    curve = {
        "metric": "connectivity",
        "runs": [hashed("run", {**cell, "seed": s}, "model", "task", "train") for s in (0, 1)],
        "snapshot": "last",
        "probe": {
            "control_points": 4,
            "init": "random",
            "updates": 30,
            "lr": 0.01,
            "batch_size": 128,
            "momentum": 0.9,
            "weight_decay": 0.0005,
            "points": 5,
        },
        "repeat": 0,
    }
    found = first_ids(
        {
            "dataset.resize": 32,
            "dataset.label_noise_mode": "any",
            "model": {"name": "vgg11", "args": {"batch_norm": False}},
            "load": {"width": [3], "samples": 500, "label_noise": 0.25},
            "temperature": {"batch_size": 64, "lr": 0.2, "weight_decay": 0},
            "train": {
                "seeds": 2,
                "epochs": 7,
                "momentum": 0.5,
                "schedule": "step",
                "milestones": [0.5, 0.75],
                "factor": 0.2,
                "clip_norm": 1,
                "linear_scaling": True,
            },
            "measure.snapshots": ["last"],
            "measure.connectivity": {"control_points": 4, "init": "random", "updates": 30},
        }
    )
    assert found["data"] == hashed("data", data, "data")
    assert found["landscape"] == hashed("landscape", landscape, "model", "task")
    assert found["cell"] == hashed("cell", cell, "model", "task", "train")
    assert found["run"] == curve["runs"]
    assert found["connectivity"] == hashed(
        "measurement", curve, "task", "curve_fit", "curve_points"
    )


MEASUREMENTS = {"loss", "hessian", "connectivity", "barrier", "similarity", "distance"}
# The kinds of ids that change together.
RENAMED: dict[str, set[str]] = {
    "nothing": set(),
    "data": {"data", "landscape", "cell", "run", *MEASUREMENTS},
    "landscape": {"landscape", "cell", "run", *MEASUREMENTS},
    "run": {"cell", "run", *MEASUREMENTS},
    "which run": {"run", *MEASUREMENTS},
    "measurements": MEASUREMENTS,
    "hessian": {"hessian"},
    "connectivity": {"connectivity"},
    "curve and line": {"connectivity", "barrier"},
    "similarity": {"similarity"},
}

CIFAR = {"dataset.name": "cifar10"}
SENTENCES = TEXT | {"dataset.name": "text_pairs"}
LARGE = {"dataset.resize": 32, "model.name": "vgg11"}
NOISY = {"load.label_noise": 0.1}
ADAM = {"train.optimizer": "adam"}
STEP = {"train.schedule": "step"}
UPDATES = {"train.stopping": "updates"}
CURVE_UPDATES = {"measure.connectivity.updates": 100}
AUTO = {"measure.connectivity.epochs": "auto"}
CHECKED = {"measure.connectivity.check": True}
PYHESSIAN = {"measure.hessian.backend": "pyhessian"}
PIXELS = {"measure.similarity.perturbation": "pixel_noise"}
PLAIN: dict[str, Any] = {}

# Other settings, the change, and which ids it changes.
CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (PLAIN, {"dataset.seed": 1}, "data"),
    (PLAIN, {"dataset.test_samples": 100}, "data"),
    (CIFAR, {"dataset.test_samples": "all"}, "data"),
    (CIFAR | {"dataset.test_samples": "all"}, {"dataset.test_samples": 10_000}, "nothing"),
    (CIFAR | {"dataset.test_samples": "all"}, {"dataset.test_samples": 9999}, "data"),
    (PLAIN, {"dataset.resize": 16}, "data"),
    (PLAIN, {"dataset.resize": [16, 8]}, "data"),
    (PLAIN, {"dataset.resize": 8}, "nothing"),  # their original size
    (PLAIN, {"dataset.resize": [8, 8]}, "nothing"),
    ({"dataset.resize": 32}, {"dataset.resize": [32, 32]}, "nothing"),
    (PLAIN, {"dataset.label_noise_mode": "any"}, "nothing"),
    (NOISY, {"dataset.label_noise_mode": "any"}, "data"),
    (PLAIN, {"dataset.root": "elsewhere"}, "nothing"),
    (PLAIN, {"dataset.path": "a/b.npz"}, "nothing"),
    (PLAIN, {"dataset.test_path": "a/c.npz"}, "nothing"),
    (PLAIN, {"dataset.languages": ["en", "de"]}, "nothing"),
    (PLAIN, {"dataset.vocabulary": 300}, "nothing"),
    (PLAIN, {"dataset.max_words": 20}, "nothing"),
    (TEXT, {"dataset.vocabulary": 300}, "data"),
    (TEXT, {"dataset.max_words": 20}, "nothing"),  # number words are short
    (SENTENCES, {"dataset.max_words": 20}, "data"),
    (CUSTOM_CODE, {"dataset.args": {"beta": 1.0}}, "data"),
    (CUSTOM_CODE | {"load.extra.beta": 2.0}, {"dataset.args": {"beta": 1.0}}, "nothing"),
    ({"dataset.task": "auto"}, {"dataset.task": "mine:task"}, "landscape"),
    (LARGE | {"model.name": "resnet18"}, {"model.name": "vgg11"}, "landscape"),
    (LARGE, {"model.args": {"batch_norm": False}}, "landscape"),
    (LARGE, {"model.args": {"batch_norm": True}}, "nothing"),
    (TEXT, {"model.args": {"n_layers": 2}}, "landscape"),
    (TEXT, {"model.args": {"n_layers": 6, "n_heads": 8, "feed_forward": 4}}, "nothing"),
    (TEXT, {"model.args": {"dropout": 0}}, "nothing"),
    (TEXT, {"model.args": {"dropout": 0.0}}, "nothing"),
    (TEXT | {"model.args": {"dropout": 0.1}}, {"model.args": {"dropout": 0.2}}, "landscape"),
    (TEXT, {"load.extra.n_layers": 6}, "nothing"),
    (TEXT | {"model.args": {"n_layers": 2}}, {"load.extra.n_layers": [2, 3]}, "nothing"),
    (TEXT, {"load.extra.n_layers": [2, 3]}, "landscape"),
    (TEXT, {"temperature.extra.dropout": 0}, "nothing"),
    (TEXT, {"temperature.extra.dropout": 0.1}, "run"),
    (TEXT | {"model.args": {"dropout": 0.1}}, {"temperature.extra.dropout": 0}, "run"),
    (CUSTOM_CODE, {"model.args": {"depth": 2}}, "landscape"),
    (CUSTOM_CODE | {"model.args": {"depth": 2}}, {"load.extra.depth": 2}, "nothing"),
    (CUSTOM_CODE, {"load.extra.depth": 2}, "landscape"),  # a parameter of the network
    (CUSTOM_CODE, {"load.extra.strength": 0.5}, "landscape"),  # a parameter of the task
    (CUSTOM_CODE, {"load.extra.beta": 2.0}, "data"),  # a parameter of both the dataset and the task
    (CUSTOM_CODE, {"temperature.extra.rate": 0.1}, "run"),
    (CUSTOM_CODE | {"temperature.extra.rate": 0.1}, {"temperature.extra.rate": 0.2}, "run"),
    (PLAIN, {"load.width": [3]}, "landscape"),
    (PLAIN, {"load.samples": 1437}, "nothing"),
    (PLAIN, {"load.samples": 500}, "data"),
    (PLAIN, {"load.label_noise": 0.1}, "data"),
    (PLAIN, {"load.pixel_noise": 10}, "data"),
    (PLAIN, {"load.pixel_noise": -0.0}, "nothing"),
    (PLAIN, {"temperature.batch_size": 64}, "run"),
    (PLAIN, {"temperature.lr": 0.1}, "run"),
    (PLAIN, {"temperature.weight_decay": 0.0}, "run"),
    (PLAIN, {"train.optimizer": "sgd"}, "nothing"),
    (PLAIN, ADAM, "run"),
    (PLAIN, {"train.momentum": 0.8}, "run"),
    (ADAM, {"train.momentum": 0.8}, "nothing"),
    (PLAIN, {"train.beta1": 0.8}, "nothing"),
    (PLAIN, {"train.beta2": 0.8}, "nothing"),
    (PLAIN, {"train.epsilon": 1e-6}, "nothing"),
    (ADAM, {"train.beta1": 0.8}, "run"),
    (ADAM, {"train.beta2": 0.8}, "run"),
    (ADAM, {"train.epsilon": 1e-6}, "run"),
    (PLAIN, {"train.schedule": "constant"}, "nothing"),
    (PLAIN, STEP, "run"),
    (PLAIN, {"train.schedule": "inverse_sqrt"}, "run"),
    (PLAIN, {"train.milestones": [0.5]}, "nothing"),
    (PLAIN, {"train.factor": 0.5}, "nothing"),
    (STEP, {"train.milestones": [0.5]}, "run"),
    (STEP, {"train.factor": 0.5}, "run"),
    ({"train.schedule": "inverse_sqrt"}, {"train.factor": 0.5}, "nothing"),
    (PLAIN, {"train.warmup": 0}, "nothing"),
    (PLAIN, {"train.warmup": 10}, "run"),
    (PLAIN, {"train.linear_scaling": True}, "run"),  # at batch 16
    (PLAIN, {"train.label_smoothing": 0}, "nothing"),
    (PLAIN, {"train.label_smoothing": 0.1}, "run"),
    (PLAIN, {"train.clip_norm": None}, "nothing"),
    (PLAIN, {"train.clip_norm": 1.0}, "run"),
    (PLAIN, {"train.augment": False}, "nothing"),
    (PLAIN, {"train.augment": True}, "run"),
    (PLAIN, {"train.stopping": "rule"}, "nothing"),
    (PLAIN, {"train.stopping": "epochs"}, "run"),
    (PLAIN, UPDATES, "run"),
    (PLAIN, {"train.updates": 900}, "nothing"),
    ({"train.stopping": "epochs"}, {"train.updates": 900}, "nothing"),
    (UPDATES, {"train.updates": 900}, "run"),
    (PLAIN, {"train.epochs": 3}, "run"),
    ({"train.stopping": "epochs"}, {"train.epochs": 3}, "run"),
    (UPDATES, {"train.epochs": 3}, "nothing"),
    (PLAIN, {"train.stop_tolerance": 1e-3}, "run"),
    (PLAIN, {"train.stop_patience": 6}, "run"),
    (PLAIN, {"train.stop_not_before": 0}, "nothing"),
    (PLAIN, {"train.stop_not_before": 30}, "run"),
    (PLAIN, {"train.seeds": 3}, "nothing"),
    (PLAIN, {"train.precision": "float32"}, "nothing"),
    (PLAIN, {"train.precision": "bf16"}, "run"),
    (PLAIN, {"train.first_seed": 0}, "nothing"),
    (PLAIN, {"train.first_seed": 1}, "which run"),
    (PLAIN, {"measure.snapshots": ["best_train_loss", "last", "best_test"]}, "nothing"),
    (PLAIN, {"measure.snapshots": ["last", "best_train_loss"]}, "measurements"),
    (PLAIN, {"measure.hessian.samples": 100}, "hessian"),
    (PLAIN, {"measure.hessian.max_iterations": 10}, "hessian"),
    (PLAIN, {"measure.hessian.tolerance": 1e-2}, "hessian"),
    (PLAIN, {"measure.hessian.backend": "pyhessian"}, "hessian"),
    (PLAIN, {"measure.hessian.trace_tolerance": 0.01}, "hessian"),
    (PYHESSIAN, {"measure.hessian.trace_tolerance": 0.01}, "nothing"),
    (PLAIN, {"measure.hessian.mode": "train"}, "hessian"),
    (PLAIN, {"measure.hessian.mode": "eval"}, "nothing"),
    (PLAIN, {"measure.hessian.batch_size": 50}, "hessian"),
    (PLAIN, {"measure.hessian.seed": 1}, "hessian"),
    (PLAIN, {"measure.hessian.density": True}, "nothing"),
    (PLAIN, {"measure.hessian.density_probes": 3}, "nothing"),
    (PLAIN, {"measure.hessian.density_steps": 9}, "nothing"),
    (PLAIN, {"measure.hessian.layers": True}, "nothing"),
    (PLAIN, {"measure.hessian.batches": 3}, "nothing"),  # further batches are further ids
    (PLAIN, {"measure.connectivity.name": "curve"}, "nothing"),
    (PLAIN, {"measure.connectivity": [{}, {"name": "b", "lr": 0.1}]}, "nothing"),
    (PLAIN, {"measure.connectivity.pairs": "all"}, "nothing"),
    (PLAIN, {"measure.connectivity.control_points": 3}, "nothing"),
    (PLAIN, {"measure.connectivity.control_points": 4}, "connectivity"),
    (PLAIN, {"measure.connectivity.init": "random"}, "connectivity"),
    (PLAIN, {"measure.connectivity.epochs": 5}, "connectivity"),
    (PLAIN, AUTO, "connectivity"),
    (PLAIN, {"measure.connectivity.convergence": 0.1}, "nothing"),
    (CHECKED, {"measure.connectivity.convergence": 0.1}, "nothing"),
    (AUTO, {"measure.connectivity.convergence": 0.5}, "nothing"),
    (AUTO, {"measure.connectivity.convergence": 0.1}, "connectivity"),
    (PLAIN, {"measure.connectivity.max_epochs": 100}, "nothing"),
    (AUTO, {"measure.connectivity.max_epochs": 400}, "nothing"),
    (AUTO, {"measure.connectivity.max_epochs": 100}, "connectivity"),
    (PLAIN, {"measure.connectivity.check": False}, "nothing"),
    (PLAIN, CHECKED, "connectivity"),
    (CURVE_UPDATES, CHECKED, "connectivity"),
    (AUTO, CHECKED, "nothing"),
    (PLAIN, {"measure.connectivity.updates": None}, "nothing"),
    (PLAIN, CURVE_UPDATES, "connectivity"),
    (CURVE_UPDATES, {"measure.connectivity.updates": 200}, "connectivity"),
    (CURVE_UPDATES, {"measure.connectivity.epochs": 5}, "nothing"),
    (PLAIN, {"measure.connectivity.lr": 0.1}, "connectivity"),
    (PLAIN, {"measure.connectivity.batch_size": 64}, "curve and line"),
    (PLAIN, {"measure.connectivity.momentum": 0.0}, "connectivity"),
    (PLAIN, {"measure.connectivity.weight_decay": 0.0}, "connectivity"),
    (PLAIN, {"measure.connectivity.points": 7}, "curve and line"),
    (PLAIN, {"measure.connectivity.refine": 2}, "connectivity"),
    (PLAIN, {"measure.connectivity.repeats": 2}, "nothing"),
    (PLAIN, {"measure.similarity.name": "likeness"}, "nothing"),
    (PLAIN, {"measure.similarity": [{}, {"name": "b", "alpha": 1.0}]}, "nothing"),
    (PLAIN, {"measure.similarity.samples": 100}, "similarity"),
    (PLAIN, PIXELS, "similarity"),
    (PLAIN, {"measure.similarity.alpha": 1.0}, "similarity"),
    (PIXELS, {"measure.similarity.alpha": 1.0}, "nothing"),
    (PLAIN, {"measure.similarity.coefficient": "sample"}, "nothing"),
    (PLAIN, {"measure.similarity.coefficient": "batch"}, "similarity"),
    (PIXELS, {"measure.similarity.coefficient": "batch"}, "nothing"),
    (PLAIN, {"measure.similarity.noise": 10}, "nothing"),
    (PIXELS, {"measure.similarity.noise": 10}, "similarity"),
    (PLAIN, {"measure.similarity.rate": 0.2}, "nothing"),
    (TEXT, {"measure.similarity.rate": 0.2}, "similarity"),
    (TEXT, {"measure.similarity.noise": 10}, "nothing"),
    (PLAIN, {"measure.similarity.draw": "shared"}, "nothing"),
    (PLAIN, {"measure.similarity.draw": "pair"}, "similarity"),
    (PLAIN, {"measure.similarity.layer": None}, "nothing"),
    (PLAIN, {"measure.similarity.layer": "layer3"}, "similarity"),
    (PLAIN, {"measure.similarity.seed": 0}, "nothing"),
    (PLAIN, {"measure.similarity.seed": 1}, "similarity"),
    (PLAIN, {"classify.hessian.threshold": 3.0}, "nothing"),
    (PLAIN, {"report.x": "load.width", "report.x_scale": "log"}, "nothing"),
    (PLAIN, {"execution": {"device": "cpu", "workers": 3}}, "nothing"),
    (PLAIN, {"variants": {"decay": {"train.schedule": "step"}}}, "nothing"),
]


@pytest.mark.parametrize(
    ("context", "change", "level"),
    CASES,
    ids=[f"{n}: {', '.join(change)} renames {level}" for n, (_, change, level) in enumerate(CASES)],
)
def test_which_ids_a_change_affects(
    context: dict[str, Any], change: dict[str, Any], level: str
) -> None:
    before, after = first_ids(context), first_ids(context | change)
    assert {kind for kind in before if before[kind] != after[kind]} == RENAMED[level]


@pytest.mark.parametrize(
    ("section", "path"),
    [
        (Dataset, "dataset"),
        (Model, "model"),
        (Load, "load"),
        (Temperature, "temperature"),
        (Train, "train"),
        (HessianSettings, "measure.hessian"),
        (ConnectivitySettings, "measure.connectivity"),
        (SimilaritySettings, "measure.similarity"),
    ],
)
def test_every_field_has_a_case(section: type[Section], path: str) -> None:
    changed = {name for _, change, _ in CASES for name in change}
    covered = {field for field in section.model_fields if any(
        name == f"{path}.{field}" or name.startswith(f"{path}.{field}.") for name in changed
    )}  # fmt: skip
    assert set(section.model_fields) - covered <= {"name"}


@pytest.mark.parametrize("batch_size", [16, 96, 128, 1000])
@pytest.mark.parametrize("lr", [0.05, 0.1, 0.37])
def test_linear_scaling_is_a_rate(batch_size: int, lr: float) -> None:
    temperature = {"temperature.batch_size": batch_size}
    scaled = first_ids(temperature | {"temperature.lr": lr, "train.linear_scaling": True})
    given_directly = first_ids(temperature | {"temperature.lr": lr * batch_size / 128})
    plain = first_ids(temperature | {"temperature.lr": lr})
    assert scaled == given_directly
    assert (scaled == plain) == (batch_size == 128)


def test_linear_scaling_along_an_axis() -> None:
    """Only the cells at batch size 128 equal those without scaling."""
    batches = {"temperature.batch_size": [64, 128, 256]}
    plain = {run.run_id for run in grid_of(batches).runs}
    scaled = {
        cell.temperature["batch_size"]: {run.run_id for run in cell.runs}
        for cell in grid_of(batches | {"train.linear_scaling": True}).cells
    }
    assert {batch for batch, runs in scaled.items() if runs <= plain} == {128}
    assert all(not runs & plain for batch, runs in scaled.items() if batch != 128)


def test_a_constant_that_the_temperature_overrides() -> None:
    """An axis that sets dropout from 0.1 back to 0 gives other runs than dropout 0.1."""
    constant = TEXT | {"model.args": {"dropout": 0.1}}
    axis = constant | {"temperature.extra.dropout": [0.0, 0.1, 0.2]}
    rates = {
        cell.temperature["extra"]["dropout"]: cell.model_args["dropout"]
        for cell in grid_of(axis).cells
    }
    assert rates == {0.0: 0.0, 0.1: 0.1, 0.2: 0.2}
    runs = [run.run_id for run in grid_of(axis).runs]
    assert len(set(runs)) == len(runs)


def test_probes_have_their_own_ids() -> None:
    """The id of a probe does not depend on its position in the list."""
    ways = [{"name": "one", "lr": 0.1}, {"name": "two", "lr": 0.2}, {"name": "three", "lr": 0.3}]
    found = []
    for order in itertools.permutations(ways):
        measure = experiment_of({"measure.connectivity": list(order)}).measure
        runs = grid().cells[0].runs
        needed = [n for n in of_pairs(runs, measure) if n.metric == "connectivity"]
        found.append({n.settings.lr: n.measurement_id for n in needed})  # type: ignore[union-attr]
    assert all(one == found[0] for one in found)
    assert len(set(found[0].values())) == 3


# Realistic grids, also on published datasets; pinned when their settings were introduced.
GOLDEN_SETTINGS: dict[str, dict[str, Any]] = {
    "vgg11": {
        "dataset.resize": 32,
        "model": {"name": "vgg11", "args": {"batch_norm": False}},
        "load.label_noise": 0.1,
        "dataset.label_noise_mode": "any",
    },
    "transformer": TEXT
    | {
        "model.args": {"n_layers": 2},
        "train": {
            "seeds": 2,
            "optimizer": "adam",
            "stopping": "updates",
            "updates": 2000,
            "schedule": "inverse_sqrt",
            "warmup": 200,
            "label_smoothing": 0.1,
        },
        "measure.snapshots": ["last"],
    },
    "step decay": {
        "train.schedule": "step",
        "train.stopping": "epochs",
        "train.epochs": 100,
        "train.stop_not_before": 30,
        "train.augment": True,
    },
    "cubic random curve": {
        "measure.connectivity": {"control_points": 4, "init": "random", "updates": 390}
    },
    "curve of automatic length": AUTO | {"measure.connectivity.convergence": 0.25},
    "checked curve": CHECKED,
    "pixel-noise similarity": {
        "measure.similarity": {"perturbation": "pixel_noise", "noise": 20.0, "layer": "layer3"}
    },
    "cifar10": {"dataset.name": "cifar10", "dataset.test_samples": "all"},
    "wide": {"load.width": 64},
    "adam": {"train.optimizer": "adam"},
    "odd batches": {"temperature.batch_size": 20, "measure.connectivity.batch_size": 100},
    "wide, odd batches": {
        "load.width": 64,
        "temperature.batch_size": 20,
        "measure.connectivity.batch_size": 100,
    },
}
# Those of results before networks were computed side by side.
GOLDEN: dict[str, dict[str, str]] = {
    "vgg11": {
        "data": "007b9157ebae0106",
        "landscape": "9751c4d24ec1eff9",
        "cell": "bf69eb099a50ee87",
        "connectivity": "fda03a3e4d435516",
        "similarity": "2c6cc89ec7d4e557",
        "run": "185c2b31ef07fbd5",
    },
    "transformer": {
        "data": "29b919fb3755f12d",
        "landscape": "8a3d9e2e8c0bba15",
        "cell": "31c9875a524898c9",
        "connectivity": "389bf2757ba3802a",
        "similarity": "ea9e943fe21785bb",
        "run": "13c6e823e3352517",
    },
    "step decay": {
        "data": "7ea17d0ffba84890",
        "landscape": "2eb178563abbbbf5",
        "cell": "2cb1ed15207ddb39",
        "connectivity": "6557038f4f9fbf8e",
        "similarity": "fe70915efc5e588b",
        "run": "8b7d3e358a646830",
    },
    "cubic random curve": {
        "data": "7ea17d0ffba84890",
        "landscape": "2eb178563abbbbf5",
        "cell": "443a5f28b61133d6",
        "connectivity": "6e88cbf1ec21c695",
        "similarity": "7ab40ed9c1abd32e",
        "run": "434c5d896f964f93",
    },
    "curve of automatic length": {
        "data": "7ea17d0ffba84890",
        "landscape": "2eb178563abbbbf5",
        "cell": "443a5f28b61133d6",
        "connectivity": "284fc973ccb41dca",
        "similarity": "7ab40ed9c1abd32e",
        "run": "434c5d896f964f93",
    },
    "checked curve": {
        "data": "7ea17d0ffba84890",
        "landscape": "2eb178563abbbbf5",
        "cell": "443a5f28b61133d6",
        "connectivity": "5f269d3b11f2bd6a",
        "similarity": "7ab40ed9c1abd32e",
        "run": "434c5d896f964f93",
    },
    "pixel-noise similarity": {
        "data": "7ea17d0ffba84890",
        "landscape": "2eb178563abbbbf5",
        "cell": "443a5f28b61133d6",
        "connectivity": "da184c59284dadf3",
        "similarity": "6904f0b8482575fc",
        "run": "434c5d896f964f93",
    },
    "cifar10": {
        "data": "a840a91f2e88d17a",
        "landscape": "1f07fab79f54f317",
        "cell": "c5df8eefe07d2d45",
        "connectivity": "6d8ac469ba4a3441",
        "similarity": "251bcf59817d6ad8",
        "run": "9cf101b607e47c3a",
    },
    "wide": {
        "data": "7ea17d0ffba84890",
        "landscape": "3b603d6cab6fed8f",
        "cell": "5ae028aef2b483db",
        "connectivity": "27a3e90d541860d4",
        "similarity": "0edfb9379fb705f0",
        "run": "d8f4ee4bee55d086",
    },
    "adam": {
        "data": "7ea17d0ffba84890",
        "landscape": "2eb178563abbbbf5",
        "cell": "042314194d5d9b73",
        "connectivity": "b36cdeabc6976926",
        "similarity": "a17015b8d543878a",
        "run": "e7e6798df99c3c4c",
    },
    "odd batches": {
        "data": "7ea17d0ffba84890",
        "landscape": "2eb178563abbbbf5",
        "cell": "f3ad625c9f3b9539",
        "connectivity": "8b8d0b8faf7a4a89",
        "similarity": "f81a378294bb815f",
        "run": "ebef0b2090e58080",
    },
    "wide, odd batches": {
        "data": "7ea17d0ffba84890",
        "landscape": "3b603d6cab6fed8f",
        "cell": "dae1d9b9a3bfb776",
        "connectivity": "7e771b27d34034c8",
        "similarity": "d8c735ce791fcb4e",
        "run": "a121f3107b070119",
    },
}
# Ids that are new since then, because networks are computed side by side, or were and no longer are.
GROUPED: dict[str, dict[str, str]] = {
    "vgg11": {
        "cell": "6465305001d70913",
        "connectivity": "49955fe4e8ae7f04",
        "similarity": "2f4ecb310a85ecb5",
        "run": "5da0a57d6ef25a29",
    },
    "step decay": {
        "connectivity": "4655ec635b9817a4",
    },
    "cubic random curve": {
        "cell": "d2e9edf00c4a1a50",
        "connectivity": "9d2994068bfab31f",
        "similarity": "1e5948f979723f1a",
        "run": "5da13c3d0e946fc2",
    },
    "curve of automatic length": {
        "cell": "d2e9edf00c4a1a50",
        "connectivity": "423a1608796ca04c",
        "similarity": "1e5948f979723f1a",
        "run": "5da13c3d0e946fc2",
    },
    "checked curve": {
        "cell": "d2e9edf00c4a1a50",
        "connectivity": "7ce2eb0f243995a2",
        "similarity": "1e5948f979723f1a",
        "run": "5da13c3d0e946fc2",
    },
    "pixel-noise similarity": {
        "cell": "d2e9edf00c4a1a50",
        "connectivity": "97d07331550e6dcd",
        "similarity": "8def0bf39525c20d",
        "run": "5da13c3d0e946fc2",
    },
    "cifar10": {
        "cell": "e1974432379d7fdc",
        "connectivity": "1f622474eae4912b",
        "similarity": "cea8ba6776dfa80c",
        "run": "ff4d4f6b9c9fdd2e",
    },
    "adam": {
        "connectivity": "5bac0c1c4bf55fa5",
    },
    "odd batches": {
        "connectivity": "56dcd3056f9e395c",
    },
}


def golden_of(setting: str, project: Project) -> dict[str, str]:
    experiment = experiment_of(GOLDEN_SETTINGS[setting])
    found = ids(lay_out(experiment, project).cells[0], experiment.measure)
    kinds = ("data", "landscape", "cell", "connectivity", "similarity")
    return {kind: found[kind] for kind in kinds} | {"run": found["run"][0]}


@pytest.mark.parametrize("setting", GOLDEN_SETTINGS)
def test_golden_ids_of_later_settings(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These must never change either; those of what is computed alone are the former ones."""
    assert golden_of(setting, Project(tmp_path)) == GOLDEN[setting] | GROUPED.get(setting, {})
    use_former_recipes(monkeypatch)
    assert golden_of(setting, Project(tmp_path)) == GOLDEN[setting]


NETWORK = """\
def network(width, input_shape, n_outputs, depth=2, rate=0.0):
    raise NotImplementedError
"""
DATA = """\
import numpy as np

def data(beta=1.0):
    return {"inputs": np.ones((300, 2)) * beta, "targets": np.arange(300) % 2}

data.version = "1"
"""
TASK = "def task(strength=1.0, beta=1.0):\n    raise NotImplementedError\n"


@pytest.fixture
def custom(custom_code: Own) -> Own:
    """A custom network, dataset and task, each in a separate top-level module."""
    custom_code.write("id_network", NETWORK)
    custom_code.write("id_data", DATA)
    custom_code.write("id_task", TASK)
    return custom_code


def custom_code_ids(custom: Own, **more: Any) -> dict[str, Any]:
    experiment = experiment_of(
        {
            "dataset": {"name": "id_data:data", "task": "id_task:task", "test_samples": 100},
            "model.name": "id_network:network",
            "measure.hessian.samples": 50,
            "measure.connectivity.batch_size": 50,
            **more,
        }
    )
    return ids(lay_out(experiment, custom.project).cells[0], experiment.measure)


@pytest.mark.parametrize(
    ("module", "level"),
    [("id_network", "landscape"), ("id_task", "landscape"), ("id_data", "data")],
)
def test_a_change_of_custom_code_changes_the_ids_that_depend_on_it(
    custom: Own, module: str, level: str
) -> None:
    before = custom_code_ids(custom)
    text = custom.path(module).read_text()
    custom.path(module).write_text(text + "# other\n")
    after = custom_code_ids(custom)
    assert {kind for kind in before if before[kind] != after[kind]} == RENAMED[level]
    custom.path(module).write_text(text)
    assert custom_code_ids(custom) == before


def test_other_custom_files_enter_no_id(custom: Own) -> None:
    before = custom_code_ids(custom)
    custom.write("id_bystander", "x = 1\n")
    assert custom_code_ids(custom) == before


def test_extra_parameters_enter_the_ids_of_the_functions_that_take_them(custom: Own) -> None:
    """The parameters are read from the signatures of the functions."""
    before = custom_code_ids(custom)
    for change, level in (
        ({"load.extra.depth": 3}, "landscape"),
        ({"load.extra.strength": 2.0}, "landscape"),
        ({"load.extra.beta": 2.0}, "data"),
        ({"temperature.extra.rate": 0.5}, "run"),
    ):
        after = custom_code_ids(custom, **change)
        renamed = {kind for kind in before if before[kind] != after[kind]}
        assert renamed == RENAMED[level], change


def test_what_a_dataset_function_reads_is_hashed(custom: Own) -> None:
    (custom.project.root / "numbers.txt").write_text("1 2 3")
    custom.write("id_data", DATA.replace("data.version = ", "data.files = 'numbers.txt' #"))
    before = custom_code_ids(custom)
    (custom.project.root / "numbers.txt").write_text("1 2 4")
    after = custom_code_ids(custom)
    assert {kind for kind in before if before[kind] != after[kind]} == RENAMED["data"]


def test_the_checksum_of_custom_code_is_part_of_the_content(custom: Own) -> None:
    experiment = experiment_of({"model.name": "id_network:network"})
    landscape = lay_out(experiment, custom.project).cells[0].landscape
    assert landscape.model_content == {
        "name": "id_network:network",
        "width": 2,
        "code": code_checksum("id_network:network", custom.project.custom),
    }
    assert landscape.model_content["code"] == custom.expected_checksum("id_network")


@settings(deadline=None)
@given(st.floats(1e-6, 10), st.integers(2, 4096))
def test_the_learning_rate_in_effect(lr: float, batch_size: int) -> None:
    train = Train(linear_scaling=True)
    assert train.rate(lr, 128) == lr
    assert math.isclose(train.rate(lr, batch_size) * 128, lr * batch_size, rel_tol=1e-12)
    assert Train().rate(lr, batch_size) == lr
