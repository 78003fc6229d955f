"""The tables of `benchmarks/training.py`, and its last line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.machine import table
from benchmarks.training_speed import geometric_mean

Row = Mapping[str, Any]


def describe(machine: Row) -> str:
    """The machine in one line."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['processor']} ({machine['vectors']}), {machine['cores']} cores, load "
        f"{machine['load']}: {machine['gigaflops_one']} GFLOP/s with one thread and "
        f"{machine['gigaflops_all']} with all, copy {machine['copy_gigabytes_one']} and "
        f"{machine['copy_gigabytes_all']} GB/s; Python {machine['python']}, {versions}"
    )


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}x"


def _speeds(rows: Sequence[Row], *further: tuple[str, Callable[[Row], str]]) -> str:
    """A table of cases: milliseconds per step and network, runs per hour, ratios."""
    with_before = any("before" in row["ms"] for row in rows)
    head = ["k", "batch", "ms, product", "ms, plain", "runs/h, product", "runs/h, plain", "ratio"]
    head += ["ms, before", "ratio to before"] if with_before else []
    head += [name for name, _ in further] + ["other work"]
    lines = []
    for row in rows:
        line = [
            row["width"], row["batch_size"], f"{row['ms']['product']:.2f}",
            f"{row['ms']['plain']:.2f}", f"{row['runs_per_hour']['product']:.0f}",
            f"{row['runs_per_hour']['plain']:.0f}", _times(row["ratio"]),
        ]  # fmt: skip
        if with_before:
            line += [f"{row['ms']['before']:.2f}", _times(row["ratio_before"])]
        line += [value(row) for _, value in further]
        lines.append([*line, f"{100 * row['other_work']:.0f}%"])
    return table(head, lines)


def _machine(found: Row) -> str:
    head = ["k", "convolutions, ms", "GFLOP/s", "most costly shape", "its GFLOP/s", "best GFLOP/s"]
    keys = ("k", "ms", "gigaflops", "largest", "largest_gigaflops", "best_gigaflops")
    lines = [[row[key] for key in keys] for row in found["limits"]]
    return f"{describe(found['machine'])}\n\n{table(head, lines)}"


def _digits(rows: Sequence[Row]) -> str:
    return f"{_speeds(rows)}\n\n{_mean_of(rows)}"


def _images(rows: Sequence[Row]) -> str:
    return _speeds(
        rows,
        ("ms of a step, product", lambda row: f"{row['step_ms']['product']:.1f}"),
        ("ratio of steps", lambda row: _times(row["step_ratio"])),
    )


def _transformer(rows: Sequence[Row]) -> str:
    return _speeds(rows, ("optimiser", lambda row: row["optimizer"]))


def _workers(rows: Sequence[Row]) -> str:
    return _speeds(rows, ("workers", lambda row: str(row["workers"])))


def _groups(rows: Sequence[Row]) -> str:
    head = ["k", "batch", "members", "ms per step and network"]
    keys = ("width", "batch_size", "members")
    return table(head, [[*(row[key] for key in keys), f"{row['ms']:.2f}"] for row in rows])


def _overhead(found: Mapping[str, Row]) -> str:
    head = [
        "version", "runs", "overhead per run, ms", "of the cores' time, ms", "workers start, s",
        "worker after 100 runs, MB", "after all, MB", "first `dvc repro`, s", "no-op, s",
    ]  # fmt: skip
    lines = [
        [
            name, row["runs"], f"{row['overhead_ms']:.1f}", f"{row['core_ms']:.1f}",
            f"{row['seconds_to_start']:.1f}", f"{row['early_megabytes']:.0f}",
            f"{row['final_megabytes']:.0f}", f"{row['first_repro_seconds']:.1f}",
            f"{row['no_op_seconds']:.2f}",
        ]
        for name, row in found.items()
    ]  # fmt: skip
    return table(head, lines)


def _map(found: Row) -> str:
    versions = list(found["stages"])
    stages = found["stages"][versions[0]]
    lines = [
        [stage, *(f"{found['stages'][name][stage]:.1f}" for name in versions)] for stage in stages
    ]
    lines.append(["all", *(f"{found['total'][name]:.1f}" for name in versions)])
    plain = found["plain"]
    text = (
        f"{table(['stage', *(f'{name}, s' for name in versions)], lines)}\n\n"
        f"A plain loop would take {plain['training']:.0f} s for the training and "
        f"{plain['curves']:.0f} s for the curves (Hessians and CKA left out): "
        f"{_times(found['ratio'])} of train and measure"
    )
    if "ratio_before" in found:
        text += f"; the version before takes {_times(found['ratio_before'])}"
    return text


TABLES: dict[str, Callable[[Any], str]] = {
    "machine": _machine,
    "digits": _digits,
    "images": _images,
    "transformer": _transformer,
    "workers": _workers,
    "groups": _groups,
    "overhead": _overhead,
    "map": _map,
}


def _mean_of(rows: Sequence[Row]) -> str:
    hardest = min(rows, key=lambda row: row["ratio"])
    text = (
        f"geometric mean over {len(rows)} cells: "
        f"{geometric_mean([row['ratio'] for row in rows]):.2f}x a plain loop "
        f"(hardest: {hardest['ratio']:.2f}x at k = {hardest['width']}, "
        f"batch size {hardest['batch_size']})"
    )
    if all("ratio_before" in row for row in rows):
        ratios = [row["ratio_before"] for row in rows]
        text += f", {geometric_mean(ratios):.2f}x the version before"
    return text


def conclusion(results: Mapping[str, Row]) -> str:
    """The last line: the geometric mean over the cells of digits, or of whatever has ratios."""
    if "digits" in results:
        return _mean_of(results["digits"]["found"])
    found = [part["found"] for part in results.values()]
    rows = [
        row for rows in found if isinstance(rows, list) for row in rows if "ratio" in row
    ]  # fmt: skip
    return _mean_of(rows) if rows else "geometric mean: no part with ratios was measured"
