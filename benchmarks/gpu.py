"""Correctness, determinism, memory and speed on a GPU, in one command of at most eight minutes.

    python benchmarks/gpu.py [--parts steps,memory] [--out FOLDER] [--golden FOLDER] [--cifar FILE]

Needs a CUDA device, and nothing but this project and what it imports (docs/gpu.md says how to bring
both to a bare machine); `--device cpu --toy` tries the logic without one. Each part is a process
that is killed with its children at its time limit, so that a slow part takes nothing from the
others, and every finding is written as soon as it is known, as a line of JSON in `findings.jsonl`.
`gpu.json` has all of them with the card, the versions, and how each part ended; `gpu.md` has the
tables, and `gpu.log` what the parts printed.

The exit code is 1 if a part crashed or was stopped, or if a check is not ok.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.on_gpu.running import GRACE, POLLING_SECONDS, Ended, Running  # noqa: E402

MOST_SECONDS = 480.0  # of the whole command
PACKAGES = ("torch", "torchvision", "triton", "numpy", "scipy", "landscape_catalog")


@dataclass(frozen=True)
class Part:
    """A part of the benchmark.

    Attributes:
        name: of its module in `benchmarks/on_gpu`.
        seconds: it begins nothing new after this time, and is killed `GRACE` later.
        timed: whether it takes timings, so that nothing may run beside it.
        waits: whether it gets the time that parts before it have not used.
    """

    name: str
    seconds: float
    timed: bool = True
    waits: bool = False


PARTS = (
    Part("correctness", 110, timed=False),
    Part("determinism", 110, timed=False),
    Part("memory", 70, timed=False),
    Part("memory_to_record", 70, timed=False),
    Part("compiling", 110, timed=False),
    Part("steps", 205, waits=True),
    Part("two_processes", 45),
    Part("measuring", 85),
)


def longest(parts: Sequence[Part]) -> float:
    """Seconds that the parts take if all of them are killed in the end."""
    beside = max((part.seconds + GRACE for part in parts if not part.timed), default=0.0)
    return beside + sum(part.seconds + GRACE for part in parts if part.timed)


def limit(part: Part, later: Sequence[Part], spent: float, scale: float = 1.0) -> float:
    """Seconds for a part; one that waits also gets what former ones have not used.

    >>> limit(Part("steps", 200, waits=True), [Part("measuring", 92)], 120.0)
    252.0
    """
    if not part.waits:
        return part.seconds * scale
    reserved = sum(other.seconds * scale + GRACE for other in later)
    return max(part.seconds * scale, MOST_SECONDS * scale - spent - reserved - GRACE)


def main() -> int:
    """Run the parts, one after the other or those without timings together."""
    options = _options()
    if options.part:
        return _run_part(options)
    names = options.parts.split(",") if options.parts else [part.name for part in PARTS]
    chosen = [part for part in PARTS if part.name in names]
    if len(chosen) < len(names):
        print(f"--parts: {options.parts}; there are {', '.join(p.name for p in PARTS)}")
        return 2
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for name in ("findings.jsonl", "gpu.log"):
        (out / name).write_text("")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the parts, too
    with tempfile.TemporaryDirectory() as cache:  # torch.compile begins with an empty one
        ended = _run_all(chosen, options, out, cache)
    summary = _summary(out, ended)
    print((out / "gpu.md").read_text())
    return exit_code(summary)


def _run_all(
    chosen: Sequence[Part], options: argparse.Namespace, out: Path, cache: str
) -> dict[str, Ended]:
    """How each part ended; the summary is written whenever one has."""
    began, ended = time.monotonic(), dict[str, Ended]()
    environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache, "PYTHONUNBUFFERED": "1"}
    beside = [part for part in chosen if not part.timed]
    rounds = [beside, *([part] for part in chosen if part.timed)]
    running: dict[str, Running] = {}
    try:
        for place, parts in enumerate(rounds):
            later = [part for others in rounds[place + 1 :] for part in others]
            for part in parts:
                seconds = limit(part, later, time.monotonic() - began, options.scale)
                command = _command(part, seconds, options, out)
                running[part.name] = Running(
                    command, seconds, log=out / "gpu.log", folder=ROOT, environment=environment
                )
            while running:
                time.sleep(POLLING_SECONDS)
                for name, process in list(running.items()):
                    if (how := process.poll()) is not None:
                        ended[name] = how
                        del running[name]
                        print(f"{name}: {_in_words(how)}", flush=True)
                        _summary(out, ended)
    finally:
        for process in running.values():
            process.kill()
    return ended


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true", help="smallest sizes, to try the logic")
    parser.add_argument("--parts", help="names, separated by commas; all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all time limits")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu")
    parser.add_argument("--golden", type=Path, help="folder of the authors' networks")
    parser.add_argument("--cifar", type=Path, help="a file of images, or the folder of batches")
    parser.add_argument("--part", help=argparse.SUPPRESS)  # run one part in this process
    parser.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _command(part: Part, seconds: float, options: argparse.Namespace, out: Path) -> list[str]:
    command = [
        sys.executable, str(Path(__file__).resolve()), "--part", part.name, "--out", str(out),
        "--device", options.device, "--seconds", str(seconds),
    ]  # fmt: skip
    if options.toy:
        command.append("--toy")
    for name in ("golden", "cifar"):
        if getattr(options, name) is not None:
            command += [f"--{name}", str(getattr(options, name).resolve())]
    return command


def _run_part(options: argparse.Namespace) -> int:
    """Run one part in this process."""
    from benchmarks.on_gpu.part import Settings

    name = next(part.name for part in PARTS if part.name == options.part)
    settings = Settings(options.device, options.toy, options.seconds, options.golden, options.cifar)
    path, began = options.out / "findings.jsonl", time.monotonic()

    def note(what: str, /, **facts: Any) -> None:
        row = {"part": name, "name": what, **facts, "at_s": round(time.monotonic() - began, 1)}
        with path.open("a") as file:
            file.write(json.dumps(row, default=str) + "\n")
        print(row, flush=True)

    note("machine", **_machine())
    importlib.import_module(f"benchmarks.on_gpu.{name}").run(settings, note)
    note("end")
    return 0


def findings(path: Path, part: str) -> list[dict[str, Any]]:
    """What a part has noted; a line that was cut off when it was killed is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if row.pop("part", None) == part:
            rows.append(row)
    return rows


