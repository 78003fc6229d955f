"""How often a diagnosis is right on networks that were deliberately trained badly.

    python benchmarks/diagnosis_faults.py WORK [--workers N] [--quick] [--json FILE]

WORK is a folder for the study of the reference and the results, which a second call takes up.

The reference is a grid of ResNet18 on digits (3 widths x 4 batch sizes x 2 amounts of data x 2
rates of wrong labels, three runs a cell), to which `landscape diagnose fit current` fits a model.
Each fault is a network at a place that the grid does not have: too hot, too cold, too narrow, too
little data, wrong labels. Five runs of it are diagnosed in five pairs. What a change of the
training really gains is the best accuracy of the reference along that axis, on the line through the
cell that is nearest to the fault, less the accuracy of the fault's five runs.

A diagnosis is `right` if the action that it puts first is the fault's remedy, and its `value` is
the real gain of that action, beside that of the best one. No advice counts as wrong, with a value
of 0.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from ruamel.yaml import YAML

import landscape_catalog as lc

GRID: dict[str, tuple[Any, ...]] = {  # towards less load, or hotter
    "load.width": (1, 2, 8),
    "load.samples": (300, "all"),
    "load.label_noise": (0.2, 0.0),
    "temperature.batch_size": (256, 128, 32, 8),
}
ALL = 1437
SEEDS = range(100, 105)  # the reference has seeds 0 to 2
ACTIONS = {
    "hotter": ("temperature.batch_size", 1),
    "colder": ("temperature.batch_size", -1),
    "wider": ("load.width", 1),
    "more data": ("load.samples", 1),
    "cleaner data": ("load.label_noise", 1),
}


@dataclass(frozen=True)
class Fault:
    """A place off the grid, and what would mend it."""

    name: str
    remedy: str
    place: Mapping[str, Any]


def _place(width: int, batch_size: int, samples: int | str = "all", noise: float = 0.0) -> Any:
    return dict(zip(GRID, (width, samples, noise, batch_size)))


FAULTS = (
    Fault("too hot", "colder", _place(2, 9)),
    Fault("too cold", "hotter", _place(2, 200, samples=320)),
    Fault("too narrow", "wider", _place(1, 48)),
    Fault("too little data", "more data", _place(6, 24, samples=320)),
    Fault("wrong labels", "cleaner data", _place(6, 24, noise=0.18)),
)


def settings(base: Path, values: Mapping[str, Any], seeds: int, workers: int | None) -> str:
    """The default experiment of a study with these parameters, as text."""
    yaml = YAML()
    content = yaml.load((base / "params.yaml").read_text())
    for path, value in values.items():
        section, name = path.split(".")
        content[section][name] = list(value) if isinstance(value, tuple) else value
    content["train"]["seeds"] = seeds
    content["measure"]["connectivity"]["pairs"] = "first"
    if workers is not None:
        content["execution"]["workers"] = workers
    out = base / "wanted.yaml"
    with out.open("w") as file:
        yaml.dump(content, file)
    text = out.read_text()
    out.unlink()
    return text


def reference(work: Path, workers: int | None) -> Path:
    """The model of the reference; its grid is trained and measured first."""
    study = work / "reference"
    if not study.exists():
        _landscape(work, "init", study.name)
        (study / "params.yaml").write_text(settings(study, GRID, 3, workers))
    for stage in ("prepare", "train", "measure", "aggregate"):
        _landscape(study, stage)
    _landscape(study, "diagnose", "fit", "current")
    return study / "data" / "diagnosis" / "model.json"


def _landscape(folder: Path, *words: str) -> None:
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "landscape_catalog", *words]
    subprocess.run(command, cwd=folder, check=True, env=os.environ | {"PYTHONPATH": path})


def runs_at(work: Path, place: Mapping[str, Any], seeds: range) -> list[Any]:
    """Trained runs at a place; those that exist are taken from the shared store."""
    folder = work / "places"
    folder.mkdir(exist_ok=True)
    base = work / "reference"
    (folder / "params.yaml").write_text(settings(base, place, len(seeds), None))
    (cell,) = lc.Experiment.load(folder, keep=True).cells
    return [cell.train(seed) for seed in seeds]


def accuracy(runs: list[Any]) -> float:
    """Mean test accuracy in percent."""
    networks = [run.network(recompute_batch_norm=64) for run in runs]
    return fmean(
        lc.evaluate(network, run.task, run.data.test).accuracy
        for network, run in zip(networks, runs, strict=True)
    )


def real_gains(work: Path, fault: Fault, own: float) -> dict[str, float]:
    """What each action gains: the reference's best in its direction, less the fault's accuracy.

    The reference's cells are those on the line through the cell that is nearest to the fault.
    """
    cells = lc.open_catalog(work / "reference").cells.rows(named=True)
    nearest = {path: min(values, key=_distance(path, fault)) for path, values in GRID.items()}
    gains = {}
    for action, (path, sign) in ACTIONS.items():
        others = [other for other in GRID if other != path]
        line = [
            cell["test_accuracy"]
            for cell in cells
            if all(_rank(one, _of(cell, one)) == _rank(one, nearest[one]) for one in others)
            and sign * (_rank(path, _of(cell, path)) - _rank(path, fault.place[path])) > 0
        ]
        gains[action] = max([0.0, *(one - own for one in line)])
    return gains


def _of(cell: Mapping[str, Any], path: str) -> Any:
    return cell[path.partition(".")[2]]


def _distance(path: str, fault: Fault) -> Callable[[Any], float]:
    """How far a value is from a fault's, by its logarithm where it has one."""

    def scaled(value: Any) -> float:
        rank = _rank(path, value)
        return rank if path == "load.label_noise" else math.copysign(math.log(abs(rank)), rank)

    return lambda value: abs(scaled(value) - scaled(fault.place[path]))


