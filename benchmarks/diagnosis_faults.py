"""How often a diagnosis is right on networks that were deliberately trained badly.

    python benchmarks/diagnosis_faults.py WORK [--workers N]   # trains and measures what is missing
    python benchmarks/diagnosis_faults.py WORK --advise        # fits and asks the model again

WORK is a folder for the study of the reference, and for what was measured (WORK/faults and
WORK/measured), which a further call takes up. Set OMP_NUM_THREADS=1: the networks are small.

The reference is a grid of ResNet18 on digits (3 widths x 2 amounts of data x 2 rates of wrong
labels x 4 batch sizes, three runs a cell), to which `landscape diagnose fit current` fits a model.

Each fault has a remedy. Its place follows from the reference's accuracies alone, by a rule that
looks at no diagnosis: of the cells that have a phase, it is the one in which the remedy gains most
beyond every other change, moved off the grid: the batch size by a quarter of a step and the samples
by 10%, both towards the middle of their axes. Five runs with seeds that the reference does not have
are measured by one call of `lc.diagnose_checkpoints`, with a ring of five curves. Each pair of
neighbours in the ring is then a diagnosis, from the numbers that it would have on its own.

What a change really gains is the best accuracy of the reference along that axis, on the line
through the fault's cell, less the accuracy of the fault's five runs. A diagnosis is `right` if the
action that it puts first is the fault's remedy, and its `value` is the real gain of that action,
beside that of the best one. No advice counts as wrong, with a value of 0. As in `landscape diagnose
run`, curves that have not converged count as missing; `--unconverged` takes their numbers, as the
catalog does with the reference's cells.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from ruamel.yaml import YAML

import landscape_catalog as lc
from landscape_catalog.diagnosis.reference import standard
from landscape_catalog.phases import CellNumbers

BATCH, SAMPLES = "temperature.batch_size", "load.samples"
ALL, SMALLEST = 1437, 300
GRID: dict[str, tuple[Any, ...]] = {  # towards less load, or hotter
    "load.width": (1, 2, 8),
    SAMPLES: (SMALLEST, "all"),
    "load.label_noise": (0.2, 0.0),
    BATCH: (256, 128, 32, 8),
}
SEEDS = range(100, 105)  # the reference has seeds 0 to 2
ACTIONS = {
    "hotter": (BATCH, 1),
    "colder": (BATCH, -1),
    "wider": ("load.width", 1),
    "more data": (SAMPLES, 1),
    "cleaner data": ("load.label_noise", 1),
}
FAULTS = {
    "too hot": "colder",
    "too cold": "hotter",
    "too narrow": "wider",
    "too little data": "more data",
    "wrong labels": "cleaner data",
}
Place = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """Networks that were trained badly on purpose.

    Attributes:
        name: what is wrong.
        remedy: the action that mends it.
        cell: of the reference, next to it.
        place: where it is.
        margin: points of accuracy by which the remedy gains more than any other change, in `cell`.
    """

    name: str
    remedy: str
    cell: Place
    place: Place
    margin: float


def settings(base: Path, values: Mapping[str, Any], seeds: range, workers: int | None) -> str:
    """The default experiment of a study with these parameters, as text."""
    yaml = YAML()
    content = yaml.load((base / "params.yaml").read_text())
    for path, value in values.items():
        section, name = path.split(".")
        content[section][name] = list(value) if isinstance(value, tuple) else value
    content["train"]["first_seed"], content["train"]["seeds"] = seeds.start, len(seeds)
    content["measure"]["connectivity"]["pairs"] = "first"
    if workers is not None:
        content["execution"]["workers"] = workers
    out = io.StringIO()
    yaml.dump(content, out)
    return out.getvalue()


def reference(work: Path, workers: int | None) -> None:
    """Train and measure the reference's grid."""
    study = work / "reference"
    if not study.exists():
        _landscape(work, "init", study.name)
        (study / "params.yaml").write_text(settings(study, GRID, range(3), workers))
    for stage in ("prepare", "train", "measure", "aggregate"):
        _landscape(study, stage)


def fitted(work: Path) -> Path:
    """The file of the model, fitted again."""
    _landscape(work / "reference", "diagnose", "fit", "current")
    return work / "reference" / "data" / "diagnosis" / "model.json"


def _landscape(folder: Path, *words: str) -> None:
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "landscape_catalog", *words]
    subprocess.run(command, cwd=folder, check=True, env=os.environ | {"PYTHONPATH": path})


