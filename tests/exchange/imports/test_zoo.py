"""Directories in the layout of the Phase Transition Model Zoo, with its traps."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import polars as pl
import pytest

from landscape_catalog.exchange.imports.zoo import read_zoo
from landscape_catalog.exchange.imports.zoo_files import read_zoo_files
from tests.exchange.imports.sources import (
    MEASURED,
    refused,
    tables,
    write_model,
    write_zoo,
    zoo_line,
)

STORED = {
    "cka": "representation_similarity",
    "log_top_eigenvalue": "log_hessian_top_ev",
    "log_trace": "log_hessian_trace_train",
    "log_hessian_trace": "log_hessian_trace",
    "log_hessian_top_ev_val": "log_hessian_top_ev_val",
    "mode_connectivity": "curve_mc_train_error",
    "curve_mc_test_error": "curve_mc_test_error",
    "wiseft_acc_test": "wiseft_acc_test",
}


def cell_rows(found: dict[str, pl.DataFrame], width: int = 2, probe: str = "primary") -> dict:
    joined = found["cell_metrics"].join(found["cells"], "cell_id").filter(width=width, probe=probe)
    return {row["metric"]: row for row in joined.iter_rows(named=True)}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    return tables("zoo", write_zoo(tmp_path_factory.mktemp("zoo") / "zoo"))


def test_a_number_of_the_cell_is_one_observation_not_three(zoo: dict[str, pl.DataFrame]) -> None:
    found = cell_rows(zoo)
    for name, key in STORED.items():
        row = found.pop(name)
        assert (row["mean"], row["n"], row["sd"]) == (MEASURED[key], None, None)
        assert row["method"].startswith("after epoch 3: published for the cell as the mean")
    assert set(zoo["estimates"]["metric"]) == set(found)
    assert all(name.startswith(("train_", "test_")) for name in found)


def test_methods_say_what_differs_from_the_paper(zoo: dict[str, pl.DataFrame]) -> None:
    found = cell_rows(zoo)
    assert "640 training samples (not 200)" in found["log_trace"]["method"]
    assert "640 test samples" in found["log_hessian_trace"]["method"]
    assert "test images as they are (not of outputs on mixup)" in found["cka"]["method"]
    assert "10 epochs at lr 0.1 (not 50 at 0.01)" in found["mode_connectivity"]["method"]
    assert "in train mode" in found["train_loss"]["method"]


def test_losses_are_those_of_the_measured_epoch(zoo: dict[str, pl.DataFrame]) -> None:
    line, row = zoo_line(3), cell_rows(zoo)
    assert row["train_loss"]["mean"] == pytest.approx(line["train_loss"], rel=1e-15)
    assert row["test_accuracy"]["mean"] == pytest.approx(100 * line["test_acc"])
    assert row["test_error"]["mean"] == pytest.approx(100 - 100 * line["test_acc"])
    assert row["train_loss"]["n"] == 3
    runs = zoo["runs"]
    assert runs["train_loss"].to_list() == [line["train_loss"]] * 6
    assert set(runs["n_epochs"]) == {3}
    assert set(runs["status"]) == {"converged"}


def test_histories_begin_after_the_first_epoch(zoo: dict[str, pl.DataFrame]) -> None:
    assert zoo["epochs"].height == 6 * 3
    for epoch, own in zoo["epochs"].group_by("epoch"):
        line = zoo_line(*epoch)
        assert set(own["train_loss"]) == {line["train_loss"]}
        assert set(own["test_error"]) == {100 - 100 * line["test_acc"]}


def test_the_experiment(zoo: dict[str, pl.DataFrame]) -> None:
    experiment = zoo["experiments"].row(0, named=True)
    assert (experiment["dataset"], experiment["model"]) == ("cifar10", "resnet50")
    assert (experiment["n_cells"], experiment["n_runs"]) == (2, 6)
    spec = json.loads(experiment["spec"])
    assert spec["temperature"] == {"batch_size": 8, "lr": 0.1, "weight_decay": 5e-4}
    assert spec["train"]["epochs"] == 3
    assert spec["measure"]["snapshots"] == ["epoch_3"]
    assert zoo["landscapes"]["frequency_loss"].to_list() == [math.log(10)] * 2
    assert zoo["landscapes"]["n_test"].null_count() == 2


def test_the_batch_size_is_that_of_the_parameters_not_of_the_history(tmp_path: Path) -> None:
    """Where gradients are accumulated, the history repeats the micro-batch (4)."""
    write_model(tmp_path / "zoo", batch_size=512)
    assert '"training::batchsize": 4' in next(tmp_path.rglob("result.json")).read_text()
    assert tables("zoo", tmp_path / "zoo")["cells"]["batch_size"].to_list() == [512]


@pytest.mark.parametrize(
    "name",
    [
        "NN_tune_ab12_00001_1_batchsize=16,seed=2,width=64_2024-01-01_00-00-00",
        "NN_model::width=64,seed=2,training::batchsize=16",
        "x_seed=2_model__width=64_training__batchsize=16",
    ],
)
def test_the_name_of_a_folder_tells_what_parameters_do_not(name: str, tmp_path: Path) -> None:
    other = {"model::type": "Resnet18_width"}
    place = write_model(tmp_path / "zoo", name=name, parameters=other)
    (model,) = read_zoo_files(tmp_path / "zoo").models
    assert model == (64, 16, 2)
    (place / "params.json").rename(place / "config.json")
    assert list(read_zoo_files(tmp_path / "zoo").models) == [(64, 16, 2)]
    (place / "config.json").unlink()
    assert list(read_zoo_files(tmp_path / "zoo").models) == [(64, 16, 2)]


def test_a_bare_nan_is_missing(tmp_path: Path) -> None:
    lines = [zoo_line(0), zoo_line(1, **{**MEASURED, "log_hessian_trace_train": math.nan})]
    for seed in range(3):
        place = write_model(tmp_path / "zoo", seed=seed, lines=lines)
    assert "NaN" in (place / "result.json").read_text()
    row = cell_rows(tables("zoo", tmp_path / "zoo"))["log_trace"]
    assert (row["mean"], row["status"], row["n"]) == (None, "missing", 0)
    assert row["reason"] == "it was published as NaN"


def test_of_a_run_that_was_repeated_the_longest_counts(tmp_path: Path) -> None:
    short = [zoo_line(k, test_loss=9.0) for k in range(2)]
    write_model(tmp_path / "zoo", name="a_first", lines=short)
    write_model(tmp_path / "zoo", name="b_whole")
    write_model(tmp_path / "zoo", name="c_again", lines=short)
    grid = read_zoo(tmp_path / "zoo")
    assert [cell.n_runs for cell in grid.cells] == [1]
    assert (
        grid.notes[-1] == "folders of a model that another one ran longer: 2 ('a_first', 'c_again')"
    )
    assert tables("zoo", tmp_path / "zoo")["runs"]["n_epochs"].to_list() == [3]


def test_incomplete_runs_and_cells(tmp_path: Path) -> None:
    zoo = write_zoo(tmp_path / "zoo")
    shutil.rmtree(zoo / "NN_2_8_0_2024-01-01")  # a run that is not there
    cut = zoo / "NN_2_8_1_2024-01-01" / "result.json"  # one that ended early
    cut.write_text("\n".join(cut.read_text().splitlines()[:2]) + '\n{"train_loss": 0.')
    (zoo / "NN_4_8_0_2024-01-01" / "result.json").write_text("")  # one that never began
    grid = read_zoo(zoo)
    assert [cell.n_runs for cell in grid.ordered_cells] == [2, 2]
    assert {note.rsplit(": ", 1)[0]: note.rsplit(": ", 1)[1] for note in grid.notes[2:]} == {
        "folders without a readable history": "1 ('NN_4_8_0_2024-01-01')",
        "folders with lines that cannot be read": "1 ('NN_2_8_1_2024-01-01')",
        "models that did not reach epoch 3": "1 ('NN_2_8_1_2024-01-01')",
    }
    found = tables("zoo", zoo)
    row = cell_rows(found)
    assert (row["cka"]["mean"], row["train_loss"]["n"]) == (0.625, 1)
    runs = found["runs"].join(found["cells"], "cell_id").filter(width=2).sort("seed")
    assert runs["status"].to_list() == [None, "converged"]
    assert runs["n_epochs"].to_list() == [1, 3]


def test_missing_lines_do_not_shift_the_others(tmp_path: Path) -> None:
    lines = [zoo_line(0), zoo_line(2), zoo_line(3, **MEASURED)]
    write_model(tmp_path / "zoo", lines=lines)
    found = tables("zoo", tmp_path / "zoo")
    assert found["epochs"]["epoch"].to_list() == [2, 3]
    assert cell_rows(found)["cka"]["method"].startswith("after epoch 3")


def test_iterations_that_count_from_one(tmp_path: Path) -> None:
    lines = [zoo_line(k, **(MEASURED if k == 2 else {})) for k in range(3)]
    for line in lines:
        line["training_iteration"] += 1
    write_model(tmp_path / "zoo", lines=lines)
    assert read_zoo(tmp_path / "zoo").notes[0] == "measured after epoch 2"
    for line in lines:
        del line["training_iteration"]
    shutil.rmtree(tmp_path / "zoo")
    write_model(tmp_path / "zoo", lines=lines)
    assert read_zoo(tmp_path / "zoo").notes[0] == "measured after epoch 2"


def test_a_second_measured_epoch_is_a_probe_of_its_own(tmp_path: Path) -> None:
    for seed in range(2):
        lines = [zoo_line(k) for k in range(4)]
        lines[2] |= {"representation_similarity": 0.25}
        lines[3] |= MEASURED
        write_model(tmp_path / "zoo", seed=seed, lines=lines)
    found = tables("zoo", tmp_path / "zoo")
    assert cell_rows(found)["cka"]["mean"] == 0.625
    second = cell_rows(found, probe="epoch_2")
    assert second["cka"]["mean"] == 0.25
    assert second["train_loss"]["mean"] == pytest.approx(zoo_line(2)["train_loss"])
    assert "log_trace" not in second
    spec = json.loads(found["experiments"]["spec"].item())
    assert spec["measure"]["snapshots"] == ["epoch_3", "epoch_2"]


def test_runs_of_a_cell_that_disagree(tmp_path: Path) -> None:
    for seed, value in enumerate((0.5, 0.625)):
        lines = [zoo_line(0), zoo_line(1, **{**MEASURED, "representation_similarity": value})]
        write_model(tmp_path / "zoo", seed=seed, lines=lines)
    row = cell_rows(tables("zoo", tmp_path / "zoo"))["cka"]
    assert row["mean"] is None
    assert row["reason"] == "all runs of a cell should have one number, and have 0.5, 0.625"


def test_a_run_no_better_than_guessing_has_not_converged(tmp_path: Path) -> None:
    bad = [zoo_line(0), zoo_line(1, **MEASURED, train_loss=2.5)]
    write_model(tmp_path / "zoo", seed=0, lines=bad)
    write_model(tmp_path / "zoo", seed=1, lines=[zoo_line(0), zoo_line(1, **MEASURED)])
    found = tables("zoo", tmp_path / "zoo")
    assert found["cells"].select("n_runs", "n_converged").row(0) == (2, 1)
    assert cell_rows(found)["train_loss"]["mean"] == zoo_line(1)["train_loss"]


def test_what_is_no_zoo_is_refused(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    assert "there is no folder" in refused(tmp_path, "zoo", zoo)
    zoo.mkdir()
    assert "has no model" in refused(tmp_path, "zoo", zoo)
    (zoo / "m").mkdir()
    (zoo / "m" / "result.json").write_text(json.dumps(zoo_line(0)))
    message = refused(tmp_path, "zoo", zoo)
    assert "has no model" in message
    assert "folders that do not say width, batch size and seed: 'm'" in message
    place = write_model(zoo, lines=[zoo_line(0), zoo_line(1)])
    assert "no model has measurements" in refused(tmp_path, "zoo", zoo)
    (place / "params.json").unlink()
    (place / "params.json").symlink_to("/etc/passwd")
    assert "is a symbolic link, which is not followed" in refused(tmp_path, "zoo", zoo)


DAMAGED = {
    "empty": b"",
    "cut off": b'{"model::width": 2, ',
    "no object": b"[]",
    "no text": b"\xff\xfe",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.parametrize("named", [True, False])
def test_damaged_parameters_do_not_refuse_the_zoo(case: str, named: bool, tmp_path: Path) -> None:
    """A run that crashed early: it is known by the name of its folder, or left out by name."""
    zoo = write_zoo(tmp_path / "zoo")
    name = "NN_width=4,batchsize=8,seed=7" if named else "NN_crashed"
    place = write_model(zoo, name=name)
    (place / "params.json").write_bytes(DAMAGED[case])
    grid = read_zoo(zoo)
    assert [cell.n_runs for cell in grid.ordered_cells] == [3, 4 if named else 3]
    words = (
        "folders with damaged parameters, known by their names"
        if named
        else "folders that do not say width, batch size and seed"
    )
    assert grid.notes[2:] == (f"{words}: 1 ('{name}')",)
    assert (grid.model, grid.dataset, grid.landscape["n_classes"]) == ("resnet50", "cifar10", 10)


@pytest.mark.parametrize("key", ["model::type", "model::o_dim", "optim::lr", "dataset::dump", None])
def test_folders_with_and_without_parameters_are_one_zoo(key: str | None, tmp_path: Path) -> None:
    zoo = write_zoo(tmp_path / "zoo")
    for seed in range(3, 8):
        place = write_model(zoo, name=f"width=2,batchsize=8,seed={seed}", seed=seed)
        if key is None:
            (place / "params.json").unlink()
        else:
            known = json.loads((place / "params.json").read_text())
            del known[key]
            (place / "params.json").write_text(json.dumps(known))
    grid = read_zoo(zoo)
    assert [cell.n_runs for cell in grid.ordered_cells] == [8, 3]
    assert (grid.model, grid.dataset, grid.landscape["n_classes"]) == ("resnet50", "cifar10", 10)
    assert grid.fixed == {"temperature.lr": 0.1, "temperature.weight_decay": 5e-4}
    first = ", ".join(f"'width=2,batchsize=8,seed={seed}'" for seed in (3, 4, 5))
    noted = f"folders without parameters, known by their names: 5 ({first} and 2 more)"
    assert grid.notes[2:] == (() if key else (noted,))


def test_a_zoo_of_names_alone_has_no_network(tmp_path: Path) -> None:
    place = write_model(tmp_path / "zoo", name="width=2,batchsize=8,seed=3")
    (place / "params.json").unlink()
    grid = read_zoo(tmp_path / "zoo")
    assert (grid.model, grid.dataset, grid.landscape, grid.fixed) == (None, None, {}, {})
    assert grid.settings["report"]["title"] == "zoo: a zoo"


WHOLE = {
    "with a decimal point": (2.0, 2),
    "whole": (2, 2),
    "a fraction": (2.5, 64),
    "text": ("2", 64),
    "a truth value": (True, 64),
    "null": (None, 64),
    "not a number": (math.nan, 64),
    "infinite": (math.inf, 64),
}


@pytest.mark.parametrize("key", ["model::width", "training::batchsize", "seed"])
@pytest.mark.parametrize("case", WHOLE)
def test_whole_numbers_may_have_a_decimal_point(case: str, key: str, tmp_path: Path) -> None:
    """What is no whole number is taken from the name of the folder."""
    value, expected = WHOLE[case]
    known = {"model::width": 3, "training::batchsize": 16, "seed": 5} | {key: value}
    write_model(tmp_path / "zoo", name="width=64,batchsize=64,seed=64", parameters=known)
    (found,) = read_zoo_files(tmp_path / "zoo").models
    assert found == tuple(({**known, key: expected}).values())


SEVERAL = {
    "networks": ({"model::type": "Resnet18_width"}, "kinds of networks: 'Resnet18_width', 'Resnet50_width'"),
    "classes": ({"model::o_dim": 100}, "numbers of classes: 10, 100"),
    "datasets": ({"dataset::dump": "/data/CIFAR100/x"}, "datasets: cifar10, cifar100"),
}  # fmt: skip


@pytest.mark.parametrize("case", SEVERAL)
def test_several_zoos_are_not_mixed(case: str, tmp_path: Path) -> None:
    changed, words = SEVERAL[case]
    place = write_model(tmp_path / "zoo", seed=0)
    known = json.loads((place / "params.json").read_text()) | {"seed": 1} | changed
    write_model(tmp_path / "zoo", name="b", parameters=known)
    assert f"holds more than one zoo ({words})" in refused(tmp_path, "zoo", tmp_path / "zoo")


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    write_model(tmp_path / "elsewhere", seed=1)
    zoo = tmp_path / "zoo"
    write_model(zoo, seed=0)
    (zoo / "link").symlink_to(tmp_path / "elsewhere")
    assert list(read_zoo_files(zoo).models) == [(2, 8, 0)]


def test_the_content_of_every_file_is_part_of_the_id(tmp_path: Path) -> None:
    first, second = write_zoo(tmp_path / "a"), write_zoo(tmp_path / "b")
    assert read_zoo_files(first).sha256 == read_zoo_files(second).sha256
    path = second / "NN_4_8_2_2024-01-01" / "result.json"
    path.write_text(path.read_text() + "\n")
    assert read_zoo_files(first).sha256 != read_zoo_files(second).sha256