def _rank(path: str, value: Any) -> float:
    """A value as a number that grows towards less load or a higher temperature."""
    number = float(ALL if value == "all" else value)
    return -number if path in ("load.label_noise", "temperature.batch_size") else number


def diagnosed(work: Path, model: Path, fault: Fault, pairs: int) -> dict[str, Any]:
    """The diagnoses of a fault's runs in pairs, beside the truth."""
    runs = runs_at(work, fault.place, SEEDS)
    own = accuracy(runs)
    gains = real_gains(work, fault, own)
    found = []
    for i in range(pairs):
        chosen = [runs[i], runs[(i + 1) % len(runs)]]
        result = lc.diagnose_checkpoints(
            [run.weights() for run in chosen],
            chosen[0].network,
            chosen[0].data,
            mean=chosen[0].task.mean,
            std=chosen[0].task.std,
            model=model,
        )
        advice = {one.action: one.gain for one in result.advice}
        first = next(iter(advice), None)
        found.append(
            {
                "phase": result.phase.name,
                "possible": result.phase.possible,
                "advice": advice,
                "first": first,
                "right": first == fault.remedy,
                "value": gains[first] if first else 0.0,
                "none_because": result.no_advice,
            }
        )
        print(f"{fault.name}, pair {i + 1}: {result.phase.possible}, {advice}", flush=True)
    return {
        "fault": fault.name,
        "remedy": fault.remedy,
        "test_accuracy": own,
        "real_gains": gains,
        "diagnoses": found,
    }


def lines(results: list[dict[str, Any]]) -> list[str]:
    """The table of the results in Markdown."""
    head = "| fault | accuracy | phases | first advice | right | real gain of it | best action |"
    rows = [head, "|" + "---|" * 7]
    for one in results:
        own, n = one["diagnoses"], len(one["diagnoses"])
        best = max(one["real_gains"], key=one["real_gains"].__getitem__)
        rows.append(
            f"| {one['fault']} | {one['test_accuracy']:.1f}% | {_counts(own, 'phase')} | "
            f"{_counts(own, 'first')} | {sum(d['right'] for d in own)} of {n} | "
            f"{fmean(d['value'] for d in own):.1f} | {best}: {one['real_gains'][best]:.1f} |"
        )
    return rows


def _counts(diagnoses: list[dict[str, Any]], key: str) -> str:
    names = [str(one[key] or "none") for one in diagnoses]
    return ", ".join(f"{name} {names.count(name)}" for name in dict.fromkeys(names))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--workers", type=int, help="of the reference's stages")
    parser.add_argument("--quick", action="store_true", help="one pair of each fault")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    model = reference(work, given.workers)
    pairs = 1 if given.quick else len(SEEDS)
    results = [diagnosed(work, model, fault, pairs) for fault in FAULTS]
    print("\n".join(lines(results)))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
