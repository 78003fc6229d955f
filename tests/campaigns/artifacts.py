"""Random damage to files of a finished project and its store, which the stages mend or name."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.campaigns.outcome import Outcome, WrongResultError, observe, release_pipes
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


def damage(path: Path, others: list[Path], way: str, draw: random.Random) -> None:
    """Damage a file."""
    content = path.read_bytes()
    if way in ("gone", "folder", "pipe", "link"):
        path.unlink()
        if way == "folder":
            path.mkdir()
        elif way == "pipe":
            os.mkfifo(path)
        elif way == "link":
            path.symlink_to(path.parent / "nowhere")
        return
    at = draw.randrange(max(len(content), 1))
    flipped = bytes([content[at] ^ (1 << draw.randrange(8))]) if content else b"x"
    path.unlink()  # the store's file may be the same one by a hard link
    path.write_bytes(
        {
            "flip": content[:at] + flipped + content[at + 1 :],
            "cut": content[:at],
            "empty": b"",
            "grow": content + draw.randbytes(7),
            "swap": draw.choice(others).read_bytes() if others else b"",
            "zeros": bytes(len(content)),
            "text": b'{"a": ' * 2000,
        }[way]
    )


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
        damage(path, others, way, draw)
        words = f"artifacts:{number}: {kind} {way}"
        try:
            with release_pipes(place):
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
