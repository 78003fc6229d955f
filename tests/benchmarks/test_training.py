"""The benchmark of training at toy size: what it times is what it says it times."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML
from torch.nn import functional as F

from benchmarks import training_tables
from benchmarks.convolutions import convolutions
from benchmarks.performance_figure import figure, limit_ms
from benchmarks.plain_training import PlainLoop
from benchmarks.product import Product, Trained, checkout_of, write_params
from benchmarks.stage_driver import Driver
from benchmarks.training_cases import Case, Effort, write_images
from benchmarks.training_groups import train_together
from benchmarks.training_map import plain_estimate, read_map, trained_epochs
from benchmarks.training_overhead import tiny_runs
from benchmarks.training_speed import plain_loop, summary
from landscape_catalog.experiment.reading import parse_experiment
from landscape_catalog.metrics.numerics.evaluation import evaluate
from landscape_catalog.models import build as models
from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.tasks import Classification, Samples
from landscape_catalog.training import Recipe
from tests.conftest import ROOT
from tests.stages import uses_store

SMALL = Effort(plain_steps=2, curve_epochs=1)


def image_arrays(n: int = 40) -> dict[str, np.ndarray]:
    draw = np.random.Generator(np.random.Philox(key=3))
    return {
        "train_images": draw.integers(256, size=(n, 1, 8, 8), dtype=np.uint8),
        "train_labels": draw.integers(10, size=n),
        "mean": np.array([0.5], dtype=np.float32),
        "std": np.array([0.25], dtype=np.float32),
    }


def test_the_plain_loop_takes_the_steps_of_sgd() -> None:
    arrays = image_arrays(16)
    network = models.build("resnet18", width=1, input_shape=(1, 8, 8), n_outputs=10)
    ours = copy.deepcopy(network)
    loop = PlainLoop(network, arrays, Recipe(batch_size=16, lr=0.1))
    torch.manual_seed(0)
    epoch = loop.epoch()
    torch.manual_seed(0)
    order = torch.tensor([int(i) for batch in loop.loader.batch_sampler for i in batch])
    inputs = (torch.from_numpy(arrays["train_images"]).float() / 255 - 0.5) / 0.25
    labels = torch.from_numpy(arrays["train_labels"])
    loss = F.cross_entropy(ours(inputs[order]), labels[order])
    loss.backward()
    assert epoch.steps == 1
    assert epoch.loss == pytest.approx(loss.item(), rel=1e-5)
    for theirs, parameter in zip(network.parameters(), ours.parameters()):
        assert parameter.grad is not None
        expected = parameter - 0.1 * (parameter.grad + 5e-4 * parameter)
        torch.testing.assert_close(theirs, expected, rtol=1e-4, atol=1e-5)


def test_the_plain_loop_drops_the_incomplete_batch_and_evaluates_all_samples() -> None:
    arrays = image_arrays(40)
    network = models.build("resnet18", width=1, input_shape=(1, 8, 8), n_outputs=10)
    loop = PlainLoop(network, arrays, Recipe(batch_size=16))
    assert loop.epoch().steps == 2
    assert loop.epoch(1).steps == 1
    samples = Samples(*(torch.from_numpy(arrays[f"train_{name}"]) for name in ("images", "labels")))
    expected = evaluate(network, samples, Classification((0.5,), (0.25,))).loss
    assert loop.train_loss() == pytest.approx(expected, rel=1e-5)


def test_the_plain_loop_counts_tokens_without_padding() -> None:
    targets = np.array([[1, 3, 4, 2, 0], [1, 5, 2, 0, 0], [1, 3, 3, 3, 2], [1, 4, 2, 0, 0]])
    arrays = {"train_sources": targets[:, 1:], "train_targets": targets}
    case = Case("number words", 16, 4, 4, optimizer="adam", rates=(1e-3,))
    loop = plain_loop(case, arrays)
    with torch.no_grad():
        tokens = torch.from_numpy(targets)
        logits = loop.network(tokens[:, 1:], tokens[:, :-1])
    real = tokens[:, 1:] != 0
    expected = F.cross_entropy(logits[real], tokens[:, 1:][real], label_smoothing=0.1)
    assert loop.epoch().loss == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("data", ["digits", "images", "number words"])
def test_a_case_trains_as_many_networks_and_steps_as_it_says(data: str, tmp_path: Path) -> None:
    path = write_images(tmp_path / "images.npz", n=32, n_test=20, size=8)
    case = Case(data, 8 if data == "number words" else 1, 16, 32, seeds=2, epochs=1)
    project, driver = tmp_path / "project", Driver()
    write_params(project, {**case.params(path), "execution": serial()})
    with uses_store(tmp_path / "store"):
        driver.prepare(project)
        assert len(driver.start(project)["workers"]) == 1
        assert driver.train(project)["runs"] == case.networks == 4
        epochs = trained_epochs(project)
    driver.stop()
    assert epochs == {(case.width, 16): [1] * 4}
    assert case.steps == 2


def serial() -> dict[str, Any]:
    """As `params.yaml` calls it: jobs in the stage's own process."""
    execution = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["execution"]
    name = "engine" if "engine" in execution else "executor"
    return {"device": "cpu", name: "serial"}


