"""The steps of the catalog's benchmark (`benchmarks/catalog.py`): what is timed, beside what."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.made_up_project import write_params, write_project
from benchmarks.made_up_results import params_of
from landscape_catalog.pipeline.shared.measurement_specs import specs_on
from landscape_catalog.pipeline.shared.workspace import open_workspace
from landscape_catalog.store.location import store_root

ROOT = Path(__file__).resolve().parent.parent
PLAN = ["-m", "landscape_catalog", "plan"]
WIDTHS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32]
BATCH_SIZES = [8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256]
NOISE = [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5]


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        repeats: of each measurement.
        builds: repeats of building.
        cells: of the catalog that is built.
        curve: numbers of cells at which `aggregate` and `report` are timed.
        axis: how many values of each axis the planned grids have.
        sample: rows that are inserted one by one.
    """

    repeats: int = 5
    builds: int = 3
    cells: int = 20_000
    curve: tuple[int, ...] = (50, 200, 800, 3200)
    axis: int | None = None
    sample: int = 20_000


QUICK = Effort(repeats=1, builds=1, cells=8, curve=(4, 8), axis=2, sample=100)
MILLION = 200_000  # cells
Lines = list[list[object]]


@dataclass(frozen=True)
class Usage:
    """What a command used: seconds of the processor and of the clock, and the largest memory."""

    cpu: float
    wall: float
    peak_mb: float
    output: str


def used(words: Sequence[str], folder: Path, **variables: str) -> Usage:
    """Run Python with these arguments in a folder, which must succeed."""
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1", **variables}
    with subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    processor = usage.ru_utime + usage.ru_stime
    return Usage(processor, time.perf_counter() - start, usage.ru_maxrss / 1024, output)


