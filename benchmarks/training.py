"""Training against a plain loop: `python benchmarks/training.py [PART ...] [--quick]`.

Parts, all of them if none is named (with --quick all but `map`):

- machine: GFLOP/s and copy bandwidth, and the limit that convolutions set at 32 x 32;
- digits: widths 1, 2, 4, 8 and batch sizes 8, 16, 32, 64 on all 1,437 digits;
- images: 5,000 made-up images of 32 x 32, widths 4 and 8, batch size 128;
- transformer: 2 + 2 layers, d = 16, 1,000 sentence pairs;
- workers: digits with one worker and with two;
- groups: the engine alone, one thread, by the number of networks trained together;
- overhead: what 1,000 tiny runs cost beside their updates;
- map: the stages of benchmarks/map.yaml, one by one.

The product runs through its stages, in a temporary project with an empty store; its workers have
one thread each and have started before the clock does. The plain loop trains one network at a time
with torch's default number of threads. Both are timed in turn, with another version of the product
if --before names one; figures are medians over repeats. The last line is the geometric mean over
the cells of digits. docs/performance.md explains the tables.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import training_speed, training_tables
from benchmarks.convolutions import limit
from benchmarks.machine import facts
from benchmarks.product import ROOT, Product, checkout_of
from benchmarks.training_cases import FULL, QUICK, Effort
from benchmarks.training_groups import groups
from benchmarks.training_map import whole_map
from benchmarks.training_overhead import overhead
from landscape_catalog.runner.memory import keep_freed_memory

Products = dict[str, Product]


def machine(products: Products, effort: Effort) -> dict[str, Any]:
    """The machine's speed, and the limit of the convolutions at 32 x 32 and batch size 128."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, keep_freed_memory) as pool:  # as the product's workers do
        jobs = [(width, (3, 32, 32), 128) for width in effort.image_widths]
        limits = pool.starmap(limit, jobs, 1)
    return {"machine": facts(), "limits": limits}


PARTS: dict[str, Callable[[Products, Effort], Any]] = {
    "machine": machine,
    "digits": training_speed.digits,
    "images": training_speed.images,
    "transformer": training_speed.transformer,
    "workers": training_speed.workers,
    "groups": groups,
    "overhead": lambda products, effort: {
        name: overhead(one, effort) for name, one in products.items()
    },
    "map": whole_map,
}
NOT_QUICK = {"map"}


def measured(
    parts: list[str], effort: Effort, before: str | None, command: str, keep: Callable[[Any], None]
) -> dict[str, Any]:
    """Measure parts, print their tables, and hand the results so far to `keep` after each.

    Args:
        parts: keys of `PARTS`.
        effort: how long everything is timed.
        before: folder or Git revision of another version of the product, or None.
        command: the command line, noted beside each result.
        keep: called with the results, by part.
    """
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="training-")))
        checkouts = {"product": ROOT}
        if before is not None:
            checkouts["before"] = stack.enter_context(checkout_of(before))
        products = {
            name: stack.enter_context(Product(checkout, folder / name))
            for name, checkout in checkouts.items()
        }
        here = facts()
        print(training_tables.describe(here), flush=True)
        for part in parts:
            started = time.perf_counter()
            found = PARTS[part](products, effort)
            results[part] = {
                "found": found,
                "machine": here,
                "command": command,
                "date": datetime.now(UTC).isoformat(timespec="seconds"),
                "seconds": round(time.perf_counter() - started, 1),
                "plain_threads": torch.get_num_threads(),
            }
            print(f"\n## {part} ({results[part]['seconds']:.0f} s)\n", flush=True)
            print(training_tables.TABLES[part](found), flush=True)
            keep(results)
    return results


def parsed() -> argparse.Namespace:
    """The options, with the parts to measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="at most ten minutes on two cores")
    parser.add_argument(
        "--before", metavar="PLACE",
        help="also time another version of the product: a checkout's folder, or a Git revision",
    )  # fmt: skip
    parser.add_argument(
        "--json", type=Path, metavar="FILE",
        help="write the results; parts that the file has from earlier calls are kept",
    )  # fmt: skip
    parser.add_argument(
        "--plain-threads", type=int, default=torch.get_num_threads(),
        help="threads of the plain loop; use 1 on a machine that is busy otherwise, where two "
        "threads that wait for each other slow down many times",
    )  # fmt: skip
    parser.add_argument(
        "--cells", type=int, choices=(1, 2), default=2,
        help="cells of five seeds that `digits` trains at once; 1: a lone cell, whose five "
        "networks cannot be divided evenly among two workers",
    )  # fmt: skip
    options = parser.parse_args()
    parts = options.parts or [
        part for part in PARTS if not (options.quick and part in NOT_QUICK)
    ]  # fmt: skip
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f"no part is named {', '.join(unknown)}; there are {', '.join(PARTS)}")
    options.parts = parts
    return options


def main() -> None:
    """Measure, print tables, and write the results."""
    options = parsed()
    torch.set_num_threads(options.plain_threads)
    command = shlex.join(["python", "benchmarks/training.py", *sys.argv[1:]])
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}

    def keep(results: dict[str, Any]) -> None:
        if options.json:
            options.json.write_text(json.dumps({**known, **results}, indent=1) + "\n")

    effort = QUICK if options.quick else FULL
    effort = replace(effort, rates=effort.rates[: options.cells])
    results = measured(options.parts, effort, options.before, command, keep)
    print(f"\n{training_tables.conclusion(results)}")


if __name__ == "__main__":
    main()
