"""Which bits are equal: in one process and another, after resuming, and in any company."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.on_gpu import subjects
from benchmarks.on_gpu.checked import difference, joined
from benchmarks.on_gpu.children import Child
from benchmarks.on_gpu.metrics_on_device import METRICS, Measured
from benchmarks.on_gpu.part import Note, Settings, going_on
from benchmarks.on_gpu.subjects import Subject
from benchmarks.on_gpu.trainings import Kept, Outcome, Training, bits_of, digest, epochs
from landscape_catalog.runner.settings import reproducible
from landscape_catalog.training import TrainingState

MODULE = "benchmarks.on_gpu.determinism"
MEASURED = ["evaluation", "Hessian", "curve", "similarity", "batch-norm statistics"]
STACKED = ["curves side by side"]  # for networks that can be computed side by side
WAYS = {"recorded": Training.replayed, "a group": Training.together}
COMPANY = ([3, 1], [1, 2], [9, 8, 1, 7, 6], [1, 2, 3, 4, 5], [2, 3, 4, 5, 1])
Tensors = dict[str, torch.Tensor]


def run(settings: Settings, note: Note) -> None:
    """Note for every computation whether it has the same bits when it is computed again.

    What is promised of recorded steps comes first: the same bits in two processes, from a
    checkpoint, and beside other runs.
    """
    argument = [settings.device, settings.toy]
    other = Child(MODULE, argument, hides_gpus=settings.device == "cpu")
    try:
        with reproducible():
            _run(other, settings, note)
    finally:
        other.stop()


def _run(other: Child, settings: Settings, note: Note) -> None:
    _note_companies("recorded", settings, note)
    digests = {}
    for name, compute in computations(settings.device, settings.toy).items():
        if not settings.has_time(note, f"{name}, twice"):
            continue
        with going_on(note, f"{name}, twice"):
            first = compute()
            digests[name] = digest(bits_of(first))
            note_equality(note, f"{name}, twice", compute(), first)
    if settings.has_time(note, "in two processes"):
        with going_on(note, "in two processes"):
            theirs = other.result(settings.left)
            for name, found in digests.items():
                equal = theirs.get(name) == found
                note(f"{name}, in two processes", ok=equal, value=equal, allowed=True)
    for training in trainings(settings.device, settings.toy):
        name = f"{training.subject.label}, resumed"
        if settings.has_time(note, name):
            with going_on(note, name):
                note_resuming(note, training)
    _note_companies("a group", settings, note)


def _note_companies(way: str, settings: Settings, note: Note) -> None:
    for training in groups(settings.device, settings.toy):
        name = f"{training.subject.label}, {way}"
        if settings.has_time(note, name):
            with going_on(note, name):
                note_company(note, training, way, settings)


def note_equality(
    note: Note, name: str, found: Tensors, expected: Tensors, *, promised: bool = True
) -> None:
    """Note whether all bits are equal, and how large the difference is if they are not.

    Args:
        note: keeps the finding.
        name: of the finding.
        found: tensors by name.
        expected: those that they are compared with.
        promised: whether equality is promised; if not, it is only observed.
    """
    one, other = bits_of(found), bits_of(expected)
    differing = [key for key in other if one.get(key) != other[key]]
    equal = not differing and len(one) == len(other)
    facts: dict[str, Any] = {}
    if not equal:
        error = difference(joined(found.values()), joined(expected.values()))
        facts = {"difference": error, "differing": len(differing), "first": differing[:1]}
    note(name, ok=equal if promised else None, value=equal, allowed=True, **facts)


def trainings(device: str, toy: bool) -> list[Training]:
    """Runs that are trained one at a time."""
    if toy:
        return [Training(subjects.TOY[0], epochs(2, 8), 16, device)]
    text = Subject("transformer", 16, args={"n_layers": 2, "dropout": 0.2})
    return [
        Training(Subject("resnet18", 2, 8), epochs(3, 32), 128, device),
        Training(Subject("resnet18", 2), epochs(3, 32, augment=True), 128, device),
        Training(Subject("vgg11", 4), epochs(3, 32, clip_norm=1.0), 128, device),
        Training(text, epochs(3, 32, optimizer="adam", lr=1e-3), 128, device),
    ]


def groups(device: str, toy: bool) -> list[Training]:
    """Runs that are trained side by side."""
    if toy:
        return [Training(subjects.TOY[0], epochs(2, 8), 16, device)]
    kinds = (Subject("resnet18", 2, 8), Subject("resnet18", 2), Subject("vgg11", 4))
    return [Training(subject, epochs(2, 32), 96, device) for subject in kinds]


def computations(device: str, toy: bool) -> Mapping[str, Callable[[], Tensors]]:
    """What is computed twice in one process, and once in another."""
    found: dict[str, Callable[[], Tensors]] = {}
    for training in groups(device, toy):
        for way in WAYS:
            found[f"{training.subject.label}, {way} of 3"] = partial(_together, training, way)
    for training in trainings(device, toy):
        label = f"{training.subject.label}, {_words(training)}"
        found[label] = partial(_trained, training)
    images = subjects.TOY[0] if toy else Subject("resnet18", 2)
    text = subjects.TOY[2] if toy else Subject("transformer", 16, args={"n_layers": 2})
    for subject in (images, text):
        for name in MEASURED + (STACKED if subject.is_image else []):
            found[f"{subject.label}, {name}"] = partial(_measured, subject, name, device)
    return found


def _words(training: Training) -> str:
    recipe, args = training.recipe, training.subject.args
    words = ["training with", recipe.optimizer]
    words += ["and augmentation"] if recipe.augment else []
    words += ["and clipping"] if recipe.clip_norm else []
    return " ".join(words + (["and dropout"] if args.get("dropout") else []))


def _trained(training: Training) -> Tensors:
    return training.alone(1).tensors()


def _together(training: Training, way: str) -> Tensors:
    return _all_of(WAYS[way](training, [1, 2, 3]))


def _all_of(outcomes: list[Outcome]) -> Tensors:
    return {
        f"{place}/{name}": value
        for place, outcome in enumerate(outcomes)
        for name, value in outcome.tensors().items()
    }


def _measured(subject: Subject, name: str, device: str) -> Tensors:
    """In float32, as measurements are."""
    measured = Measured(subject, 24, device, torch.float32)
    return {"values": torch.from_numpy(np.array(METRICS[name](measured)))}


def note_resuming(note: Note, training: Training) -> None:
    """A run goes on from the first, a middle and the last checkpoint, and from each one's copy."""
    label, expected = training.subject.label, training.alone(1).tensors()
    kept = Kept(every=True)
    note_equality(note, f"{label}, while saving", training.alone(1, kept).tensors(), expected)
    for step in _some(kept.states):
        torch.manual_seed(step)  # resuming must not depend on it
        found = training.alone(1, Kept(kept.states[step])).tensors()
        note_equality(note, f"{label}, resumed after step {step}", found, expected)