def median_of(work: Callable[[], Usage], repeats: int) -> Usage:
    """The usage whose processor time is the median."""
    return sorted((work() for _ in range(repeats)), key=lambda usage: usage.cpu)[repeats // 2]


def planned_grids(effort: Effort) -> dict[str, dict[str, Any]]:
    """The grids that are planned, of 18,000 runs each unless the effort is small."""
    found = {}
    for name, samples, seeds in (("10 seeds", ["all"], 10), ("5 seeds", [500, 1000], 5)):
        params = params_of(1, 1, seeds=seeds)
        params["load"] |= {
            "width": WIDTHS[: effort.axis],
            "label_noise": NOISE[: effort.axis],
            "samples": samples,
        }
        params["temperature"]["batch_size"] = BATCH_SIZES[: effort.axis]
        found[name] = params
    return found


def fill_store(folder: Path) -> int:
    """Leave a name in the store for every result of a project, of which a plan reads no more."""
    workspace = open_workspace(folder)
    store = store_root(workspace.project)
    paths = []
    for cell in workspace.grid.cells:
        procedures = workspace.procedures
        specs = specs_on((*procedures.losses(cell), *procedures.further(cell)), cell.runs)
        paths += [store / "runs" / run.run_id for run in cell.runs]
        paths += [store / "measurements" / f"{spec.measurement_id}.json" for spec in specs]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return len(paths)


def plan(effort: Effort, before: Path | None, folder: Path) -> tuple[Lines, dict[str, Any]]:
    """`landscape plan` in an empty store and in one that holds every result."""
    lines, found = Lines(), {}
    versions = {"this": ROOT} | ({"before": before} if before is not None else {})
    for name, params in planned_grids(effort).items():
        project = write_params(folder / name, params)
        for state in ("empty", "full"):
            store = folder / f"{name} {state} store"
            os.environ["LANDSCAPE_STORE"] = str(store)
            count = fill_store(project) if state == "full" else 0
            shown = {}
            for version, checkout in versions.items():
                command = partial(used, PLAN, project, PYTHONPATH=str(checkout))
                usage = shown[version] = median_of(command, effort.repeats)
            runs = next(line for line in usage.output.splitlines() if line.startswith("runs"))
            texts = {usage.output for usage in shown.values()}
            ratio = shown["before"].cpu / shown["this"].cpu if before else None
            found[f"{name}, {state}"] = {
                **{version: usage.cpu for version, usage in shown.items()},
                "equal": len(texts) == 1,
                "results": count,
            }
            lines.append(
                [
                    f"plan, {runs.split()[1]} runs, {name}, {state} store",
                    *(f"{usage.cpu:.2f} s" for usage in shown.values()),
                    *([f"{ratio:.1f} times" if len(texts) == 1 else "other text"] if ratio else []),
                ]
            )
    return lines, found


def part(*words: str) -> Any:
    """What a part of the benchmark measures in a process of its own."""
    return json.loads(used(["-m", "benchmarks.catalog_parts", *words], ROOT).output)


def build(effort: Effort, cells: int, folder: Path) -> tuple[Lines, dict[str, Any]]:
    """Tables, Parquet files and the DuckDB file; the last catalog is left in `folder/build`."""
    done = []
    for number in range(effort.builds if cells == effort.cells else 1):
        place = folder / f"build {number}"
        done.append(part("build", str(cells), str(place)))
        (folder / "build").unlink(missing_ok=True)
        (folder / "build").symlink_to(place)
    rows = sum(done[0]["rows"].values())
    steps = {
        step: {
            kind: statistics.median(one["seconds"][step][kind] for one in done)
            for kind in ("wall", "cpu")
        }
        for step in done[0]["seconds"]
    }
    whole = statistics.median(sum(step["wall"] for step in one["seconds"].values()) for one in done)
    peak = max(one["peak_mb"] for one in done)
    runs = done[0]["rows"]["runs"]
    lines: Lines = [
        [
            f"build, {runs:,} runs: {step}",
            f"{took['wall']:.1f} s",
            f"{rows / took['wall']:,.0f} rows/s",
            f"{took['cpu']:.1f} s of processor",
        ]
        for step, took in steps.items()
    ]
    lines.append(
        [
            f"build, {runs:,} runs: all, {rows:,} rows",
            f"{whole:.1f} s",
            f"{60 * rows / whole / 1e6:.2f} million rows/min, peak {peak / 1024:.2f} GiB",
        ]
    )
    found = {"runs": runs, "rows": rows, "steps": steps, "wall": whole, "peak_mb": peak}
    return lines, found | {"tables": done[0]["rows"], "parquet_bytes": done[0]["parquet_bytes"]}


def asked(effort: Effort, folder: Path) -> tuple[Lines, dict[str, Any]]:
    """The wide view, cold in a new process and warm, and both rivals."""
    done = [part("query", str(folder / "build")) for _ in range(effort.repeats)]
    found: dict[str, Any] = {
        f"{how} {kind}": statistics.median(
            one[how][0] if kind == "cold" else statistics.median(one[how][1:]) for one in done
        )
        for how in ("query", "file")
        for kind in ("cold", "warm")
    }
    found |= part("naive", str(folder / "build"), str(effort.sample))
    cells = effort.cells
    lines: Lines = [
        [f"`SELECT * FROM cells`, {cells:,} cells, {where}", f"{found[name]:.2f} s",
         f"{found['pivot'] / found[name]:.1f} times"]
        for name, where in (
            ("query cold", "verified Parquet, new process"),
            ("query warm", "verified Parquet, again"),
            ("file cold", "catalog.duckdb, new process"),
            ("file warm", "catalog.duckdb, again"),
            ("pivot", "pivot in Python"),
        )
    ]  # fmt: skip
    lines.append(
        ["rows of `estimates` inserted one by one", f"{found['insert_rows_per_s']:,.0f} rows/s", ""]
    )
    return lines, found


def curves(effort: Effort, folder: Path) -> tuple[Lines, dict[str, Any]]:
    """`aggregate` and `report` of projects whose records are on disk."""
    lines, found = Lines(), {}
    os.environ["LANDSCAPE_STORE"] = str(folder / "curve store")
    for cells in effort.curve:
        project = folder / f"{cells} cells"
        write_project(project, cells)
        used(["-m", "landscape_catalog", "aggregate"], project)  # copies the records to the store
        commands = {
            name: median_of(
                partial(used, ["-m", "landscape_catalog", name], project), min(effort.repeats, 3)
            )
            for name in ("aggregate", "report")
        }
        found[cells] = {
            name: {"cpu": usage.cpu, "peak_mb": usage.peak_mb} for name, usage in commands.items()
        }
        size = (project / "reports" / "phases.html").stat().st_size
        lines.append(
            [
                f"{cells:,} cells: aggregate, report",
                *(f"{usage.cpu:.1f} s" for usage in commands.values()),
                *(f"{1000 * usage.cpu / cells:.1f} ms/cell" for usage in commands.values()),
                f"page {size / 1e6:.1f} MB",
            ]
        )
    return lines, found


def imported(published: Path | None, effort: Effort, folder: Path) -> tuple[Lines, dict[str, Any]]:
    """`landscape import zhou2024` of the CSV files in a folder of published results, if there is
    one, each time into a new project."""
    files = [] if published is None else sorted(published.glob("zhou2024/*.csv"))
    lines, found = Lines(), {}
    for file in files:
        usages = []
        for number in range(min(effort.repeats, 3)):
            project = write_params(folder / f"{file.stem} {number}", params_of(1, 1))
            words = ["import", "zhou2024", str(file.resolve()), "--name", "published"]
            usages.append(used(["-m", "landscape_catalog", *words], project))
        found[file.name] = statistics.median(usage.cpu for usage in usages)
        size = file.stat().st_size / 1e6
        what = f"import zhou2024, {file.name}, {size:.1f} MB"
        lines.append([what, f"{found[file.name]:.2f} s", ""])
    return lines, found
