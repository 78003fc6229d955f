"""Processes that a part of the GPU benchmark starts, each of which prints one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


class Child:
    """`python -m module argument` with this process's packages, which runs besides this process.

    Args:
        module: prints a line of JSON at its end.
        argument: passed to it as JSON.
        hides_gpus: whether it computes on the CPU alone.
    """

    def __init__(self, module: str, argument: Any, *, hides_gpus: bool) -> None:
        path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
        environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        if hides_gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(argument)],
            env=environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, seconds: float) -> Any:
        """What it printed.

        Raises:
            RuntimeError: if it failed.
            subprocess.TimeoutExpired: if it has not ended in time; it is stopped.
        """
        try:
            out, problems = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        if self._process.returncode:
            last = problems.strip().splitlines()[-3:]
            raise RuntimeError(f"a process ended with {self._process.returncode}: {last}")
        return json.loads(out.strip().splitlines()[-1])