def test_ratios_are_those_of_medians_per_step() -> None:
    case = Case("digits", 2, 16, 64, seeds=5, rates=(0.1, 0.2), epochs=3)
    times = {"product": [1.2, 1.2, 9.0], "before": [2.4, 2.4, 2.4], "plain": [0.03, 0.02, 0.02]}
    found = summary(case, times)
    assert found["ms"] == {"product": 10.0, "before": 20.0, "plain": 20.0}  # 10 x 3 x 4 steps
    assert found["ratio"] == pytest.approx(2.0)
    assert found["ratio_before"] == pytest.approx(2.0)
    assert found["runs_per_hour"]["product"] == pytest.approx(3600 / (40 * 4 * 0.01))


def test_the_last_line_is_the_geometric_mean_with_the_hardest_cell() -> None:
    rows = [
        {"width": 1, "batch_size": 8, "ratio": 8.0, "ratio_before": 3.0},
        {"width": 8, "batch_size": 64, "ratio": 2.0, "ratio_before": 3.0},
    ]
    line = training_tables.conclusion({"images": {"found": []}, "digits": {"found": rows}})
    assert line == (
        "geometric mean over 2 cells: 4.00x a plain loop (hardest: 2.00x at k = 8, "
        "batch size 64), 3.00x the version before"
    )


def test_tiny_runs_are_cells_without_pairs() -> None:
    temperature = tiny_runs(1000, 1)["temperature"]
    rates, decays = temperature["lr"], temperature["weight_decay"]
    assert len(set(rates)) * len(set(decays)) == 1000
    assert tiny_runs(1000, 1)["train"]["seeds"] == 1


def test_memory_is_read_when_enough_runs_have_finished() -> None:
    trained = Trained(1.0, 9, [(0, 10.0), (4, 20.0), (9, 30.0)])
    assert [trained.memory_at(runs) for runs in (0, 3, 4, 5, 100)] == [10.0, 20.0, 20.0, 30.0, 30.0]


def test_the_map_is_the_experiment_of_the_table_with_the_values_of_the_default_one() -> None:
    found = read_map()
    parse_experiment((ROOT / "benchmarks" / "map.yaml").read_text())
    default = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    of_its_own = {
        ("load", "width"): [1, 2, 4, 8],
        ("load", "samples"): "all",
        ("temperature", "batch_size"): [8, 16, 32, 64, 128],
        ("temperature", "lr"): 0.1,
        ("train", "epochs"): 40,
        ("train", "seeds"): 5,
        ("measure", "batch_norm"): "authors",
        ("hessian", "trace_tolerance"): 0.025,
        ("connectivity", "pairs"): "ring",
        ("connectivity", "epochs"): 50,
        ("connectivity", "lr"): 0.02,
        ("connectivity", "batch_size"): 32,
        ("hessian", "threshold"): 38.0,
    }
    for section in ("dataset", "model", "load", "temperature", "train", "measure", "classify"):
        for *place, value in leaves(found[section], section):
            expected = default
            for name in place:
                expected = expected[name]
            assert value == of_its_own.get(tuple(place[-2:]), expected), place


def leaves(section: Any, *place: str) -> list[tuple[Any, ...]]:
    """Every value of a section, after the names that lead to it."""
    if not isinstance(section, dict):
        return [(*place, section)]
    return [leaf for name, value in section.items() for leaf in leaves(value, *place, name)]


def test_the_plain_estimate_scales_steps_and_curves(tmp_path: Path) -> None:
    params = read_map()
    params["load"] = {"width": [1], "samples": 32}
    params["temperature"]["batch_size"] = [16]
    params["measure"]["connectivity"].update(epochs=4, batch_size=16)
    params["measure"]["hessian"]["samples"] = 16
    write_params(tmp_path / "map", params)
    with uses_store(tmp_path / "store"):
        Driver().prepare(tmp_path / "map")
    found = plain_estimate(params, tmp_path / "map", {(1, 16): [3, 2]}, SMALL)
    assert found["training"] == pytest.approx(1e-3 * found["step_ms"]["1, 16"] * 5 * 2)
    assert found["curves"] == pytest.approx(5 * found["seconds_of_curve"][1])


