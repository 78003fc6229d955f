"""The catalog's benchmark: planning, building, asking and drawing, beside the same done naively.

    python benchmarks/catalog.py [PART ...] [--quick] [--million] [--before REVISION]
                                 [--published FOLDER] [--json FILE]

Parts: `plan`, `build`, `query`, `curves`, `import`; by default all. Results are made up cell by
cell (`benchmarks/made_up_results.py`): five runs and ten pairs a cell, 150 epochs for a tenth of
the runs. Each figure is the median over repeats, each of them in a process of its own; times of
commands are processor time, user and system, of the whole command.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.catalog_steps import (
    MILLION,
    QUICK,
    Effort,
    Lines,
    asked,
    build,
    curves,
    imported,
    plan,
)
from benchmarks.machine import OtherWork, cores, facts, table
from benchmarks.product import checkout_of

PARTS = ("plan", "build", "query", "curves", "import")


def main(words: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure the parts and print a table; returns what was found, as JSON values."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="tiny grids, to see that it works")
    parser.add_argument("--million", action="store_true", help="also build a million runs, once")
    parser.add_argument("--before", help="a revision or folder whose `plan` is timed as well")
    parser.add_argument("--published", type=Path, help="a folder with published CSV files")
    parser.add_argument("--json", type=Path, help="where the figures are written")
    given = parser.parse_args(words)
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}")
    others, start = OtherWork(), time.perf_counter()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="catalog-")))
        stack.enter_context(mock.patch.dict(os.environ))  # the steps set the store
        before = stack.enter_context(checkout_of(given.before)) if given.before else None
        lines, found = _measured(given, before, folder)
    width = max(map(len, lines), default=0)
    padded = [[*line, *[""] * (width - len(line))] for line in lines]
    print(table(["what", *[""] * (width - 1)], padded))
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = (children.ru_utime + children.ru_stime) / (time.perf_counter() - start) / cores()
    other_work = max(others.share() - own, 0.0)
    print(f"Other processes used {other_work:.0%} of the cores.")
    report = {"machine": facts(), "command": sys.argv[1:], "other_work": other_work, **found}
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")
    return report


def _measured(
    given: argparse.Namespace, before: Path | None, folder: Path
) -> tuple[Lines, dict[str, Any]]:
    effort, parts = QUICK if given.quick else Effort(), set(given.parts or PARTS)
    steps: dict[str, Callable[[], tuple[Lines, dict[str, Any]]]] = {
        "plan": partial(plan, effort, before, folder),
        "build": partial(build, effort, effort.cells, folder),
        "query": partial(asked, effort, folder),
        "curves": partial(curves, effort, folder),
        "import": partial(imported, given.published, effort, folder),
        "million": partial(build, effort, MILLION, folder / "million"),
    }
    if "query" in parts:
        parts.add("build")
    if given.million:
        parts.add("million")
    lines, found = Lines(), dict[str, Any]()
    for name in [name for name in steps if name in parts]:
        more, found[name] = steps[name]()
        lines += more
        print(*(" | ".join(map(str, line)) for line in more), sep="\n", flush=True)
    return lines, found


if __name__ == "__main__":
    main()
