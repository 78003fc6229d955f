"""Correctness, determinism, memory and speed on a GPU, in one command of a few minutes.

    python benchmarks/gpu.py [--parts steps,memory] [--out FOLDER] [--golden FOLDER]

Needs a CUDA device, and nothing but this project and its dependencies; `--device cpu --toy` tries
the logic without one. Each part is a process with a time limit of its own, so that a slow part
takes nothing from the others, and every finding is written as soon as it is known: one line of JSON
each, `<part>.jsonl`. At the end, `gpu.json` has all of them with the card and the versions, and
`gpu.md` the tables.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

MOST_SECONDS = 480.0  # of the whole command
GRACE = 20.0  # seconds after which a part that has not ended by itself is killed
PACKAGES = ("torch", "torchvision", "triton", "numpy")


@dataclass(frozen=True)
class Part:
    """A part of the benchmark.

    Attributes:
        name: of its module in `benchmarks/on_gpu`.
        seconds: it begins nothing new after this time, and is killed `GRACE` later.
        timed: whether it takes timings, so that nothing may run beside it.
    """

    name: str
    seconds: float
    timed: bool = True


PARTS = (
    Part("correctness", 110, timed=False),
    Part("determinism", 110, timed=False),
    Part("memory", 40, timed=False),
    Part("steps", 140),
    Part("measuring", 90),
)


def longest(parts: Sequence[Part]) -> float:
    """Seconds that the parts take if all of them are killed in the end."""
    beside = max((part.seconds + GRACE for part in parts if not part.timed), default=0.0)
    return beside + sum(part.seconds + GRACE for part in parts if part.timed)


def main() -> int:
    """Run the parts, one after the other or those without timings together."""
    options = _options()
    if options.part:
        return _run_part(options)
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    names = options.parts.split(",") if options.parts else [part.name for part in PARTS]
    chosen = [part for part in PARTS if part.name in names]
    if len(chosen) < len(names):
        print(f"--parts: {options.parts}; there are {', '.join(p.name for p in PARTS)}")
        return 2
    began = time.monotonic()
    _wait_for([_started(part, options, out) for part in chosen if not part.timed])
    for part in chosen:
        if part.timed:
            _wait_for([_started(part, options, out)])
    found = {part.name: findings(out / f"{part.name}.jsonl") for part in chosen}
    summary = {**_machine(), "seconds": round(time.monotonic() - began, 1), "parts": found}
    (out / "gpu.json").write_text(json.dumps(summary, indent=1) + "\n")
    text = "\n\n".join(f"## {name}\n\n{table(rows)}" for name, rows in found.items())
    (out / "gpu.md").write_text(text + "\n")
    print(text)
    return int(any(row.get("ok") is False for rows in found.values() for row in rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true", help="smallest sizes, to try the logic")
    parser.add_argument("--parts", help="names, separated by commas; all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all time limits")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu")
    parser.add_argument("--golden", type=Path)
    parser.add_argument("--cifar", type=Path)
    parser.add_argument("--part", help=argparse.SUPPRESS)  # run one part in this process
    return parser.parse_args()


def _started(
    part: Part, options: argparse.Namespace, out: Path
) -> tuple[Part, subprocess.Popen[bytes], float]:
    """The process of a part, and when it is killed."""
    seconds = part.seconds * options.scale
    command = [
        sys.executable, str(Path(__file__).resolve()), "--part", part.name, "--out", str(out),
        "--device", options.device, "--scale", str(options.scale),
    ]  # fmt: skip
    if options.toy:
        command.append("--toy")
    for name in ("golden", "cifar"):
        if getattr(options, name) is not None:
            command += [f"--{name}", str(getattr(options, name).resolve())]
    with (out / f"{part.name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    return part, process, time.monotonic() + seconds + GRACE


def _wait_for(started: Sequence[tuple[Part, subprocess.Popen[bytes], float]]) -> None:
    for part, process, end in started:
        try:
            code = process.wait(max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            print(f"{part.name}: stopped after its time", flush=True)
        else:
            print(f"{part.name}: ended with {code}", flush=True)


def _run_part(options: argparse.Namespace) -> int:
    """Run one part in this process."""
    from benchmarks.on_gpu.part import Settings

    part = next(part for part in PARTS if part.name == options.part)
    settings = Settings(
        options.device, options.toy, part.seconds * options.scale, options.golden, options.cifar
    )
    path, began = options.out / f"{part.name}.jsonl", time.monotonic()
    path.write_text("")

    def note(name: str, **facts: Any) -> None:
        row = {"name": name, **facts, "at_s": round(time.monotonic() - began, 1)}
        with path.open("a") as file:
            file.write(json.dumps(row, default=str) + "\n")
        print(row, flush=True)

    importlib.import_module(f"benchmarks.on_gpu.{part.name}").run(settings, note)
    note("end")
    return 0


def findings(path: Path) -> list[dict[str, Any]]:
    """What a part has noted; a line that was cut off when it was killed is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Findings as a Markdown table: the name, and the facts in words."""
    lines = ["| finding | facts |", "|---|---|"]
    for row in rows:
        facts = [
            f"{key} {_shown(value)}" for key, value in row.items() if key not in ("name", "at_s")
        ]
        lines.append(f"| {row['name']} | {', '.join(facts)} |".replace("\n", " "))
    return "\n".join(lines)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _machine() -> dict[str, Any]:
    """The card, the driver and the versions."""
    import torch

    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    facts: dict[str, Any] = {
        "command": " ".join(["python benchmarks/gpu.py", *sys.argv[1:]]),
        "python": platform.python_version(), "versions": versions, "card": None,
    }  # fmt: skip
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        facts |= {
            "card": properties.name, "memory_gib": round(properties.total_memory / 2**30, 1),
            "multiprocessors": properties.multi_processor_count, "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }  # fmt: skip
    return facts


if __name__ == "__main__":
    sys.exit(main())
