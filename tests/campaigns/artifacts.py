"""Random damage to files of a finished project and its store, which the stages mend or name."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.campaigns.damage import damage
from tests.campaigns.outcome import Outcome, WrongResultError, observe
from tests.stages import run_stages

SECONDS = 120.0
STAGES = ("prepare", "train", "measure", "aggregate", "report")
WAYS = ("flip", "cut", "empty", "grow", "gone", "folder", "swap", "pipe", "link", "zeros", "text")


def places(project: Path, store: Path) -> dict[str, list[Path]]:
    """The files of a project and its store, by what they are."""
    found: dict[str, list[Path]] = {}
    for root in (project / "data", project / ".landscape", project / "reports", store):
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            relative = path.relative_to(root)
            kind = f"{root.name}/{relative.parts[0]}/*{path.suffix}"
            found.setdefault(kind, []).append(path)
    return found


def outputs(project: Path) -> dict[str, bytes]:
    """The bytes of the tables, of `metrics.json` and of the report."""
    tables = sorted((project / "data" / "catalog").glob("*.parquet"))
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in [
            *tables,
            project / "reports" / "metrics.json",
            project / "reports" / "phases.html",
        ]
    }


def case(finished: tuple[Path, Path], folder: Path) -> Callable[[int, random.Random], Outcome]:
    """Cases that damage copies of a finished project in this folder."""
    project, store = finished
    right = outputs(project)

    def run(number: int, draw: random.Random) -> Outcome:
        place = folder / f"damaged {number}"
        copies = place / "project", place / "store"
        copies[0].mkdir(parents=True)
        shutil.copy(project / "params.yaml", copies[0])
        for name in ("data", "reports", ".landscape"):
            shutil.copytree(project / name, copies[0] / name)
        shutil.copytree(store, copies[1])
        kinds = places(*copies)
        kind = sorted(kinds)[number % len(kinds)]
        path = draw.choice(kinds[kind])
        way = draw.choice(WAYS)
        others = [other for other in kinds[kind] if other != path]
        damage(path, way, draw, others)
        words = f"artifacts:{number}: {kind} {way}"
        try:
            return observe(words, lambda: mended(*copies, right), SECONDS)
        finally:
            shutil.rmtree(place)

    return run


def mended(project: Path, store: Path, right: dict[str, bytes]) -> None:
    """Run all stages; what they end with has to be what there was."""
    run_stages(project, store, *STAGES)
    found = outputs(project)
    different = [name for name, content in right.items() if found.get(name) != content]
    if different:
        raise WrongResultError(f"other bytes in {', '.join(different)}")
