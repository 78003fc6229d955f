"""What `landscape collect` takes, beside getting the same catalogs from DVC one by one.

    python benchmarks/collecting.py [--experiments 300] [--cells 200] [--sample 10]

A temporary repository has that many finished DVC experiments, each with a catalog of that many
cells with five runs of forty epochs, all different. Each time is that of a whole command. What
goes through DVC is timed on a sample, and the time for all is computed from it. docs/collecting.md
quotes the table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import describe, table
from landscape_catalog.catalog import TABLES, packed_tables
from landscape_catalog.catalog.tables import TYPES

ROOT = Path(__file__).resolve().parent.parent
RUNS, EPOCHS = 5, 40  # of a cell, of a run
ROWS_OF_A_CELL = {
    "cells": 1,
    "cell_metrics": 40,
    "runs": RUNS,
    "snapshots": RUNS,
    "epochs": RUNS * EPOCHS,
    "estimates": 20 * RUNS,
    "hessians": RUNS,
    "curves": RUNS,
    "curve_points": 5 * RUNS,
    "pairs": 2 * RUNS,
    "similarities": 2 * RUNS,
    "phases": 1,
    "phase_probabilities": 5,
}
FEW_ROWS = 4  # of the other tables
STAGES = """\
stages:
  aggregate:
    cmd: landscape aggregate
    outs:
    - data/catalog:
        persist: true
"""
NAIVE = """\
import json, sys, time
from pathlib import Path
from dvc.api import DVCFileSystem

for number, commit in enumerate(json.loads(sys.argv[1])):
    files = DVCFileSystem(".", rev=commit)
    target = Path(sys.argv[2], str(number))
    target.mkdir(parents=True)
    files.get("data/catalog", str(target), recursive=True)
"""
IDENTITY = {
    f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


def made_up(number: int, cells: int) -> dict[str, bytes]:
    """The files of a catalog of random numbers."""
    random = np.random.Generator(np.random.Philox(key=number))
    tables = {}
    for name, declared in TABLES.items():
        rows = 1 if name == "experiments" else cells * ROWS_OF_A_CELL.get(name, 0) or FEW_ROWS
        columns = {}
        for column, kind, _ in declared.columns:
            counted = np.arange(rows) // 7
            values = {
                "text": lambda c=column, n=counted: [f"{c} {number} {i}" for i in n],
                "integer": lambda n=counted: n,
                "real": lambda r=rows: random.standard_normal(r),
                "boolean": lambda n=counted: n % 2 == 0,
            }[kind]()
            columns[column] = pl.Series(column, values, dtype=TYPES[kind])
        tables[name] = pl.DataFrame(columns)
    ids = {"experiment_id": f"e{number:015x}", "classification_id": f"c{number:015x}"}
    lit = [pl.lit(text, pl.String).alias(column) for column, text in ids.items()]
    return packed_tables({**tables, "experiments": tables["experiments"].with_columns(lit)})


def stored(cache: Path, files: dict[str, bytes]) -> str:
    """Write a folder to DVC's cache; returns its hash."""
    entries = []
    for name, content in sorted(files.items()):
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        _write(cache, md5, content)
        entries.append({"md5": md5, "relpath": name})
    listing = json.dumps(entries).encode()
    md5 = f"{hashlib.md5(listing, usedforsecurity=False).hexdigest()}.dir"
    _write(cache, md5, listing)
    return md5


def _write(cache: Path, md5: str, content: bytes) -> None:
    path = cache / "files" / "md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def git(folder: Path, *words: str, given: bytes = b"") -> str:
    """Run Git; returns what it prints."""
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env=os.environ | IDENTITY,
        input=given,
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout.decode().strip()


def make_repository(root: Path, experiments: int, cells: int) -> tuple[list[str], int]:
    """A repository with DVC experiments.

    Returns:
        Their commits, and the number of bytes of their catalogs.
    """
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=root, check=True)
    shutil.copy(ROOT / "params.yaml", root)
    (root / "dvc.yaml").write_text(STAGES)
    (root / ".gitignore").write_text("/data\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "start")
    base, size, text = git(root, "rev-parse", "HEAD"), 0, b""
    template = (ROOT / "dvc.lock").read_text()
    for number in range(experiments):
        files = made_up(number, cells)
        size += sum(map(len, files.values()))
        lock = _lock(template, stored(root / ".dvc" / "cache", files)).encode()
        head = f"commit refs/exps/{base[:2]}/{base[2:]}/exp-{number}\ncommitter t <t@t> 0 +0000\n"
        head += f"data 0\nfrom {base}\nM 100644 inline dvc.lock\ndata {len(lock)}\n"
        text += head.encode() + lock + b"\n"
    git(root, "fast-import", "--quiet", given=text)
    return git(root, "for-each-ref", "--format=%(objectname)", "refs/exps").split(), size


def _lock(template: str, md5: str) -> str:
    """The project's own `dvc.lock`, so that it is as long as real ones, with another catalog."""
    before, _, after = template.partition("- path: data/catalog\n      hash: md5\n      md5: ")
    return f"{before}- path: data/catalog\n      hash: md5\n      md5: {md5}{after[36:]}"


def timed(root: Path, *words: str) -> tuple[float, str]:
    """Seconds that a command takes, and what it prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, stdout=subprocess.PIPE, check=True
    )
    return time.perf_counter() - start, done.stdout.decode()


class Timings:
    """Times of commands in a repository, as rows of a table.

    Args:
        root: the repository.
        count: number of its experiments.
    """

    def __init__(self, root: Path, count: int) -> None:
        self._root, self._count = root, count
        self.rows: list[list[object]] = []

    def take(self, what: str, *commands: tuple[str, ...], sample: int | None = None) -> str:
        """Time commands; a sample of the experiments stands for all of them."""
        done = [timed(self._root, *words) for words in commands]
        seconds, size = sum(seconds for seconds, _ in done), sample or self._count
        self.rows.append([what, size, f"{seconds:.2f}", f"{seconds * self._count / size:.1f}"])
        return done[-1][1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=300)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--sample", type=int, default=10)
    given = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "study", Path(folder) / "out"
        commits, size = make_repository(root, given.experiments, given.cells)
        each = size / 1e6 / len(commits)
        print(f"{len(commits)} experiments of {given.cells} cells, {each:.1f} MB each")
        collect = ("-m", "landscape_catalog", "collect", "--experiments")
        timings, sample = Timings(root, len(commits)), commits[: given.sample]
        print(timings.take("collect, all new", collect).splitlines()[0])
        print(timings.take("collect, nothing new", collect).splitlines()[0])
        (root / "data" / "collected" / "index.json").unlink()
        timings.take("collect, index lost", collect)
        api = ("-c", NAIVE, json.dumps(sample), str(out / "api"))
        timings.take("`dvc.api.DVCFileSystem`, one process", api, sample=len(sample))
        get = ("-m", "dvc", "get", "-q", ".", "data/catalog", "--rev")
        gets = [(*get, commit, "-o", str(out / commit)) for commit in sample]
        timings.take("`dvc get`, each", *gets, sample=len(sample))
        show = ("-m", "dvc", "exp", "show", "--json")
        timings.take("`dvc exp show --json`, which only lists", show)
        timings.take("the same again", show)
    print(table(["what", "experiments", "seconds", f"for {len(commits)}"], timings.rows))


if __name__ == "__main__":
    main()