def test_the_engine_changes_every_network_that_it_is_given() -> None:
    arrays = image_arrays(32)
    data = Samples(*(torch.from_numpy(arrays[f"train_{name}"]) for name in ("images", "labels")))
    networks = [
        models.build("resnet18", width=1, input_shape=(1, 8, 8), n_outputs=10, seed=seed)
        for seed in range(3)
    ]
    before = [copy.deepcopy(network.state_dict()) for network in networks]
    recipe = Recipe(batch_size=16, lr=0.1, stopping="updates", updates=1)
    train_together(networks, data, Classification((0.5,), (0.25,)), recipe)
    for network, state in zip(networks, before):
        assert any(
            not torch.equal(value, state[name]) for name, value in network.named_parameters()
        )


def test_convolutions_have_the_multiply_adds_that_the_network_declares() -> None:
    found = convolutions(8, (3, 32, 32))
    declared = multiply_adds("resnet18", width=8, input_shape=(3, 32, 32), n_outputs=10, args={})
    linear = 64 * 10
    forward = sum(shape.flops(1) / (2 if shape.from_images else 3) for shape in found)
    assert [shape.from_images for shape in found].count(True) == 1
    assert forward == 2 * (declared - linear)


def test_the_figure_draws_each_cell_once_for_product_loop_and_limit(tmp_path: Path) -> None:
    cells = [
        {"width": k, "batch_size": b, "workers": 2, "ms": {"product": 1.0, "plain": 9.0}}
        for k in (1, 2)
        for b in (8, 16)
    ]
    results = {
        "digits": {"found": cells, "machine": {"gigaflops_one": 100.0}},
        "groups": {"found": [{"width": 1, "batch_size": 16, "members": 5, "ms": 2.0}]},
        "workers": {"found": cells[:1]},
    }
    panels = figure(results).to_dict()["concat"]
    assert len(panels) == 4
    drawn = panels[0]["data"]["values"]
    assert len(drawn) == 3 * len(cells)
    limits = {(row["k"], row["batch size"]): row for row in drawn if row["kind"] == "limit"}
    cost = "ms per step and network"
    assert limits[1, 16][cost] == pytest.approx(2 * limits[1, 8][cost])
    assert limits[1, 8][cost] == limit_ms(1, 8, 2, 100.0)
    assert len(panels[2]["data"]["values"]) == len(panels[3]["data"]["values"]) == 2
    image = tmp_path / "figure.svg"
    figure(results).save(str(image))
    assert "ms per step and network" in image.read_text()


def test_another_version_is_a_folder_or_a_revision() -> None:
    with checkout_of(str(ROOT)) as folder:
        assert folder == ROOT
    if not (ROOT / ".git").exists():
        pytest.skip("there are no revisions without Git")
    with checkout_of("HEAD") as folder:
        assert folder != ROOT
        assert (folder / "landscape_catalog" / "cli.py").is_file()
    assert not folder.exists()


def test_a_stage_that_fails_ends_the_benchmark_with_its_reason(tmp_path: Path) -> None:
    params = {**Case("digits", 1, 16, 32).params(), "temperature": {"lr": -1.0}}
    with Product(ROOT, tmp_path / "product") as product:
        with pytest.raises(RuntimeError, match=r"temperature\.lr: got -1\.0"):
            product.project("wrong", params)


def test_results_of_earlier_calls_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import training

    path = tmp_path / "results.json"
    path.write_text('{"images": {"found": []}}')
    rows = [{"width": 1, "batch_size": 8, "ratio": 8.0}]

    def measured(parts: list[str], *others: Any) -> dict[str, Any]:
        assert parts == ["digits"]
        results = {"digits": {"found": rows}}
        others[-1](results)
        return results

    monkeypatch.setattr(training, "measured", measured)
    threads = str(torch.get_num_threads())
    words = ["training.py", "digits", "--json", str(path), "--plain-threads", threads]
    monkeypatch.setattr(sys, "argv", words)
    training.main()
    assert json.loads(path.read_text()).keys() == {"images", "digits"}
    assert capsys.readouterr().out.splitlines()[-1].startswith("geometric mean over 1 cells: 8.00x")