def _some(states: Mapping[int, TrainingState]) -> list[int]:
    """The first, a middle and the last step."""
    steps = sorted(states)
    return sorted({steps[0], steps[len(steps) // 2], steps[-1]})


def note_company(note: Note, training: Training, way: str, settings: Settings) -> None:
    """One run alone and in groups of two and five, in several places; and one that resumes.

    Equal bits are promised of recorded steps, each of which is a graph of its own, and of the
    stacked groups of a CPU. On CUDA, where a stack's kernels depend on its size, they are observed.
    """
    label, train = f"{training.subject.label}, {way}", WAYS[way]
    promised = way == "recorded" or training.device == "cpu"
    expected = train(training, [1])[0].tensors()
    for seeds in COMPANY[::2] if settings.toy else COMPANY:
        name = f"{label}, run 1 among {seeds}"
        with going_on(note, name):
            found = train(training, seeds)[seeds.index(1)].tensors()
            note_equality(note, name, found, expected, promised=promised)
    with going_on(note, f"{label}, resumed"):
        seeds = [4, 1, 2]
        kept = [Kept(every=True) for _ in seeds]
        train(training, seeds, kept)
        for step in _some(kept[1].states):
            found = train(training, [1], [Kept(kept[1].states[step])])[0].tensors()
            name = f"{label}, run 1 resumed alone after step {step}"
            note_equality(note, name, found, expected, promised=promised)
    with going_on(note, f"{label}, against `train`"):
        member, alone = train(training, [6])[0], training.alone(6)  # one recipe for both
        name = f"{label}, against `train`"
        note_equality(note, name, member.tensors(), alone.tensors(), promised=False)


if __name__ == "__main__":
    with reproducible():
        where, is_toy = json.loads(sys.argv[1])
        results = {}
        for each, computed in computations(where, is_toy).items():
            try:
                results[each] = digest(bits_of(computed()))
            except Exception as failed:
                results[each] = str(failed)
        print(json.dumps(results))
