"""The speed of training: the product, the plain loop and another version, timed in turn."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import OtherWork, seconds
from benchmarks.plain_training import PlainLoop
from benchmarks.product import Product, prepared_arrays
from benchmarks.training_cases import TRANSFORMER, Case, Effort, whole_epochs, write_images
from landscape_catalog.models.build import build

RUN_EPOCHS = 40  # epochs of a run, in runs per hour
Row = dict[str, Any]


def plain_loop(case: Case, arrays: dict[str, np.ndarray]) -> PlainLoop:
    """The plain loop of a case, with a network like the product's."""
    if case.data == "number words":
        vocabulary = 1 + max(int(arrays[f"train_{side}"].max()) for side in ("sources", "targets"))
        network = build(
            "transformer", width=case.width, input_shape=(), n_outputs=vocabulary, args=TRANSFORMER
        )
    else:
        shape = arrays["train_images"].shape[1:]
        network = build("resnet18", width=case.width, input_shape=shape, n_outputs=10)
    return PlainLoop(network, arrays, case.recipe)


def measure_case(
    case: Case, products: dict[str, Product], effort: Effort, *, images: Path | None = None
) -> Row:
    """Time one case with each version of the product and with the plain loop, in turn.

    Args:
        case: the case.
        products: the versions by name: `product`, and perhaps `before`.
        effort: number of repeats, and of steps of the plain loop.
        images: file of the made-up images, if the case needs them.

    Returns:
        The case; `seconds` of the stage by version, and of a step of the `plain` loop, each a list
        over repeats; what `summary` makes of them; and `other_work`, the share of the cores that
        other processes used meanwhile.
    """
    name = f"{case.data}-{case.width}-{case.batch_size}-{case.optimizer}-{case.workers}"
    name = f"{name}-{case.epochs}".replace(" ", "-")
    projects = {key: one.project(name, case.params(images)) for key, one in products.items()}
    for key, one in products.items():
        if len(one.workers) != case.workers:
            one.start(projects[key])
    loop = plain_loop(case, prepared_arrays(projects["product"]))
    steps = min(effort.plain_steps, case.steps)
    loop.epoch(min(3, steps))
    times: dict[str, list[float]] = {key: [] for key in (*products, "plain")}
    others = OtherWork([number for one in products.values() for number in one.processes])
    for _ in range(effort.repeats):
        for key, one in products.items():
            trained = one.train(projects[key])
            if trained.runs != case.networks:
                raise RuntimeError(f"{trained.runs} runs instead of {case.networks}")
            times[key].append(trained.seconds)
        times["plain"].append(seconds(lambda: loop.epoch(steps)) / steps)
    row = {**asdict(case), "steps": case.steps, "networks": case.networks, "seconds": times}
    return {**row, **summary(case, times), "other_work": round(others.share(), 2)}


def summary(case: Case, times: dict[str, list[float]]) -> Row:
    """Milliseconds per step and network, runs per hour, and ratios, from medians.

    A run has 40 epochs here. The time of the product is that of the whole stage, with reading the
    parameters and storing the runs, over all its steps; the plain loop's is that of its steps.
    """
    medians = {key: statistics.median(values) for key, values in times.items()}
    per_step = {
        key: 1e3 * value / (1 if key == "plain" else case.networks * case.epochs * case.steps)
        for key, value in medians.items()
    }
    per_run = {key: value * case.steps * RUN_EPOCHS / 1e3 for key, value in per_step.items()}
    found: Row = {
        "ms": {key: round(value, 4) for key, value in per_step.items()},
        "runs_per_hour": {key: round(3600 / value, 1) for key, value in per_run.items()},
        "ratio": per_step["plain"] / per_step["product"],
    }
    if "before" in per_step:
        found["ratio_before"] = per_step["before"] / per_step["product"]
    return found


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean.

    >>> geometric_mean([2.0, 8.0])
    4.0
    """
    return math.exp(statistics.fmean(math.log(value) for value in values))


def digits(products: dict[str, Product], effort: Effort) -> list[Row]:
    """Every cell of the grid of widths and batch sizes on digits."""
    samples = effort.samples["digits"]
    rows = []
    for width in effort.widths:
        for batch_size in effort.batch_sizes:
            epochs = whole_epochs(effort.updates, batch_size, samples)
            case = Case(
                "digits", width, batch_size, samples, epochs=epochs, rates=effort.rates
            )  # fmt: skip
            rows.append(measure_case(case, products, effort))
    return rows


def images(products: dict[str, Product], effort: Effort) -> list[Row]:
    """32 x 32 images: whole runs of `long_epochs`, and steps by the difference to one epoch."""
    samples = effort.samples["images"]
    path = write_images(products["product"].folder / "images.npz", samples)
    rows = []
    for width in effort.image_widths:
        case = Case("images", width, min(128, samples), samples, seeds=2, epochs=effort.long_epochs)
        long = measure_case(case, products, effort, images=path)
        short = measure_case(replace(case, epochs=1), products, effort, images=path)
        further = case.networks * (case.epochs - 1) * case.steps
        long["step_ms"] = {
            key: 1e3
            * (statistics.median(long["seconds"][key]) - statistics.median(short["seconds"][key]))
            / further
            for key in products
        }
        long["step_ratio"] = long["ms"]["plain"] / long["step_ms"]["product"]
        rows.append(long)
    return rows


def transformer(products: dict[str, Product], effort: Effort) -> list[Row]:
    """A Transformer of 2 + 2 layers, d = 16, on sentence pairs, with Adam and with SGD."""
    samples = effort.samples["number words"]
    case = Case("number words", 16, 32, samples, epochs=2)
    rates = {"adam": (1e-3, 5e-4), "sgd": (0.1, 0.05)}
    return [
        measure_case(replace(case, optimizer=name, rates=rates[name]), products, effort)
        for name in rates
    ]


def workers(products: dict[str, Product], effort: Effort) -> list[Row]:
    """Digits at batch size 32 with one worker and with more."""
    samples = effort.samples["digits"]
    batch_size = min(32, samples)
    epochs = whole_epochs(effort.updates, batch_size, samples)
    alone = {"product": products["product"]}
    return [
        measure_case(
            Case("digits", width, batch_size, samples, epochs=epochs, workers=count),
            alone, effort,
        )
        for count in effort.workers
        for width in effort.widths[1:]
    ]  # fmt: skip
