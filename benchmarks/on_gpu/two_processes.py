"""Runs in two processes on one GPU against the same runs in one, and what a process takes of it.

Decides how many workers the product starts for each GPU. Nothing else may be on the card: then the
card's free memory before and after is what the process took.
"""

from __future__ import annotations

import statistics
from typing import Any

import torch

from benchmarks.on_gpu.children import Servant
from benchmarks.on_gpu.part import Note, Settings, going_on

MODULE = "benchmarks.on_gpu.replaying"
MIB = 2**20
REPEATS = 3
# Width, networks of each process, steps that are timed, and repeats.
CASES = ((8, 5, 60, REPEATS), (2, 5, 60, REPEATS), (64, 1, 20, 2))
TOY_CASES = ((1, 2, 2, 1),)
EPOCHS = 4


def run(settings: Settings, note: Note) -> None:
    """First memory, then steps, then whole runs."""
    pair = [Servant(MODULE) for _ in range(2)]  # both begin to import at once
    try:
        with going_on(note, "memory of a process"):
            _note_memory(pair, settings, note)
        for width, each, steps, repeats in TOY_CASES if settings.toy else CASES:
            name = f"k={width}, {2 * each} networks"
            if settings.has_time(note, name):
                with going_on(note, name):
                    _compare_steps(pair, settings, note, name, width, each, steps, repeats)
        width, each, steps, _ = (TOY_CASES if settings.toy else CASES)[0]
        name = f"k={width}, {2 * each} whole runs"
        if settings.has_time(note, name):
            with going_on(note, name):
                _compare_runs(pair, settings, note, name, width, each, steps)
    finally:
        for servant in pair:
            servant.stop()


def _batch(settings: Settings) -> int:
    return 8 if settings.toy else 128


def _note_memory(pair: list[Servant], settings: Settings, note: Note) -> None:
    """What a process takes with its context alone, and with one and five recorded runs.

    `besides_mib` is what torch's allocator does not know of: context, kernels, and graphs.
    """
    width, each, _, _ = (TOY_CASES if settings.toy else CASES)[0]
    before = _free(settings)
    size = {"width": width, "batch": _batch(settings), "steps": 6}

    def noted(name: str, **command: Any) -> None:
        answer = pair[0].ask(settings.left, **command)
        taken = before - _free(settings)
        note(
            f"memory of a process with {name}", taken_mib=round(taken / MIB, 1),
            besides_mib=round((taken - answer["reserved"]) / MIB, 1),
        )  # fmt: skip

    noted("a context", do="open", device=settings.device)
    for count in (1, each):
        noted(f"{count} recorded runs, k={width}", do="prepare", count=count, **size)
    pair[1].ask(settings.left, do="open", device=settings.device)


def _free(settings: Settings) -> int:
    """Free bytes of the card; 0 on a CPU."""
    return torch.cuda.mem_get_info()[0] if settings.device == "cuda" else 0


def _compare_steps(
    pair: list[Servant], settings: Settings, note: Note, name: str,
    width: int, each: int, steps: int, repeats: int,
) -> None:  # fmt: skip
    """Milliseconds of a step of each network: all in one process, and half of them in each."""
    size = {"width": width, "batch": _batch(settings), "steps": steps}
    pair[0].ask(settings.left, do="prepare", count=2 * each, **size)
    alone = [_span([pair[0].ask(settings.left, do="take", steps=steps)]) for _ in range(repeats)]
    for servant in pair:
        servant.tell(do="prepare", count=each, **size)
    for servant in pair:
        servant.answer(settings.left)
    both = [_at_once(pair, settings, do="take", steps=steps) for _ in range(repeats)]
    _note(note, name, alone, both, 2 * each * steps, repeats)


def _compare_runs(
    pair: list[Servant], settings: Settings, note: Note, name: str,
    width: int, each: int, steps: int,
) -> None:  # fmt: skip
    """The same of whole runs: recording, the ends of epochs and snapshots are part of them."""
    size: dict[str, Any] = {
        "do": "train", "width": width, "batch": _batch(settings), "steps": steps, "epochs": EPOCHS,
    }  # fmt: skip
    alone = [_span([pair[0].ask(settings.left, count=2 * each, **size)])]
    both = [_at_once(pair, settings, count=each, **size)]
    _note(note, name, alone, both, 2 * each * steps * EPOCHS, 1)


def _at_once(pair: list[Servant], settings: Settings, **command: Any) -> float:
    """Seconds from the first's beginning to the last's end, on the clock that both read."""
    for servant in pair:
        servant.tell(**command)
    return _span([servant.answer(settings.left) for servant in pair])


def _span(answers: list[dict[str, Any]]) -> float:
    return max(a["ended"] for a in answers) - min(a["began"] for a in answers)


def _note(
    note: Note, name: str, alone: list[float], both: list[float], steps: int, repeats: int
) -> None:
    times = {"in one process": alone, "in two processes": both}
    for way, found in times.items():
        each = [1e3 * value / steps for value in found]
        note(
            f"{name}, {way}", ms=statistics.median(each), spread=[min(each), max(each)],
            repeats=repeats,
        )  # fmt: skip
    note(f"{name}: ratio", two_to_one=statistics.median(both) / statistics.median(alone))
