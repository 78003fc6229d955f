"""Five epochs on the device and on the CPU: the same losses within the spread over seeds."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.on_gpu.checked import compare
from benchmarks.on_gpu.children import Child
from benchmarks.on_gpu.part import Note, Settings, going_on
from benchmarks.on_gpu.subjects import Subject
from benchmarks.on_gpu.trainings import Training, epochs, mean_and_error
from landscape_catalog.runner.settings import reproducible

SEEDS = (6, 12, 18)  # of members that have the recipe as it is
RATE = 2**-6  # small enough for losses that hardly depend on the seed; exact in float32
STANDARD_ERRORS = 3
FIRST_STEPS = 5
# Relative, of the losses of the first steps in float64, and of the very first in float32: rounding
# moves activations across the kinks of ReLUs, and later steps amplify what that changes.
DOUBLE_ALLOWED, SINGLE_ALLOWED = 1e-8, 1e-5
DTYPES = {"float64": torch.float64, "float32": torch.float32}
MODULE = "benchmarks.on_gpu.loss_curves"

Case = dict[str, Any]


def cases(toy: bool) -> list[Case]:
    """The networks, and how long they are trained."""
    if toy:
        return [{"width": 1, "size": 8, "samples": 16, "batch_size": 8, "epochs": 2}]
    common = {"size": 32, "samples": 1280, "batch_size": 64, "epochs": 5}
    return [{"width": width, **common} for width in (2, 4)]


def losses(case: Case, seed: int, device: str) -> dict[str, list[float]]:
    """Each epoch's mean loss, and those of the first steps in both precisions.

    The first steps all take the same batch. On a GPU steps are recorded, as in a study.
    """
    subject, batch = Subject("resnet18", case["width"], case["size"]), case["batch_size"]
    first, whole = (epochs(n, batch, lr=RATE) for n in (FIRST_STEPS, case["epochs"]))
    asked = {
        name: Training(subject, first, batch, device, dtype) for name, dtype in DTYPES.items()
    } | {"curve": Training(subject, whole, case["samples"], device)}
    return {
        name: (t.replayed([seed])[0] if device == "cuda" else t.alone(seed)).losses
        for name, t in asked.items()
    }


def start(settings: Settings) -> list[tuple[Case, list[Child]]]:
    """Train on the CPU, in a process for each run."""
    return [
        (case, [Child(MODULE, [case, seed], hides_gpus=True) for seed in SEEDS])
        for case in cases(settings.toy)
    ]


def compare_curves(
    started: Sequence[tuple[Case, list[Child]]], settings: Settings, note: Note
) -> None:
    """Train on the device, and compare with the processes' results."""
    for case, children in started:
        label = f"resnet18 k={case['width']} {case['size']}x{case['size']}"
        if not settings.has_time(note, f"{label}, losses"):
            continue
        with going_on(note, f"{label}, losses"):
            ours = [losses(case, seed, settings.device) for seed in SEEDS]
            theirs = [child.result(settings.left) for child in children]
            _compare_first(note, label, ours, theirs)
            curves = [[one["curve"] for one in side] for side in (ours, theirs)]
            for epoch, (found, expected) in enumerate(zip(*map(_by_epoch, curves)), start=1):
                compare_means(note, f"{label}, mean loss of epoch {epoch}", found, expected)


def _by_epoch(curves: list[list[float]]) -> list[tuple[float, ...]]:
    return list(zip(*curves, strict=True))


def _compare_first(note: Note, label: str, ours: list[Any], theirs: list[Any]) -> None:
    """The largest relative difference from the CPU's float64 of any seed, at any step."""

    def largest(side: list[Any], dtype: str, steps: int) -> float:
        return max(
            abs(found - expected) / abs(expected)
            for one, other in zip(side, theirs, strict=True)
            for found, expected in zip(one[dtype][:steps], other["float64"][:steps], strict=True)
        )

    name = f"{label}, losses of the first steps"
    double, single = (largest(ours, dtype, FIRST_STEPS) for dtype in DTYPES)
    compare(note, f"{name}, float64", double, DOUBLE_ALLOWED, steps=FIRST_STEPS)
    compare(
        note, f"{label}, loss of the first step, float32", largest(ours, "float32", 1),
        SINGLE_ALLOWED,
    )  # fmt: skip
    own = largest(theirs, "float32", FIRST_STEPS)
    note(f"{name}, float32", ok=None, value=single, cpu_float32=own, steps=FIRST_STEPS)


def compare_means(note: Note, name: str, found: Sequence[float], expected: Sequence[float]) -> None:
    """|mean - mean'| <= 3 sqrt(se^2 + se'^2), over seeds."""
    (mean, error), (other, other_error) = mean_and_error(found), mean_and_error(expected)
    allowed = STANDARD_ERRORS * math.hypot(error, other_error)
    compare(note, name, abs(mean - other), allowed, mean=mean, cpu_mean=other)


if __name__ == "__main__":
    with reproducible():
        case_asked, seed_asked = json.loads(sys.argv[1])
        print(json.dumps(losses(case_asked, seed_asked, "cpu")))