def accuracies(work: Path) -> dict[tuple[int, ...], tuple[float, str]]:
    """Test accuracy and phase of the reference's cells, by their places on the axes."""
    found = {}
    for cell in lc.open_catalog(work / "reference").cells.rows(named=True):
        values = [_number(path, cell[path.partition(".")[2]]) for path in GRID]
        places = [
            min(range(len(axis)), key=lambda i: abs(_number(path, axis[i]) - value))
            for (path, axis), value in zip(GRID.items(), values)
        ]
        found[tuple(places)] = (cell["test_accuracy"], cell["phase"])
    return found


def _number(path: str, value: Any) -> float:
    return float(ALL if path == SAMPLES and value == "all" else value)


def gains(known: Mapping[tuple[int, ...], Any], cell: Place, own: float) -> dict[str, float]:
    """What each action gains: the best of the cells in its direction less `own`, at least 0."""
    here = [axis.index(cell[path]) for path, axis in GRID.items()]
    found = {}
    for action, (path, sign) in ACTIONS.items():
        at = list(GRID).index(path)
        others = range(here[at] + 1, len(GRID[path])) if sign > 0 else range(here[at])
        line = [known[(*here[:at], place, *here[at + 1 :])][0] for place in others]
        found[action] = max([0.0, *(one - own for one in line)])
    return found


def faults(work: Path) -> Iterator[Fault]:
    """The place of each fault, by the rule above."""
    known = accuracies(work)
    cells = []
    for places, (own, phase) in known.items():
        if phase not in ("NC", "unclassified"):
            cell = {path: axis[place] for (path, axis), place in zip(GRID.items(), places)}
            cells.append((cell, gains(known, cell, own)))
    for name, remedy in FAULTS.items():
        margins = [
            gain[remedy] - max(value for action, value in gain.items() if action != remedy)
            for _, gain in cells
        ]
        best = margins.index(max(margins))
        cell = cells[best][0]
        yield Fault(name, remedy, cell, off_grid(cell), margins[best])


def off_grid(cell: Place) -> Place:
    """A place next to a cell: batch size and samples a little towards the middle of their axes."""
    axis = GRID[BATCH]
    at = axis.index(cell[BATCH])
    neighbour = axis[at + 1 if at < len(axis) / 2 else at - 1]
    batch_size = round(cell[BATCH] ** 0.75 * neighbour**0.25)
    samples = round(0.9 * ALL) if cell[SAMPLES] == "all" else round(1.1 * SMALLEST)
    return {**cell, BATCH: batch_size, SAMPLES: samples}


def runs_at(work: Path, fault: Fault) -> list[Any]:
    """Trained runs of a fault; those that exist are taken from the shared store."""
    folder = work / "places" / fault.name.replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(settings(work / "reference", fault.place, SEEDS, 1))
    for name in ("dvc.yaml", "recipes.json"):  # which make it a project
        shutil.copy(work / "reference" / name, folder)
    for stage in ("prepare", "train"):
        _landscape(folder, stage)  # all seeds side by side
    (cell,) = lc.Experiment.load(folder, keep=True).cells
    return [cell.train(seed) for seed in SEEDS]


def accuracy(runs: list[Any]) -> float:
    """Mean test accuracy in percent."""
    networks = [run.network(recompute_batch_norm=64) for run in runs]
    return fmean(
        lc.evaluate(network, run.task, run.data.test).accuracy
        for network, run in zip(networks, runs, strict=True)
    )


def measured(work: Path, fault: Fault) -> None:
    """Measure a fault's runs as a user would, and store the result."""
    name = fault.name.replace(" ", "_")
    if (work / "measured" / f"{name}.json").exists():
        return
    runs = runs_at(work, fault)
    start = time.process_time()
    result = lc.diagnose_checkpoints(
        [run.weights() for run in runs],
        runs[0].network,
        runs[0].data,
        mean=runs[0].task.mean,
        std=runs[0].task.std,
        pairs="ring",
        model=work / "reference" / "data" / "diagnosis" / "model.json",
    )
    seconds = time.process_time() - start
    _write(work / "measured" / f"{name}.json", json.loads(result.json_text()))
    print(f"{fault.name}: five curves in {seconds:.0f} s of processor time", flush=True)


def pair_means(result: Mapping[str, Any], pair: set[int], unconverged: bool) -> dict[str, float]:
    """By metric, the mean of two checkpoints or the value of the pair; NaN if none counts."""
    found = {}
    for metric in result["metrics"]:
        own = [
            value["value"]
            for value in metric["values"]
            if (value["counts"] or (unconverged and value["status"] == "not converged"))
            and (
                set(value["members"]) == pair
                or (len(value["members"]) == 1 and set(value["members"]) < pair)
            )
        ]
        found[metric["metric"]] = fmean(own) if own and None not in own else math.nan
    return found


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(json.dumps(content, indent=2) + "\n")