def _summary(out: Path, ended: dict[str, Ended]) -> dict[str, Any]:
    """Write `gpu.json` and `gpu.md`."""
    machine: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for name, how in ended.items():
        rows = findings(out / "findings.jsonl", name)
        machine |= next((row for row in rows if row["name"] == "machine"), {})
        others = [row for row in rows if row["name"] not in ("machine", "end")]
        parts[name] = {**asdict(how), "findings": others}
    machine = {key: value for key, value in machine.items() if key not in ("name", "at_s")}
    command = " ".join(["python benchmarks/gpu.py", *sys.argv[1:]])
    summary = {"command": command, **machine, "parts": parts}
    (out / "gpu.json").write_text(json.dumps(summary, indent=1) + "\n")
    texts = [
        f"## {name}\n\n{_in_words(how)}\n\n{table(parts[name]['findings'])}"
        for name, how in ended.items()
    ]
    (out / "gpu.md").write_text("\n\n".join(texts) + "\n")
    return summary


def exit_code(summary: dict[str, Any]) -> int:
    """1 if a part did not end by itself without an error, or if a check is not ok."""
    for part in summary["parts"].values():
        if part["how"] != "ended" or any(row.get("ok") is False for row in part["findings"]):
            return 1
    return 0


def _in_words(ended: Ended) -> str:
    code = f" with code {ended.code}" if ended.how == "crashed" else ""
    return f"{ended.how}{code} after {ended.seconds:.0f} s of {ended.limit:.0f}"


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

    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    facts: dict[str, Any] = {
        "python": platform.python_version(), "versions": versions, "cores": os.cpu_count(),
        "card": None,
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
