"""The stages of `map.yaml`, one by one, beside an estimate of what a plain loop would take."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML

from benchmarks.machine import seconds
from benchmarks.plain_curves import PlainCurve
from benchmarks.plain_training import PlainLoop
from benchmarks.product import Params, Product, prepared_arrays, write_params
from benchmarks.training_cases import Effort
from landscape_catalog.metrics.numerics.curves.recipe import CurveRecipe
from landscape_catalog.models.build import build
from landscape_catalog.tasks import Classification
from landscape_catalog.training import Recipe

MAP = Path(__file__).with_name("map.yaml")
STAGES = ("prepare", "train", "measure", "aggregate", "report")


def read_map() -> dict[str, Any]:
    """The experiment."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(MAP.read_text(encoding="utf-8"))
    return found


def time_stages(product: Product, params: Params) -> tuple[Path, dict[str, float]]:
    """Seconds of each stage as a command, in a new project and with an empty store."""
    folder = product.folder / "map"
    write_params(folder, params)
    shutil.copy(product.checkout / "dvc.yaml", folder)  # without it, commands find no project
    words = (sys.executable, "-m", "landscape_catalog")
    return folder, {stage: product.command(folder, *words, stage) for stage in STAGES}


def trained_epochs(project: Path) -> dict[tuple[int, int], list[int]]:
    """The number of epochs of each run, by width and batch size."""
    from landscape_catalog.pipeline.shared.workspace import open_workspace

    workspace = open_workspace(project)
    found: dict[tuple[int, int], list[int]] = {}
    for run in workspace.grid.runs:
        record = workspace.runs.peek(run.run_id)
        assert record is not None
        shape = (run.cell.landscape.width, int(run.cell.temperature["batch_size"]))
        found.setdefault(shape, []).append(record.n_epochs)
    return found


def plain_estimate(
    params: Params, project: Path, epochs: dict[tuple[int, int], list[int]], effort: Effort
) -> dict[str, Any]:
    """What a plain loop would take for the same runs and curves, one after the other.

    A step is timed for each width and batch size, and multiplied by the steps that the product's
    runs had; a curve's epoch and its points are timed for each width. Hessians and CKA are left
    out, which is in the plain loop's favour.

    Returns:
        Seconds of `training` and of `curves`, and the milliseconds that they are computed from.
    """
    arrays = prepared_arrays(project)
    shape = arrays["train_images"].shape[1:]
    n = len(arrays["train_images"])
    rate = params["temperature"]["lr"]
    step_ms, training = {}, 0.0
    for (width, batch_size), counts in epochs.items():
        network = build("resnet18", width=width, input_shape=shape, n_outputs=10)
        loop = PlainLoop(network, arrays, Recipe(batch_size=batch_size, lr=rate))
        steps = min(effort.plain_steps, n // batch_size)
        loop.epoch(min(3, steps))
        step = seconds(lambda loop=loop, steps=steps: loop.epoch(steps)) / steps  # type: ignore[misc]
        step_ms[f"{width}, {batch_size}"] = 1e3 * step
        training += step * sum(counts) * (n // batch_size)
    curves = {
        width: _seconds_of_curve(params, arrays, width, effort)
        for width in params["load"]["width"]
    }  # fmt: skip
    pairs = params["train"]["seeds"] * len(params["temperature"]["batch_size"])  # a ring's
    return {
        "training": training,
        "curves": pairs * sum(curves.values()),
        "step_ms": step_ms,
        "seconds_of_curve": curves,
    }


def _seconds_of_curve(params: Params, arrays: dict[str, Any], width: int, effort: Effort) -> float:
    """Seconds of one curve: some epochs of its fit, scaled to all, and its points."""
    settings = params["measure"]["connectivity"]
    recipe = CurveRecipe(
        epochs=effort.curve_epochs, lr=settings["lr"], batch_size=settings["batch_size"]
    )
    task = Classification(tuple(arrays["mean"].tolist()), tuple(arrays["std"].tolist()))
    train, test = (
        (
            task.inputs(torch.from_numpy(arrays[f"{side}_images"])),
            torch.from_numpy(arrays[f"{side}_labels"]),
        )
        for side in ("train", "test")
    )
    networks = [
        build("resnet18", width=width, input_shape=train[0].shape[1:], n_outputs=10, seed=seed)
        for seed in range(2)
    ]
    curve = PlainCurve(networks[0], tuple(one.state_dict() for one in networks), recipe, 0)  # type: ignore[arg-type]
    fit = seconds(lambda: curve.fit(*train)) * settings["epochs"] / effort.curve_epochs
    return fit + seconds(lambda: curve.evaluate(train, test, settings["points"]))


def whole_map(
    products: dict[str, Product], effort: Effort, params: Params | None = None
) -> dict[str, Any]:
    """Seconds of each stage for each version, the plain loop's estimate, and their ratios."""
    params = read_map() if params is None else params
    stages: dict[str, dict[str, float]] = {}
    for name, product in products.items():
        project, stages[name] = time_stages(product, params)
        if name == "product":
            epochs = trained_epochs(project)
            estimate = plain_estimate(params, project, epochs, effort)
    work = {name: found["train"] + found["measure"] for name, found in stages.items()}
    result = {
        "stages": stages,
        "total": {name: sum(found.values()) for name, found in stages.items()},
        "epochs": {f"{k}, {b}": counts for (k, b), counts in epochs.items()},
        "plain": estimate,
        "ratio": (estimate["training"] + estimate["curves"]) / work["product"],
    }
    if "before" in work:
        result["ratio_before"] = work["before"] / work["product"]
    return result