def examined(work: Path, fault: Fault) -> None:
    """Train and measure a fault's runs; store their accuracy and what each action really gains."""
    file = work / "faults" / f"{fault.name.replace(' ', '_')}.json"
    if not file.exists():
        own = accuracy(runs_at(work, fault))
        real = gains(accuracies(work), fault.cell, own)
        _write(file, {**asdict(fault), "test_accuracy": own, "real_gains": real})
        print(f"{fault.name} at {fault.place}: {own:.1f}%, {real}", flush=True)
    measured(work, fault)


def advised(
    work: Path, fault: Mapping[str, Any], standing: Any, unconverged: bool
) -> dict[str, Any]:
    """A fault with the advice that the model gives for its five pairs."""
    found: list[dict[str, Any]] = []
    file = work / "measured" / f"{fault['name'].replace(' ', '_')}.json"
    if not file.exists():
        return {**fault, "diagnoses": found}
    result = json.loads(file.read_text())
    for i in range(len(SEEDS)):
        means = pair_means(result, {i + 1, (i + 1) % len(SEEDS) + 1}, unconverged)
        answer = standing.answer(means, result["data"]["n_train_available"])
        first = answer.advice[0].action if answer.advice else None
        inside = {
            one.action: one.low <= fault["real_gains"][one.action] <= one.high
            for one in answer.advice
        }
        found.append(
            {
                "phase": standing.rule.classify(CellNumbers(2, 2, means)).phase,
                "first": first,
                "right": first == fault["remedy"],
                "value": fault["real_gains"].get(first, 0.0),
                "advice": {one.action: [one.gain, one.low, one.high] for one in answer.advice},
                "covered": inside,
                "probabilities": dict(answer.probabilities),
                "outside": list(answer.outside),
                "missing": list(answer.missing),
            }
        )
    return {**fault, "diagnoses": found}


def lines(results: list[dict[str, Any]]) -> Iterator[str]:
    """The table of the results in Markdown."""
    yield "| fault | place | accuracy | phases | first advice | right | gain, first advice | best |"
    yield "|" + "---|" * 8
    for one in results:
        own, real = one["diagnoses"], one["real_gains"]
        best = max(real, key=real.__getitem__)
        place = one["place"]
        yield (
            f"| {one['name']} | width {place['load.width']}, {place[SAMPLES]} samples, "
            f"{place['load.label_noise']:.0%} wrong labels, batch size {place[BATCH]} | "
            f"{one['test_accuracy']:.1f} | {_counts(own, 'phase')} | {_counts(own, 'first')} | "
            f"{sum(d['right'] for d in own)} of {len(own)} | "
            f"{fmean(d['value'] for d in own):.1f} | {best}: {real[best]:.1f} |"
        )
    every = [d for one in results for d in one["diagnoses"]]
    covered = [inside for d in every for inside in d["covered"].values()]
    yield ""
    yield (
        f"right: {sum(d['right'] for d in every)} of {len(every)}; with advice: "
        f"{sum(d['first'] is not None for d in every)}; gain of the first advice: "
        f"{fmean(d['value'] for d in every):.2f} of "
        f"{fmean(max(one['real_gains'].values()) for one in results):.2f} points; intervals that "
        f"hold the real gain: {sum(covered)} of {len(covered)}"
    )
    for remedy in ACTIONS:
        value = fmean(one["real_gains"][remedy] for one in results)
        yield f"always {remedy}: {value:.2f}"
    for sentence in sorted({s for d in every for s in d["outside"]}):
        yield f"outside: {sentence}"


def _counts(diagnoses: list[dict[str, Any]], key: str) -> str:
    names = [str(one[key] or "none") for one in diagnoses]
    return ", ".join(f"{name} {names.count(name)}" for name in dict.fromkeys(names))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--advise", action="store_true", help="from what was measured before")
    parser.add_argument("--unconverged", action="store_true", help="also of curves")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if not given.advise:
        reference(work, given.workers)
    file = fitted(work)
    if not given.advise:
        found = list(faults(work))
        for fault in found:
            print(fault, flush=True)
        fresh = multiprocessing.get_context("spawn")  # Polars and torch must not be forked
        with ProcessPoolExecutor(given.workers, fresh) as pool:
            list(pool.map(examined, [work] * len(found), found))
    known = [json.loads(one.read_text()) for one in sorted((work / "faults").glob("*.json"))]
    known.sort(key=lambda one: list(FAULTS).index(one["name"]))
    results = [advised(work, fault, standard(file), given.unconverged) for fault in known]
    results = [one for one in results if one["diagnoses"]]  # others are still to be measured
    print("\n".join(lines(results)))
    if given.json:
        _write(given.json, results)


if __name__ == "__main__":
    main()
