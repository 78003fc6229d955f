"""The figure of docs/performance.md: `python benchmarks/performance_figure.py RESULTS [IMAGE]`.

Draws the cost of training from what `benchmarks/training.py --json` wrote: milliseconds per step
and network against width, batch size, the number of networks that are trained together, and the
number of workers. Dotted lines are the machine's limit: the multiply-adds of a step, forward and
backward, at the speed of a large matrix product on all threads that take part.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from landscape_catalog.models.registry import multiply_adds
from landscape_catalog.reports.data.colours import sequence

IMAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.svg"
PASSES = 3  # a backward pass costs two forward passes
KINDS = {"product": [1, 0], "plain loop": [6, 3], "limit": [1, 3]}
COST = "ms per step and network"
WIDTH, HEIGHT = 300, 230
Row = dict[str, Any]


def limit_ms(width: int, batch_size: int, threads: int, gigaflops: float) -> float:
    """Milliseconds of a step's arithmetic on digits at the speed of a matrix product.

    Args:
        width: k of a ResNet18.
        batch_size: samples per step.
        threads: threads that work on networks side by side.
        gigaflops: GFLOP/s of a matrix product with one thread.
    """
    sizes: dict[str, Any] = {"input_shape": (1, 8, 8), "n_outputs": 10, "args": {}}
    forward = multiply_adds("resnet18", width=width, **sizes)
    return 1e3 * 2 * PASSES * batch_size * forward / (threads * gigaflops * 1e9)


def grid_rows(rows: Sequence[Mapping[str, Any]], gigaflops: float) -> list[Row]:
    """Digits: product, plain loop and limit for each width and batch size."""
    found = []
    for row in rows:
        place = {"k": row["width"], "batch size": row["batch_size"]}
        limit = limit_ms(row["width"], row["batch_size"], row["workers"], gigaflops)
        costs = {"product": row["ms"]["product"], "plain loop": row["ms"]["plain"], "limit": limit}
        found += [{**place, "kind": kind, COST: cost} for kind, cost in costs.items()]
    return found


def counted_rows(
    rows: Sequence[Mapping[str, Any]], count: str, name: str, gigaflops: float
) -> list[Row]:
    """Product and limit by a count: members of a group on one thread, or workers."""
    found = []
    for row in rows:
        ms = row["ms"] if count == "members" else row["ms"]["product"]
        threads = 1 if count == "members" else row["workers"]
        limit = limit_ms(row["width"], row["batch_size"], threads, gigaflops)
        found += [
            {name: row[count], "k": row["width"], "kind": kind, COST: cost}
            for kind, cost in (("product", ms), ("limit", limit))
        ]
    return found


def lines(rows: Sequence[Row], x: str, colour: str, title: str) -> alt.LayerChart:
    """Cost against `x`, a line per `colour`; dashes tell its kind, and points what was measured."""
    values, shades = (sorted({row[name] for row in rows}) for name in (x, colour))
    kinds = [kind for kind in KINDS if any(row["kind"] == kind for row in rows)]
    ticks = alt.Axis(values=values)
    base = alt.Chart().encode(
        x=alt.X(f"{x}:Q", scale=alt.Scale(type="log", base=2, nice=False), axis=ticks),
        y=alt.Y(f"{COST}:Q", scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=6)),
        color=alt.Color(
            f"{colour}:O", scale=alt.Scale(domain=shades, range=sequence(len(shades))), title=colour
        ),
    )
    dashes = alt.StrokeDash(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=[KINDS[kind] for kind in kinds]),
        legend=alt.Legend(title=None, symbolType="stroke", symbolSize=400),
    )
    drawn = base.mark_line(strokeWidth=1.6).encode(strokeDash=dashes)
    points = base.transform_filter("datum.kind != 'limit'").mark_point(filled=True, size=22)
    data = alt.Data(values=list(rows))
    return alt.layer(drawn, points, data=data, title=title, width=WIDTH, height=HEIGHT)


def figure(results: Mapping[str, Any]) -> alt.TopLevelMixin:
    """Four panels, or fewer if parts are missing.

    Args:
        results: what `benchmarks/training.py --json` wrote, with `digits` at least.

    Raises:
        KeyError: if `digits` was not measured.
    """
    speed = results["digits"]["machine"]["gigaflops_one"]
    grid = grid_rows(results["digits"]["found"], speed)
    panels = [
        lines(grid, "k", "batch size", "Width: digits, two workers"),
        lines(grid, "batch size", "k", "Batch size: digits, two workers"),
    ]
    if "groups" in results:
        found = results["groups"]["found"]
        batch_size = min(row["batch_size"] for row in found)
        rows = [row for row in found if row["batch_size"] == batch_size]
        title = f"Networks trained together: one thread, batch size {batch_size}"
        members = "networks in a group"
        panels.append(lines(counted_rows(rows, "members", members, speed), members, "k", title))
    if "workers" in results:
        rows = counted_rows(results["workers"]["found"], "workers", "workers", speed)
        panels.append(lines(rows, "workers", "k", "Workers: batch size 32"))
    return (
        alt.concat(*panels, columns=2, spacing=30)
        .resolve_scale(color="independent", strokeDash="independent")
        .configure_axis(titleFontWeight="normal", gridColor="#eee")
        .configure_view(stroke="#ddd")
    )


def main() -> None:
    """Write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="file written by training.py --json")
    parser.add_argument("image", type=Path, nargs="?", default=IMAGE, help="SVG or PNG")
    options = parser.parse_args()
    options.image.parent.mkdir(parents=True, exist_ok=True)
    figure(json.loads(options.results.read_text())).save(str(options.image), scale_factor=2)


if __name__ == "__main__":
    main()
