"""Run every preset at scale `smoke` with `dvc repro`, and collect the reports.

Each preset runs in a copy of the project under build/presets/. They share one run store, so that
networks common to several presets are trained once. Reports: reports/presets/NAME.html.

    python scripts/smoke_presets.py [NAME ...]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from landscape_catalog.presets import PRESETS

ROOT = Path.cwd()
BUILD, REPORTS = ROOT / "build" / "presets", ROOT / "reports" / "presets"
PROJECT_FILES = ("dvc.yaml", ".dvcignore", ".gitignore", "landscape_catalog", ".dvc", "custom")


def make_copy(folder: Path) -> None:
    """Copy the project without its results, and make it a Git repository, as DVC requires."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    skipped = shutil.ignore_patterns("__pycache__", "tmp", "cache", "config.local")
    for name in PROJECT_FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=skipped)
        else:
            shutil.copy(source, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


def run_preset(name: str) -> float:
    """Run one preset; returns its duration in seconds."""
    folder = BUILD / name
    make_copy(folder)
    variables = {**os.environ, "LANDSCAPE_STORE": str(BUILD / "store"), "DVC_NO_ANALYTICS": "1"}
    started = time.monotonic()
    for words in (["landscape", "preset", "use", name, "--scale", "smoke"], ["dvc", "repro", "-q"]):
        subprocess.run(words, cwd=folder, env=variables, check=True)
    REPORTS.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "reports" / "phases.html", REPORTS / f"{name}.html")
    return time.monotonic() - started


def main() -> None:
    """Run the given presets, or all of them; the exit code is 1 if any failed."""
    failed = []
    for name in sys.argv[1:] or PRESETS:
        try:
            print(f"{name}: {run_preset(name):.0f} s", flush=True)
        except subprocess.CalledProcessError as error:
            failed.append(name)
            print(f"{name}: failed: {' '.join(error.cmd)}", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
