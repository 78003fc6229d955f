"""Five epochs on the device and on the CPU: the same losses within the spread over seeds."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.on_gpu.checked import compare, going_on
from benchmarks.on_gpu.children import Child
from benchmarks.on_gpu.part import Note, Settings
from benchmarks.on_gpu.subjects import Subject
from benchmarks.on_gpu.trainings import Training, epochs, mean_and_error
from landscape_catalog.runner.settings import reproducible

SEEDS = (6, 12, 18)  # of members that have the recipe as it is
RATE = 2**-6  # small enough for losses that hardly depend on the seed; exact in float32
STANDARD_ERRORS = 3
FIRST_STEPS = 5
FIRST_ALLOWED = 1e-4  # relative; later steps amplify rounding
MODULE = "benchmarks.on_gpu.loss_curves"

Case = dict[str, Any]


def cases(toy: bool) -> list[Case]:
    """The networks, and how long they are trained."""
    if toy:
        return [{"width": 1, "size": 8, "samples": 16, "batch_size": 8, "epochs": 2}]
    common = {"size": 32, "samples": 1280, "batch_size": 64, "epochs": 5}
    return [{"width": width, **common} for width in (2, 4)]


def losses(case: Case, seed: int, device: str) -> dict[str, list[float]]:
    """Each epoch's mean loss, and those of the first steps, which all take the same batch.

    On a GPU the steps are recorded, as in a study.
    """
    subject = Subject("resnet18", case["width"], case["size"])
    batch = case["batch_size"]
    one_batch = Training(subject, epochs(FIRST_STEPS, batch, lr=RATE), batch, device)
    whole = Training(subject, epochs(case["epochs"], batch, lr=RATE), case["samples"], device)
    found = [
        t.replayed([seed])[0] if device == "cuda" else t.alone(seed) for t in (one_batch, whole)
    ]
    return {"first": found[0].losses, "curve": found[1].losses}


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
        with going_on(note, f"{label}, losses"):
            ours = [losses(case, seed, settings.device) for seed in SEEDS]
            theirs = [child.result(settings.seconds) for child in children]
            _compare_first(note, f"{label}, losses of the first steps", ours, theirs)
            curves = [[one["curve"] for one in side] for side in (ours, theirs)]
            for epoch, (found, expected) in enumerate(zip(*map(_by_epoch, curves)), start=1):
                compare_means(note, f"{label}, mean loss of epoch {epoch}", found, expected)


def _by_epoch(curves: list[list[float]]) -> list[tuple[float, ...]]:
    return list(zip(*curves, strict=True))


def _compare_first(note: Note, name: str, ours: list[Any], theirs: list[Any]) -> None:
    """The largest relative difference of any seed at any of the first steps."""
    largest = max(
        abs(found - expected) / abs(expected)
        for one, other in zip(ours, theirs, strict=True)
        for found, expected in zip(one["first"], other["first"], strict=True)
    )
    compare(note, name, largest, FIRST_ALLOWED, steps=FIRST_STEPS)


def compare_means(note: Note, name: str, found: Sequence[float], expected: Sequence[float]) -> None:
    """|mean - mean'| <= 3 sqrt(se^2 + se'^2), over seeds."""
    (mean, error), (other, other_error) = mean_and_error(found), mean_and_error(expected)
    allowed = STANDARD_ERRORS * math.hypot(error, other_error)
    compare(note, name, abs(mean - other), allowed, mean=mean, cpu_mean=other)


if __name__ == "__main__":
    with reproducible():
        case_asked, seed_asked = json.loads(sys.argv[1])
        print(json.dumps(losses(case_asked, seed_asked, "cpu")))
